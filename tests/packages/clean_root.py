"""Debian systems with nothing but what was asked for: made once with mmdebstrap, kept, and unpacked for each use."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SUITE = "bookworm"
# Makes the folder the root of everything, which, unlike chroot, leaves user namespaces to those inside.
ENTER = """
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
mkdir -p old
pivot_root . old
/old/bin/busybox umount -l /old
shift
exec "$@"
"""


def archive(packages: list[str], cache: pathlib.Path) -> pathlib.Path:
    """A tar file of the smallest Debian with `packages` and what they need."""
    wanted = ",".join(sorted(packages))
    kept = cache / f"{SUITE}-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}.tar"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = pathlib.Path(folder) / "root.tar"
            # A mirror that has stood still is good enough here.
            subprocess.run(["mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "--aptopt=Acquire::Check-Valid-Until \"false\"",
                            f"--include={wanted}", SUITE, made], check=True)
            made.rename(kept)
    return kept


class CleanRoot:
    """An unpacked system, gone at the end of the `with` block."""

    def __init__(self, packages: list[str], cache: pathlib.Path):
        self._tar = archive(packages, cache)

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="omnisandbox-clean-root-"))
        subprocess.run(["tar", "-xf", self._tar, "-C", self.folder, "--exclude=./dev/*"], check=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def run(self, *command: str, **more) -> subprocess.CompletedProcess:
        """In namespaces of its own, so that nothing is left of its mounts and processes."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", ENTER, "sh",
                               self.folder, *command],
                              env=environment, capture_output=True, text=True, timeout=300, **more)


def only_where_thorough() -> None:
    if os.environ.get("OMNISANDBOX_THOROUGH") != "1":
        print("skipped: packages are installed where OMNISANDBOX_THOROUGH=1")
        sys.exit(77)


def can_be_made() -> bool:
    return os.geteuid() == 0 and shutil.which("mmdebstrap") is not None
