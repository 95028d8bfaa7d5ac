"""The Debian packages: what they contain and ask for, and that they work where nothing else is.

debian_test.py PACKAGES CLEAN_ROOTS
"""

import json
import pathlib
import shutil
import subprocess
import sys
import unittest

import clean_root
from packages import Packages, field

PACKAGES, ROOTS = (pathlib.Path(argument) for argument in sys.argv[1:3])
POLICY = """version: 1
capabilities: [fs_read, exec_run]
allowed_paths: [{path: /srv/data, access: read}]
allowed_commands: [cat, sh]
"""


class DebianPackages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        packages = Packages(PACKAGES)
        cls.runtime, cls.development = packages.runtime, packages.development
        # Everything that the package asks for is there; were it to forget something, it would be missed.
        cls.root = cls.enterClassContext(clean_root.CleanRoot(packages.depends, ROOTS))
        data = cls.root.folder / "srv/data"
        data.mkdir()
        (data / "note.txt").write_text("a note\n")
        (cls.root.folder / "srv/policy.yaml").write_text(POLICY)
        shutil.copy(cls.runtime, cls.root.folder / "srv/omnisandbox.deb")
        installed = cls.root.run("dpkg", "--install", "/srv/omnisandbox.deb")
        assert installed.returncode == 0, installed.stdout + installed.stderr

    def works(self, *command: str) -> str:
        done = self.root.run(*command)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_the_command_runs(self):
        self.assertIn(field(self.runtime, "Version"), self.works("omnisandbox", "version"))

    def test_snippets_run_in_workers(self):
        self.assertEqual(self.works("omnisandbox", "eval", "--lang", "python", "print(6 * 7)"), "42\n")
        self.assertEqual(self.works("omnisandbox", "eval", "--lang", "javascript", "console.log(6 * 7)"), "42\n")

    def test_commands_run_confined(self):
        answer = json.loads(self.works("omnisandbox", "run", "--json", "--policy", "/srv/policy.yaml", "--", "cat", "/srv/data/note.txt"))
        self.assertEqual((answer["status"], answer["stdout"]), ("ok", "a note\n"))
        self.assertTrue(answer["sandbox"]["layers"])
        refused = self.root.run("omnisandbox", "run", "--policy", "/srv/policy.yaml", "--", "cat", "/etc/shadow")
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))

    def test_files_are_judged(self):
        self.assertEqual(self.works("omnisandbox", "call", "--policy", "/srv/policy.yaml", "fs_read", "/srv/data/note.txt"), "a note\n")
        self.assertEqual(self.root.run("omnisandbox", "call", "--policy", "/srv/policy.yaml", "fs_read", "/etc/shadow").returncode, 126)

    def test_what_belongs_to_it_is_there(self):
        usr = self.root.folder / "usr"
        for place in ("share/man/man1/omnisandbox.1", "share/bash-completion/completions/omnisandbox", "share/zsh/vendor-completions/_omnisandbox",
                      "share/fish/vendor_completions.d/omnisandbox.fish", "share/omnisandbox/apparmor.d/omnisandbox",
                      "libexec/omnisandbox/omnisandbox-launcher", "libexec/omnisandbox/omnisandbox-worker",
                      "libexec/omnisandbox/omnisandbox-container-init", "lib/omnisandbox/interpreters/python.code"):
            self.assertTrue((usr / place).is_file(), place)
        self.assertIn("libomnisandbox.so.0", self.works("ldconfig", "--print-cache"))
        # This Debian's AppArmor does not know the profile's language.
        self.assertFalse((self.root.folder / "etc/apparmor.d/omnisandbox").exists())

    def test_the_interpreters_run_on_other_processors(self):
        # The engine writes down what it made use of: each name with its length, that it is a switch, and how it stands.
        for language in ("python", "javascript"):
            code = (self.root.folder / f"usr/lib/omnisandbox/interpreters/{language}.code").read_bytes()[:4096]
            for name, used in ((b"has_sse42", 1), (b"has_avx", 0), (b"has_avx2", 0), (b"has_avx512f", 0), (b"has_bmi2", 0), (b"has_fma", 0)):
                self.assertIn(bytes([len(name)]) + name + bytes([2, used]), code, language)

    def test_the_development_package_can_be_installed_beside_it(self):
        done = subprocess.run(["apt-get", "install", "--simulate", "--no-install-recommends", self.runtime, self.development],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        listed = subprocess.run(["dpkg-deb", "--contents", self.development], check=True, capture_output=True, text=True).stdout
        for name in ("/include/omnisandbox/omnisandbox.h", "/libomnisandbox.so", "/pkgconfig/omnisandbox.pc", "/omnisandboxConfig.cmake"):
            self.assertIn(name, listed)

    def test_zz_it_goes_without_a_trace(self):
        self.works("dpkg", "--purge", "omnisandbox")
        left = [str(path) for path in self.root.folder.rglob("*omnisandbox*") if "proc" not in path.parts and "srv" not in path.parts
                and "var/lib/dpkg" not in str(path)]
        self.assertEqual(left, [])


if __name__ == "__main__":
    clean_root.only_where_thorough()
    if not clean_root.can_be_made():
        print("skipped: a clean system is made by root, with mmdebstrap")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
