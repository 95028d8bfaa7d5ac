#!/usr/bin/env python3
"""Runs the guests that tour WASI, the C header and the Go SDK, against the real command and a real HTTP server.

    tours_test.py OMNISANDBOX GUESTS
"""

import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

COMMAND, GUESTS = (sys.argv[1], pathlib.Path(sys.argv[2])) if len(sys.argv) > 2 else ("", pathlib.Path())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 (the name that http.server looks for)
        self.server.accepted.append(self.headers.get("Accept"))
        body = b"hello over HTTP\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Tours(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="omnisandbox-tours-")
        self.addCleanup(work.cleanup)
        self.work = pathlib.Path(work.name).resolve()
        self.data = self.work / "data"
        self.data.mkdir()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.accepted = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}/page"

    def run_guest(self, name, *args, grant=True):
        policy = {"version": 1, "timeout": "60s", "memory_limit_mb": 64}
        if grant:
            policy |= {"capabilities": ["fs_read", "fs_write", "net_http", "exec_run"],
                       "allowed_paths": [{"path": str(self.data), "access": "read_write", "guest_path": "/data"}],
                       "allowed_hosts": [f"http://127.0.0.1:{self.server.server_port}"], "allowed_commands": ["wc"]}
        path = self.work / "policy.json"
        path.write_text(json.dumps(policy), encoding="utf-8")
        done = subprocess.run([COMMAND, "run", "--policy", str(path), "--json", "--", str(GUESTS / f"{name}.wasm"), *args],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertTrue(done.stdout, f"exit code {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def assert_no_files(self):
        self.assertEqual(list(self.data.iterdir()), [])

    def test_files_through_wasi(self):
        result = self.run_guest("file_tour", "/data")
        self.assertEqual((result["status"], result["exit_code"]), ("ok", 0), result)
        self.assertTrue(result["stdout"].endswith("file_tour: ok\n"), result)
        self.assert_no_files()

    def test_files_through_wasi_without_a_grant(self):
        result = self.run_guest("file_tour", "/data", grant=False)
        self.assertEqual((result["status"], result["exit_code"]), ("exited", 1), result)
        self.assert_no_files()

    def check_wc(self, line, name):
        """`wc` runs in a process sandbox."""
        self.assertRegex(line, r"33\b", f"{name}: wc -c counts the 33 bytes of its stdin")

    def test_host_functions_in_c(self):
        result = self.run_guest("host_functions_tour", "/data", self.url, "wc", "-c")
        self.assertEqual(result["status"], "ok", result)
        out = result["stdout"]
        for expected in ("abi_version: 1\n", "fs_write create_new: error -9 ", "fs_read: written by fs_write, and more (29 of 29 bytes)\n",
                         "fs_read range: by (2 of 2 bytes)\n", "fs_stat: type 0, 29 bytes\n", "fs_list: fnote.txt\0 (10 of 10 bytes)\n",
                         "http_fetch: status 200\n", f"http_fetch final URL: {self.url} (", "http_fetch body: hello over HTTP\n (16 of 16 bytes)"):
            self.assertIn(expected, out)
        self.assertRegex(out.lower(), r"content-type: text/plain\n")
        self.assertEqual(out.count("error"), 1, out)
        self.assertEqual(self.server.accepted, ["text/plain"])
        self.check_wc(out[out.index("exec_run"):], "host_functions_tour")
        self.assertEqual(result["denials"], [])
        self.assert_no_files()

    def test_host_functions_in_c_without_a_grant(self):
        result = self.run_guest("host_functions_tour", "/data", self.url, "wc", "-c", grant=False)
        self.assertEqual(result["status"], "ok", result)
        lines = [line for line in result["stdout"].splitlines() if ": error " in line]
        self.assertEqual(len(lines), 12, result["stdout"])
        for line in lines:
            self.assertRegex(line, r"^[a-z_ ]+: error -1 .{10,}")
        self.assertEqual(result["denial_count"], 12)
        self.assertEqual(self.server.accepted, [])
        self.assert_no_files()

    def test_the_sdk_in_go(self):
        if not (GUESTS / "go_tour.wasm").exists():
            self.skipTest("go_tour.wasm was not built: no Go compiler")
        result = self.run_guest("go_tour", "/data", self.url, "wc", "-c")
        self.assertEqual(result["status"], "ok", result)
        out = result["stdout"]
        for expected in ("abi_version: 1\n", "FSWrite: ok\n", "FSWrite append: ok\n", "FSWrite create_new: failed: ",
                         'FSReadText: "written by Go, and more"\n', 'FSReadRange: "by"\n', "FSStat: type 0, 23 bytes\n",
                         "FSList: [{go_tour.txt 0}]\n", "FSDelete: ok\n", "FSMakeDirectory: ok\n", "FSDelete folder: ok\n",
                         'FSRead /etc/shadow: denied: fs_read "/etc/shadow": denied: ', "os.WriteFile: ok\n",
                         'FSReadText of it: "written by os"\n', "os.Remove: ok\n", "os.ReadFile /etc/shadow: failed: ",
                         "HTTPFetch: status 200, type text/plain, 16 bytes from " + self.url):
            self.assertIn(expected, out)
        self.assertNotIn("READ IT", out)
        self.assertEqual(self.server.accepted, ["text/plain"])
        self.check_wc(out[out.index("ExecRun"):], "go_tour")
        self.assert_no_files()

    def test_the_sdk_in_go_without_a_grant(self):
        if not (GUESTS / "go_tour.wasm").exists():
            self.skipTest("go_tour.wasm was not built: no Go compiler")
        result = self.run_guest("go_tour", "/data", self.url, "wc", "-c", grant=False)
        self.assertEqual(result["status"], "ok", result)
        self.assertNotIn("READ IT", result["stdout"])
        self.assertNotIn(": ok\n", result["stdout"])
        self.assertEqual(result["stdout"].count(": denied: "), 2 * 14, result["stdout"])
        self.assertEqual(self.server.accepted, [])
        self.assert_no_files()


if __name__ == "__main__":
    if not COMMAND:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    unittest.main(argv=sys.argv[:1], verbosity=2)
