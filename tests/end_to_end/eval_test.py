"""`omnisandbox eval`: Python and JavaScript in a fresh interpreter, what reaches a snippet, and what a hostile one cannot do."""

import pathlib
import socket
import threading
import time

import support
from support import Case

JS = ("--lang", "javascript")


class Eval(Case):
    def folder_policy(self, access="read_write", **more):
        (self.folder / "data").mkdir(exist_ok=True)
        return self.policy(capabilities=["fs_read", "fs_write"], allowed_paths=[{"path": str(self.folder / "data"), "access": access}],
                           **more)

    def ok(self, *args, **more):
        done = self.command("eval", *args, **more)
        self.assertEqual(done.code, 0, str(done))
        return done.out.decode()


class Python(Eval):
    def test_prints_and_shows_the_last_value(self):
        self.assertEqual(self.ok("print(sum(range(100)))"), "4950\n")
        self.assertEqual(self.ok("print('a')\n{'b': [1, 2]}"), "a\n{'b': [1, 2]}\n")
        self.assertEqual(self.ok("x = 5\nNone"), "")

    def test_json_has_the_value_apart(self):
        done, result = self.run_json("eval", "--json", "print('out')\n'x' * 3")
        self.assertEqual((done.code, result["status"], result["stdout"], result["value"]), (0, "ok", "out\n", "'xxx'"))
        done, result = self.run_json("eval", "--json", "print('out')")
        self.assertNotIn("value", result)

    def test_the_value_has_the_limit_of_output(self):
        policy = self.policy(max_output_bytes=1000)
        for args in (("'x' * 10**6",), (*JS, "'x'.repeat(10**6)")):
            _, result = self.run_json("eval", "--json", "--policy", policy, *args)
            self.assertEqual((result["status"], len(result["value"]), result["value_truncated"]), ("ok", 1000, True))
            done = self.command("eval", "--policy", policy, *args)
            self.assertEqual((done.code, len(done.out)), (0, 1001))
            self.assertIn("the value was cut: its first 1000 bytes were kept", done.err)
        _, result = self.run_json("eval", "--json", "--policy", policy, "'x' * 998")
        self.assertEqual((len(result["value"]), result["value_truncated"]), (1000, False))

    def test_exception_is_1_with_a_traceback(self):
        done = self.command("eval", "def f():\n    raise ValueError('no')\nf()")
        self.assertEqual((done.code, done.out), (1, b""))
        for line in ("Traceback (most recent call last):", '  File "<snippet>", line 2, in f', "    raise ValueError('no')", "ValueError: no"):
            self.assertIn(line, done.err.splitlines())
        self.assertNotIn("snippets.py", done.err)
        done = self.command("eval", "def f(:")
        self.assertEqual(done.code, 1)
        self.assertIn("SyntaxError", done.err)

    def test_sys_exit(self):
        for code, wanted in (("0", 0), ("3", 3), ("None", 0), ("'bye'", 1)):
            done = self.command("eval", f"import sys; print('x'); sys.exit({code})")
            self.assertEqual((done.code, done.out), (wanted, b"x\n"))
        self.assertIn("bye", done.err)

    def test_arguments_stdin_environment_file(self):
        path = self.write("tool.py", "import os, sys\nprint(sys.argv[1:], os.environ['NAME'], sys.stdin.read(), __name__)\n")
        out = self.ok("--stdin", "-", "--env", "NAME=value", "-f", path, "a", "--b", stdin=b"input")
        self.assertEqual(out, "['a', '--b'] value input __main__\n")
        self.assertEqual(self.ok("import sys; print(sys.argv, sys.stdin.read())", "x"), "['<snippet>', 'x'] \n")
        self.assertEqual(self.ok("-", "y", stdin=b"import sys\nprint(sys.argv)"), "['<stdin>', 'y']\n")

    def test_nothing_of_ours_is_inherited(self):
        self.assertEqual(self.ok("import os; print(dict(os.environ))", env={"SECRET": "1", "PATH": "/bin"}), "{}\n")

    def test_usage(self):
        for args in (("eval",), ("eval", "--lang", "cobol", "1"), ("eval", "--stdin", "-", "-")):
            self.assert_ends(self.command(*args), 2)
        self.assert_ends(self.command("eval", "-f", "absent.py"), 127, "absent.py")

    def test_the_standard_library_is_there(self):
        out = self.ok("import asyncio, csv, decimal, email.message, hashlib, http.client, json, re, sqlite3, tarfile, unittest\n"
                      "import xml.dom.minidom, zipfile, zlib\n"
                      "async def f():\n    await asyncio.sleep(0.01)\n    return 7\n"
                      "print(asyncio.run(f()), hashlib.sha256(b'').hexdigest()[:8], json.dumps([1]))")
        self.assertEqual(out, "7 e3b0c442 [1]\n")


