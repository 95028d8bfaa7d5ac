"""What the end-to-end tests share: the built program, a scratch folder for each test, and small guests in WebAssembly's text format.

Each test script is called with the program and the folder of built guests, and hands over to `main()` here.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

COMMAND = sys.argv[1] if len(sys.argv) > 2 else "omnisandbox"
GUESTS = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")

# Set where there is time for many more tries of the same kind.
THOROUGH = os.environ.get("OMNISANDBOX_THOROUGH") == "1"

# Every answer comes long before; only a hang takes that long.
HANG_SECONDS = 120

RESULT_FIELDS = {
    "status": str, "exit_code": int, "stdout": str, "stderr": str, "stdout_truncated": bool, "stdout_bytes": int,
    "stderr_truncated": bool, "stderr_bytes": int, "duration_ms": (int, float), "peak_memory_bytes": int,
    "fuel_consumed": (int, type(None)), "sandbox": dict, "denials": list, "error": (dict, type(None)),
}
STATUSES = {"ok", "exited", "timeout", "memory_limit", "fuel_exhausted", "process_limit", "trap", "denied", "cancelled", "failed"}


class Done:
    """How a run of the program ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err.decode("utf-8", "backslashreplace")

    def __str__(self):
        return f"exit code {self.code}\nstdout: {self.out[:2000]!r}\nstderr: {self.err[:2000]}"


class Case(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="omnisandbox-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def guest(self, name):
        path = GUESTS / name
        self.assertTrue(path.exists(), f"{path} is not built")
        return str(path)

    def policy(self, **fields):
        # JSON is valid YAML.
        return self.write("policy.yaml", json.dumps({"version": 1, **fields}))

    def command(self, *args, stdin=b"", cwd=None, env=None, **more):
        done = subprocess.run([COMMAND, *map(os.fsencode, map(str_or_bytes, args))], input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=cwd or self.folder, env=env, timeout=HANG_SECONDS, check=False, **more)
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *args, **more):
        process = subprocess.Popen([COMMAND, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder, **more)
        self.addCleanup(end, process)
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=HANG_SECONDS)
        return Done(process.returncode, out, err)

    def run_json(self, *args, **more):
        """Runs a command that is asked for --json, and checks that it prints one object with the contract's fields, and nothing else."""
        done = self.command(*args, **more)
        result = self.one_object(done)
        for field, kind in RESULT_FIELDS.items():
            self.assertIn(field, result, str(done))
            self.assertIsInstance(result[field], kind, f"{field}: {done}")
        self.assertIn(result["status"], STATUSES)
        self.assertEqual(set(result["sandbox"]), {"kind", "layers"})
        for denial in result["denials"]:
            self.assertLessEqual({"capability", "resource", "reason"}, set(denial))
        self.assertEqual(result["error"] is None, result["status"] in ("ok", "exited"), str(done))
        if result["status"] != "exited":
            self.assertEqual(result["exit_code"], done.code, str(done))
        return done, result

    def one_object(self, done):
        self.assertEqual(done.out.count(b"\n"), 1, str(done))
        self.assertTrue(done.out.endswith(b"\n"), str(done))
        result = json.loads(done.out)
        self.assertIsInstance(result, dict)
        return result

    def assert_ends(self, done, code, *messages):
        """The exit code, and on standard error a line of ours with each of `messages`."""
        self.assertEqual(done.code, code, str(done))
        for message in messages:
            lines = [line for line in done.err.splitlines() if line.startswith("omnisandbox: ")]
            self.assertTrue(any(message in line for line in lines), f"{message!r} is missing\n{done}")


def str_or_bytes(value):
    return value if isinstance(value, bytes) else str(value)


def end(process):
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def printer(text, stream=1):
    """A guest that writes `text` (bytes, at most 60,000) to standard output (1) or error (2)."""
    data = "".join(f"\\{byte:02x}" for byte in text)
    return f"""(module
      (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 64) "{data}")
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const {len(text)}))
        (drop (call $fd_write (i32.const {stream}) (i32.const 0) (i32.const 1) (i32.const 16)))))"""


def records(audit):
    """The records of an audit log."""
    return [json.loads(line) for line in pathlib.Path(audit).read_text(encoding="ascii").splitlines()]


def exiting(code):
    return f"""(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start") (call $exit (i32.const {code}))))"""


EMPTY = '(module (func (export "_start")))'
ENDLESS_LOOP = '(module (func (export "_start") (loop $again (br $again))))'
TRAP = '(module (func (export "_start") unreachable))'
# Prints "started", then sleeps for an hour in poll_oneoff.
ENDLESS_SLEEP = r"""(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "started\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 8))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    ;; subscription: userdata 0, tag clock 0, clock monotonic 1, timeout in ns, no flags
    (i32.store (i32.const 256) (i32.const 0))
    (i32.store8 (i32.const 264) (i32.const 0))
    (i32.store (i32.const 272) (i32.const 1))
    (i64.store (i32.const 280) (i64.const 3600000000000))
    (drop (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 600)))))"""
# Grows its memory until that is refused, then touches nothing and traps.
MEMORY_HOG = '(module (memory (export "memory") 1000) (func (export "_start")))'


class TimedResult(unittest.TextTestResult):
    """Says of each test how long it took, so that what waits is found."""

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.stream.write(f"{time.monotonic() - self.started:.1f} s, ")
        super().addSuccess(test)


def main():
    runner = unittest.TextTestRunner(verbosity=2, resultclass=TimedResult)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], testRunner=runner)
