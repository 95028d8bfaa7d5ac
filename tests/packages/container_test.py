"""The container image: built from the Debian package by a real engine, and used there.

container_test.py PACKAGES CLEAN_ROOTS DOCKERFILE
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import clean_root
from packages import Packages, field

PACKAGES, ROOTS, DOCKERFILE = (pathlib.Path(argument) for argument in sys.argv[1:4])


class Engine:
    """A dockerd of the test's own, on its own socket and folders, without a network."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="omnisandbox-image-"))
        self.group = f"test-image-{os.getpid()}"
        self._log = open(self.folder / "log", "wb")
        # Mounts in a namespace of its own, so that nothing is left of them.
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "slave", "dockerd", "--host", self.address, "--data-root", self.folder / "data",
             "--exec-root", self.folder / "exec", "--pidfile", self.folder / "pid", "--cgroup-parent", f"/{self.group}", "--bridge=none",
             "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--log-level=warn"],
            stdout=self._log, stderr=self._log)
        until = time.monotonic() + 60
        while self.docker("version").returncode != 0:
            if self._process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise RuntimeError("dockerd did not start")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        for group in [pathlib.Path("/sys/fs/cgroup"), *pathlib.Path("/sys/fs/cgroup").iterdir()]:
            try:
                (group / self.group).rmdir()
            except OSError:
                pass

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/engine.sock"

    def docker(self, *command, **more) -> subprocess.CompletedProcess:
        return subprocess.run(["docker", "--host", self.address, *command], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "DOCKER_BUILDKIT": "0", "HOME": str(self.folder)}, **more)


class ContainerImage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        packages = Packages(PACKAGES)
        cls.version = field(packages.runtime, "Version")
        cls.engine = cls.enterClassContext(Engine())
        # There is no registry here: what stands for Debian's image is a system with what the package asks for.
        base = cls.engine.docker("import", clean_root.archive(packages.depends, ROOTS), "base:test")
        assert base.returncode == 0, base.stderr
        with tempfile.TemporaryDirectory() as context:
            shutil.copy(packages.runtime, context)
            built = cls.engine.docker("build", "--network", "none", "--build-arg", "BASE=base:test", "--file", DOCKERFILE,
                                      "--tag", "omnisandbox:test", context)
        assert built.returncode == 0, built.stdout + built.stderr

    def run_in(self, *command: str, options: tuple[str, ...] = (), **more) -> subprocess.CompletedProcess:
        return self.engine.docker("run", "--rm", "--network", "none", *options, "omnisandbox:test", *command, **more)

    def test_it_is_the_command(self):
        done = self.run_in("version")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(self.version, done.stdout)
        self.assertIn("--help", self.run_in().stdout)

    def test_snippets_run_with_everything_taken_from_the_container(self):
        hardened = ("--cap-drop", "ALL", "--read-only", "--security-opt", "no-new-privileges", "--tmpfs", "/home/omnisandbox:uid=1000,mode=0700")
        for language, snippet in (("python", "print(6 * 7)"), ("javascript", "console.log(6 * 7)")):
            done = self.run_in("eval", "--lang", language, snippet, options=hardened)
            self.assertEqual((done.returncode, done.stdout), (0, "42\n"), done.stderr)

    def test_it_is_not_run_by_root(self):
        done = self.run_in("-c", "id --user; test -w /usr || echo may not write", options=("--entrypoint", "sh"))
        self.assertEqual(done.stdout, "1000\nmay not write\n", done.stderr)

    def test_files_are_judged_by_the_policy(self):
        with tempfile.TemporaryDirectory() as shared:
            os.chmod(shared, 0o755)
            (pathlib.Path(shared) / "policy.yaml").write_text(
                "version: 1\ncapabilities: [fs_read]\nallowed_paths: [{path: /shared/data, access: read}]\n")
            (pathlib.Path(shared) / "data").mkdir()
            (pathlib.Path(shared) / "data/note.txt").write_text("a note\n")
            call = ("call", "--policy", "/shared/policy.yaml", "fs_read")
            mount = ("--volume", f"{shared}:/shared:ro")
            self.assertEqual(self.run_in(*call, "/shared/data/note.txt", options=mount).stdout, "a note\n")
            refused = self.run_in(*call, "/etc/passwd", options=mount)
            self.assertEqual((refused.returncode, refused.stdout), (126, ""))

    def test_the_package_itself_is_no_part_of_it(self):
        done = self.run_in("-c", "find / -xdev -name 'omnisandbox_*.deb'; ls /var/lib/apt/lists", options=("--entrypoint", "sh", "--user", "0"))
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


if __name__ == "__main__":
    clean_root.only_where_thorough()
    if not clean_root.can_be_made() or shutil.which("dockerd") is None:
        print("skipped: the image is built by root, with mmdebstrap and dockerd")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