class PythonFiles(Eval):
    def test_the_policys_files_are_files(self):
        policy = self.folder_policy()
        data = self.folder / "data"
        (data / "in.txt").write_text("line 1\nline 2\n")
        out = self.ok("--policy", policy, f"""
import os, pathlib
here = pathlib.Path({str(data)!r})
print(open(here / "in.txt").readlines(), os.path.getsize(here / "in.txt"))
(here / "sub").mkdir()
(here / "sub" / "new.bin").write_bytes(bytes(range(256)) * 1000)
with open(here / "in.txt", "a") as file:
    file.write("line 3\\n")
os.rename(here / "sub" / "new.bin", here / "moved.bin")
(here / "sub").rmdir()
print(sorted(os.listdir(here)), (here / "moved.bin").read_bytes() == bytes(range(256)) * 1000)
""")
        self.assertEqual(out, "['line 1\\n', 'line 2\\n'] 14\n['in.txt', 'moved.bin'] True\n")
        self.assertEqual((data / "in.txt").read_text(), "line 1\nline 2\nline 3\n")
        self.assertEqual((data / "moved.bin").read_bytes(), bytes(range(256)) * 1000)

    def test_other_files_are_not_there(self):
        outside = self.write("outside.txt", "secret")
        policy = self.folder_policy()
        (self.folder / "data" / "link").symlink_to(outside)
        for path in (outside, "/etc/passwd", "/proc/self/environ", f"{self.folder}/data/../outside.txt", f"{self.folder}/data/link"):
            for mode in ("r", "w"):
                done = self.command("eval", "--policy", policy, f"open({path!r}, {mode!r})")
                self.assertEqual(done.code, 1, f"{path} {mode}: {done}")
                self.assertNotIn("secret", done.err + done.out.decode())
        self.assertEqual(pathlib.Path(outside).read_text(), "secret")

    def test_read_only_stays_as_it_is(self):
        policy = self.folder_policy(access="read")
        file = self.folder / "data" / "kept.txt"
        file.write_text("kept")
        path = repr(str(file))
        self.assertEqual(self.ok("--policy", policy, f"open({path}).read()"), "'kept'\n")
        for attack in (f"open({path}, 'w')", f"open({path}, 'a').write('x')", f"import os; os.remove({path})",
                       f"import os; os.rename({path}, {path} + 'x')", f"import os; os.truncate({path}, 0)", f"open({path} + '.new', 'x')",
                       f"import omnisandbox; omnisandbox.fs_write({path}, 'x')"):
            self.assertEqual(self.command("eval", "--policy", policy, attack).code, 1, attack)
        self.assertEqual(file.read_text(), "kept")
        self.assertEqual([entry.name for entry in file.parent.iterdir()], ["kept.txt"])

    def test_host_functions(self):
        policy = self.folder_policy()
        path = str(self.folder / "data" / "a.bin")
        out = self.ok("--policy", policy, f"""
import omnisandbox
big = bytes(range(256)) * 1000
omnisandbox.fs_write({path!r}, big)
print(omnisandbox.fs_read({path!r}) == big, omnisandbox.fs_list({str(self.folder / 'data')!r}))
try:
    omnisandbox.fs_write({path!r}, "again", mode="create_new")
except FileExistsError as error:
    print(error.kind)
try:
    omnisandbox.fs_read("/etc/passwd")
except omnisandbox.Denied as error:
    print(isinstance(error, PermissionError), error.capability, error.resource, error.remedy)
""")
        self.assertEqual(out.splitlines(), ["True ['a.bin']", "already_exists",
                                            "True fs_read /etc/passwd allowed_paths: [{path: /etc/passwd, access: read}]"])

    def test_http_fetch_asks_the_policy(self):
        with Server() as server:
            policy = self.policy(capabilities=["net_http"], allowed_hosts=[f"http://127.0.0.1:{server.port}"])
            code = f"""
import omnisandbox
answer = omnisandbox.http_fetch("http://127.0.0.1:{server.port}/", headers={{"X-Test": "1"}})
print(answer.status, answer.text)
"""
            self.assertEqual(self.ok("--policy", policy, code), "200 hello\n")
            self.assertEqual(server.requests, 1)
            done = self.command("eval", code)
            self.assertEqual(done.code, 1)
            self.assertIn("omnisandbox.Denied", done.err)
            self.assertEqual(server.requests, 1)

    def test_exec_run_asks_the_policy(self):
        code = "import omnisandbox\nprint(omnisandbox.exec_run('echo', 'a', '$HOME').stdout)"
        done = self.command("eval", code)
        self.assertEqual(done.code, 1)
        self.assertIn("omnisandbox.Denied: exec_run echo is denied", done.err)
        policy = self.policy(capabilities=["exec_run"], allowed_commands=["echo"])
        self.assertEqual(self.ok("--policy", policy, code), "b'a $HOME\\n'\n")


