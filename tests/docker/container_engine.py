#!/usr/bin/env python3
"""A container engine of the tests' own: the real dockerd with its own socket, folders and control groups, without any network of the
host's, and with one image, "test:1", of Debian's static busybox. test_engine.h is the same for tests in C++.

    container_engine.py PROGRAM [ARG…]     runs a program while the engine is there, found by DOCKER_HOST
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import io
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
from collections.abc import Iterator

IMAGE = "test:1"
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
START_SECONDS = 60
STOP_SECONDS = 30

_APPLETS = ("cat", "echo", "env", "false", "grep", "head", "id", "ls", "mkdir", "sh", "sleep", "touch", "true", "wc", "yes")
_BUSYBOX = "/bin/busybox"


def why_not() -> str | None:
    """Why there can be no engine here; None where there can."""
    if os.geteuid() != 0:
        # A daemon for a user needs set-up that a test must not make (subuid ranges, newuidmap).
        return "the tests with a real container engine start dockerd, which needs root"
    for program in ("dockerd", "docker", "unshare", _BUSYBOX):
        if shutil.which(program) is None:
            return f"the tests with a real container engine need {program}"
    return None


class ContainerEngine:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder / 'engine.sock'}"

    def docker(self, *args: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(["docker", "-H", self.address, *args], input=stdin, check=True, capture_output=True).stdout

    def our_containers(self) -> list[str]:
        """Ids of the containers that this product made and that are still there."""
        return self.docker("ps", "--all", "--quiet", "--filter", "label=omnisandbox.owner").decode().split()

    def containers_left(self, seconds: float = 15) -> list[str]:
        """Those that have served are removed in the background."""
        deadline = time.monotonic() + seconds
        while (left := self.our_containers()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def make_image(self, name: str = IMAGE) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(_BUSYBOX, "bin/busybox")
            for applet in _APPLETS:
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
            users = b"nobody:x:65534:65534::/:/bin/sh\n"
            entry = tarfile.TarInfo("etc/passwd")
            entry.size = len(users)
            tar.addfile(entry, io.BytesIO(users))
        self.docker("import", "-", name, stdin=archive.getvalue())


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(path)
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in client.recv(100)
        except OSError:
            return False


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


@contextlib.contextmanager
def container_engine() -> Iterator[ContainerEngine]:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="omnisandbox-engine-"))
    folder.chmod(0o755)
    engine = ContainerEngine(folder)
    group = f"/test-engine-{os.getpid()}"
    log = folder / "log"
    with open(log, "wb") as file:
        # What it mounts stays in a namespace of its own.
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "slave", "dockerd", "-H", engine.address, "--data-root", folder / "data",
             "--exec-root", folder / "exec", "--pidfile", folder / "pid", "--cgroup-parent", group, "--bridge=none",
             "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--log-level=warn"],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, preexec_fn=_end_with_parent)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(urllib.parse.urlparse(engine.address).path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd does not answer: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        engine.make_image()
        yield engine
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
        for left in (*glob.glob(f"/sys/fs/cgroup/*{group}"), f"/sys/fs/cgroup{group}"):
            with contextlib.suppress(OSError):
                os.rmdir(left)


def main() -> int:
    reason = why_not()
    if reason is not None:
        print(f"SKIPPED: {reason}")
        return SKIPPED
    with container_engine() as engine:
        return subprocess.run(sys.argv[1:], env={**os.environ, "DOCKER_HOST": engine.address}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
