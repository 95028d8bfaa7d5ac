"""The Debian packages of a build, as the tests find them."""

import pathlib
import subprocess


def field(package: pathlib.Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "--field", package, name], check=True, capture_output=True, text=True).stdout.strip()


def names_in(depends: str) -> list[str]:
    """The package's names in a Depends field, the first of each alternative."""
    return [part.split("|")[0].split("(")[0].strip() for part in depends.split(",")]


class Packages:
    """What cpack last made in a folder."""

    def __init__(self, folder: pathlib.Path):
        self.runtime, = folder.glob("omnisandbox_*.deb")
        self.development, = folder.glob("libomnisandbox-dev_*.deb")
        self.depends = names_in(field(self.runtime, "Depends"))