class Hostile(Eval):
    def ends(self, status, code, *args):
        done, result = self.run_json("eval", "--json", *args)
        self.assertEqual((result["status"], done.code), (status, code), str(done))
        return result

    def test_time(self):
        for args in (("print('before')\nwhile True: pass",), ("import time\nprint('before')\ntime.sleep(3600)",),
                     ("import re\nprint('before')\nre.match('(a+)+$', 'a' * 64 + 'b')",),
                     (*JS, "print('before'); while (true) {}"), (*JS, "print('before'); new Promise(r => setTimeout(r, 3600000))")):
            started = time.monotonic()
            result = self.ends("timeout", 124, "--timeout", "700ms", *args)
            self.assertEqual(result["stdout"], "before\n")
            self.assertIn("700 ms", result["error"]["message"])  # what was asked for, not what was left of it
            self.assertLess(time.monotonic() - started, 60)
        # Slow, and in time.
        self.assertEqual(self.ok("import time; time.sleep(0.2); print('slept')"), "slept\n")

    def test_memory(self):
        for args in (("x = []\nwhile True: x.append(bytearray(1 << 20))",), ("x = 'a' * (1 << 30)",), ("x = [0] * (1 << 28)",),
                     (*JS, "const a = []; while (true) a.push(new Uint8Array(1 << 20))"), (*JS, "let a = []; while (true) a.push({x: 1})")):
            result = self.ends("memory_limit", 137, *args)
            self.assertLessEqual(result["peak_memory_bytes"], 128 << 20)
        self.assertEqual(self.ok("x = bytearray(50 << 20); len(x)"), f"{50 << 20}\n")
        big = "x = bytearray(200 << 20); len(x)"
        self.ends("memory_limit", 137, big)
        self.assertEqual(self.ok("--policy", self.policy(memory_limit_mb=400), big), f"{200 << 20}\n")

    def test_memory_limit_below_the_interpreters_own(self):
        self.assert_ends(self.command("eval", "--policy", self.policy(memory_limit_mb=8), "1"), 137, "memory_limit_mb: ")

    def test_recursion(self):
        for args in (("def f(n): return f(n + 1)\nf(0)",), (*JS, "function f() { return f() + 1 } f()")):
            done = self.command("eval", *args)
            self.assertEqual(done.code, 1, str(done))
            self.assertRegex(done.err, "RecursionError|too much recursion")
        self.assertEqual(self.ok("def f(n): return n and f(n - 1)\nf(500)"), "0\n")
        # Beyond what the language itself notices: a trap of the sandbox at worst, and never more.
        done = self.command("eval", "import sys\nsys.setrecursionlimit(10**8)\ndef f(n): return f(n + 1)\nf(0)", "--timeout", "20s")
        self.assertIn(done.code, (1, 124, 134, 137), str(done))

    def test_output_flood(self):
        for args in (("while True: print('x' * 60000)",), (*JS, "while (true) print('x'.repeat(60000))")):
            # Longer where the machine is too busy for a flood.
            for seconds in (6,) if support.THOROUGH else (1, 5, 25):
                done, result = self.run_json("eval", "--json", "--timeout", f"{seconds}s", *args)
                if result["stdout_truncated"]:
                    break
            self.assertEqual((done.code, result["stdout_truncated"]), (124, True))
            self.assertEqual(len(result["stdout"]), 1 << 20)
            self.assertGreater(result["stdout_bytes"], 1 << 20)
        done, result = self.run_json("eval", "--json", "print('x' * 1000000)")
        self.assertEqual((result["status"], result["stdout_bytes"], result["stdout_truncated"]), ("ok", 1000001, False))

    def test_no_processes_sockets_or_native_code(self):
        with Server() as server:
            marker = self.folder / "marker"
            for attack in (f"import os; os.system('touch {marker}')", f"import subprocess; subprocess.run(['touch', '{marker}'])",
                           "import os; os.fork()", "import os; os.execv('/bin/true', ['true'])", "import ctypes; ctypes.CDLL(None)",
                           "import os; os.kill(1, 9)", "import multiprocessing as m; m.Process(target=print).start()",
                           f"import socket; socket.create_connection(('127.0.0.1', {server.port}))",
                           f"import socket; socket.socket().connect(('127.0.0.1', {server.port}))",
                           f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {server.port}))",
                           f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{server.port}/')",
                           "import socket; socket.getaddrinfo('localhost', 80)", "import threading; threading.Thread(target=print).start()"):
                done = self.command("eval", attack)
                self.assertEqual(done.code, 1, f"{attack}: {done}")
                self.assertIn("Error", done.err)
            done = self.command("eval", *JS, f"fetch('http://127.0.0.1:{server.port}/')")
            self.assertEqual(done.code, 1, str(done))
            self.assertIn("httpFetch", done.err)
            self.assertFalse(marker.exists())
            self.assertEqual(server.requests, 0)

    def test_a_snippet_that_breaks_its_interpreter_breaks_nothing_else(self):
        for attack in ("import sys; sys.stdout.close(); sys.stderr.close()", "import builtins; builtins.repr = None; object()",
                       "class A:\n    def __repr__(self): raise SystemExit(9)\nA()", "import sys; sys.modules.clear(); 1/0",
                       "import os; os.close(1); print('x')", "raise BaseException", "import os; os.abort()",
                       "class A:\n    def __repr__(self): return '\\ud800'\nA()"):
            done = self.command("eval", attack)
            self.assertIn(done.code, (0, 1, 9, 134), f"{attack}: {done}")

    def test_text_that_is_not_text(self):
        self.assert_ends(self.command("eval", b"print('\xff')"), 125, "UTF-8")
        self.assert_ends(self.command("eval", "-", stdin=b"print('a\0b')"), 125, "NUL")
        self.assertEqual(self.command("eval", "import sys; sys.stdout.buffer.write(b'\\xff\\x00'); None").out, b"\xff\0")


