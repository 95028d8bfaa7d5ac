"""Where the package's own programs and interpreters are. Empty text: not in the package, so the library looks where it was
installed. Whoever starts a program or maps an interpreter checks that nobody else may have written it."""

from pathlib import Path

_package = Path(__file__).resolve().parent
# A build has the package as links to its sources, and these beside the links.
_folders = (Path(__file__).parent, _package)


def _find(name: str) -> str:
    return next((str(folder / name) for folder in _folders if (folder / name).exists()), "")


WORKER = _find("_programs/omnisandbox-worker")
LAUNCHER = _find("_programs/omnisandbox-launcher")
CONTAINER_INIT = _find("_programs/omnisandbox-container-init")
INTERPRETERS = _find("_interpreters")
