"""`pip install ./bindings/python` into a fresh environment, and what a user does next, away from the sources.

pip_install_test.py PROJECT
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(sys.argv[1])
SKIPPED = 77  # ctest's SKIP_RETURN_CODE

USE = """
import pathlib, sys
import omnisandbox
from omnisandbox import Config, DeniedError, Interpreter, ProcessSandbox, Sandbox

assert pathlib.Path(omnisandbox.__file__).is_relative_to(sys.prefix), omnisandbox.__file__
assert (pathlib.Path(omnisandbox.__file__).parent / "py.typed").exists()
folder = pathlib.Path(sys.argv[1])
(folder / "inside").mkdir()
(folder / "inside" / "note").write_text("a note")
(folder / "secret").write_text("a secret")
config = Config(capabilities=["fs_read", "exec_run"], allowed_paths=[folder / "inside"], allowed_commands=["cat"])
with Sandbox(config) as box:
    assert box.run_python(f"print(open('{folder}/inside/note').read())").stdout == "a note\\n"
    assert "a secret" not in box.run_python(f"print(open('{folder}/secret').read())").stdout
    assert box.fs_read(folder / "inside" / "note") == b"a note"
    try:
        box.fs_read(folder / "secret")
    except DeniedError as refused:
        assert refused.denial.capability == "fs_read", refused.denial
    else:
        raise AssertionError("a file outside the policy was read")
commands = ProcessSandbox(config)
assert commands.run("cat", str(folder / "inside" / "note")).stdout == "a note"
refused = commands.run("cat", str(folder / "secret"))
assert not refused.ok and refused.stdout == "", refused
assert Interpreter(config, "javascript").run("[1, 2].map(n => n * 21)").value == "[21,42]"
print("works")
"""


class PipInstall(unittest.TestCase):
    def test_a_fresh_environment_gets_a_package_that_works(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            python = folder / "venv" / "bin" / "python"
            # Nothing of this process: neither a path to a built package, nor an environment.
            environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}

            def run(*command):
                done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-4000:])
                return done.stdout

            run(sys.executable, "-m", "venv", folder / "venv")
            run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PROJECT / "bindings" / "python")
            self.assertEqual(run(python, "-c", USE, folder), "works\n")
            files = run(python, "-m", "pip", "show", "--files", "omnisandbox")
            self.assertIn("omnisandbox/py.typed", files)
            run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "omnisandbox")
            self.assertEqual(list(folder.glob("venv/lib/python3*/site-packages/omnisandbox*")), [])


if __name__ == "__main__":
    if os.environ.get("OMNISANDBOX_THOROUGH") != "1":
        print("skipped: the package is built and installed by pip where OMNISANDBOX_THOROUGH=1")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1], verbosity=2)