class JavaScript(Eval):
    def test_prints_and_shows_the_last_value(self):
        self.assertEqual(self.ok(*JS, "console.log('a', 1, [2]); 6 * 7"), "a 1 [2]\n42\n")
        self.assertEqual(self.ok(*JS, "[1, 2, 3].map((n) => n * n)"), "[1,4,9]\n")
        self.assertEqual(self.ok(*JS, "let x = 1; undefined"), "")
        self.assertEqual(self.ok(*JS, "new Promise((done) => setTimeout(() => done('later'), 20))"), '"later"\n')

    def test_exceptions_and_exit_codes(self):
        done = self.command("eval", *JS, "function f() { throw new TypeError('no') }\nf()")
        self.assertEqual((done.code, done.out), (1, b""))
        self.assertEqual(done.err.splitlines()[:2], ["Uncaught TypeError: no", "    at f@<snippet>:1:22"])
        self.assertEqual(self.command("eval", *JS, "omnisandbox.exit(4)").code, 4)
        self.assertEqual(self.command("eval", *JS, "Promise.reject(new Error('x'))").code, 1)
        self.assertEqual(self.command("eval", *JS, "let let").code, 1)

    def test_a_rejection_that_nobody_handles(self):
        for code, shown in (("Promise.reject(new TypeError('no')); 1", "Uncaught (in promise) TypeError: no"),
                            ("async function f() { throw new Error('late') }\nf();\n1", "Uncaught (in promise) Error: late"),
                            ("new Promise((_, no) => no({a: 1})); 1", 'Uncaught (in promise) {"a":1}'),
                            ("Promise.resolve().then(() => {}).then(() => {}).then(() => Promise.reject('deep')); 1",
                             'Uncaught (in promise) "deep"'),
                            ("(async () => { await null; await null; throw 7 })(); print('before'); undefined", "Uncaught (in promise) 7")):
            done = self.command("eval", *JS, code)
            self.assertEqual((done.code, done.err.splitlines()[0]), (1, shown), f"{code}: {done}")
            self.assertEqual(done.out, b"before\n" if "before" in code else b"", code)
        done = self.command("eval", *JS, "async function f() { throw new Error('late') }\nf();\n1")
        self.assertEqual(done.err.splitlines()[1], "    at f@<snippet>:1:28")

    def test_an_exception_in_a_timer(self):
        for code in ("setTimeout(() => { throw new Error('timed') }, 0); 1",
                     "setTimeout(() => { throw new Error('timed') }, 5); new Promise((done) => setTimeout(done, 50))",
                     "const t = setInterval(() => { throw new Error('timed') }, 1); new Promise((done) => setTimeout(done, 50))"):
            done = self.command("eval", *JS, code)
            self.assertEqual((done.code, done.out), (1, b""), f"{code}: {done}")
            self.assertEqual(done.err.count("Uncaught Error: timed\n    at "), 1, done)
        self.assertEqual(self.ok(*JS, "new Promise((done) => setTimeout((a, b) => done(a + b), 1, 2, 3))"), "5\n")

    def test_a_rejection_that_is_handled_in_time(self):
        for code in ("Promise.reject(1).catch(() => {}); 'fine'",
                     "const p = Promise.reject(1); Promise.resolve().then(() => p.catch(() => {})); 'fine'",
                     "(async () => { try { await Promise.reject(1) } catch {} })(); 'fine'",
                     "Promise.allSettled([Promise.reject(1), Promise.reject(2)]); 'fine'",
                     "(async () => { const p = Promise.reject(1); await null; await p.catch(() => 2); return 'fine' })()"):
            self.assertEqual(self.ok(*JS, code), '"fine"\n', code)

    def test_arguments_stdin_environment(self):
        out = self.ok(*JS, "--stdin", "-", "--env", "NAME=value", "print(omnisandbox.args, omnisandbox.env.NAME, omnisandbox.readStdin())", "a", "-b",
                      stdin="größe".encode())
        self.assertEqual(out, '["a","-b"] value größe\n')

    def test_host_functions(self):
        policy = self.folder_policy()
        path = str(self.folder / "data" / "a.bin")
        out = self.ok(*JS, "--policy", policy, f"""
const big = new Uint8Array(200000).map((_, i) => i);
omnisandbox.fsWrite('{path}', big);
const back = omnisandbox.fsRead('{path}');
print(back.length, back.every((byte, i) => byte === (i & 255)), omnisandbox.fsList('{self.folder / 'data'}'));
try {{ omnisandbox.fsRead('/etc/passwd') }} catch (error) {{ print(error instanceof omnisandbox.Denied, error.capability, error.resource) }}
try {{ omnisandbox.fsRead('{path}.absent') }} catch (error) {{ print(error.kind) }}
""")
        self.assertEqual(out.splitlines(), ['200000 true ["a.bin"]', "true fs_read /etc/passwd", "not_found"])
        done = self.command("eval", *JS, "omnisandbox.execRun('ls')")
        self.assertEqual(done.code, 1)
        self.assertIn("Denied: exec_run ls is denied", done.err)


class Fresh(Eval):
    def test_nothing_is_left_for_the_next_evaluation(self):
        self.ok("import builtins, sys; builtins.left = 'behind'; sys.modules['json'].left = 1; open('/tmp/left', 'w') if False else None")
        self.assertEqual(self.ok("import builtins, json; print(hasattr(builtins, 'left'), hasattr(json, 'left'))"), "False False\n")

    def test_random_numbers_differ(self):
        for args in (("import random, uuid; print(random.random(), uuid.uuid4())",), (*JS, "Math.random()"), (*JS, "crypto.randomUUID()")):
            self.assertNotEqual(self.ok(*args), self.ok(*args))

    def test_the_audit_has_the_run(self):
        audit = self.folder / "audit.jsonl"
        self.assertEqual(self.command("eval", "--audit", audit, "open('/x') if False else 1").code, 0)
        self.assertIn('"outcome"', audit.read_text())


class Server:
    """An HTTP server on loopback that counts who comes."""

    def __enter__(self):
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.requests += 1
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


if __name__ == "__main__":
    support.main()
