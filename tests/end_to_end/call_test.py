"""`omnisandbox call`: the host functions from the command line."""

import base64
import http.server
import os
import threading

import support
from support import Case


class Files(Case):
    def setUp(self):
        super().setUp()
        (self.folder / "open").mkdir()
        self.allowed = self.policy(capabilities=["fs_read", "fs_write"], allowed_paths=[str(self.folder / "open")])

    def call(self, *args, **more):
        return self.command("call", "--policy", self.allowed, *args, **more)

    def test_reads_raw_bytes(self):
        path = self.write("open/a", b"\x00\xff text\n")
        done = self.call("fs_read", path)
        self.assertEqual((done.code, done.out, done.err), (0, b"\x00\xff text\n", ""))
        _, result = self.run_json("call", "--policy", self.allowed, "--json", "fs_read", path)
        self.assertEqual(base64.b64decode(result["stdout"]), b"\x00\xff text\n")
        self.assertEqual((result["status"], result["stdout_encoding"], result["sandbox"]["kind"]), ("ok", "base64", "call"))

    def test_options_may_stand_after_the_function(self):
        path = self.write("open/a", "text")
        _, result = self.run_json("call", "fs_read", path, "--policy", self.allowed, "--json")
        self.assertEqual(result["stdout"], "text")
        twice = self.command("call", "--policy", self.allowed, "fs_read", "--policy", self.allowed, path)
        self.assert_ends(twice, 2, "given twice")

    def test_relative_paths_belong_to_the_working_folder(self):
        self.write("open/a", "text")
        self.assertEqual(self.call("fs_read", "open/a").out, b"text")
        self.assertEqual(self.call("fs_read", "a", cwd=self.folder / "open").out, b"text")

    def test_denied_is_126_and_says_what_to_add(self):
        path = self.write("closed/secret", "secret")
        done = self.call("fs_read", path)
        self.assert_ends(done, 126, "fs_read", "allowed_paths")
        self.assertEqual(done.out, b"")
        done, result = self.run_json("call", "--policy", self.allowed, "--json", "fs_read", path)
        self.assertEqual((done.code, result["status"], result["stdout"]), (126, "denied", ""))
        self.assertEqual((result["denials"][0]["capability"], result["denials"][0]["resource"]), ("fs_read", path))

    def test_without_a_policy_everything_is_denied(self):
        self.assert_ends(self.command("call", "fs_read", self.write("a", "x")), 126, "no policy was given")
        self.assertEqual(self.command("call", "fs_write", str(self.folder / "b"), stdin=b"x").code, 126)
        self.assertFalse((self.folder / "b").exists())
        self.assertEqual(self.command("call", "http_fetch", "http://127.0.0.1:1/").code, 126)
        self.assertEqual(self.command("call", "exec_run", "true").code, 126)

    def test_an_allowed_call_that_fails_is_1(self):
        done, result = self.run_json("call", "--policy", self.allowed, "--json", "fs_read", str(self.folder / "open/absent"))
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (1, "failed", "not_found"))
        os.mkfifo(self.folder / "open/fifo")
        self.assertEqual(self.call("fs_read", "open/fifo").code, 1)
        self.assertEqual(self.call("fs_read", "open").code, 1)

    def test_too_large_is_1_and_not_cut(self):
        small = self.policy(capabilities=["fs_read", "fs_write"], allowed_paths=[str(self.folder / "open")], max_file_bytes=10)
        path = self.write("open/a", "0123456789")
        self.assertEqual(self.command("call", "--policy", small, "fs_read", path).out, b"0123456789")
        path = self.write("open/b", "0123456789a")
        done, result = self.run_json("call", "--policy", small, "--json", "fs_read", path)
        self.assertEqual((done.code, result["error"]["kind"], result["stdout"]), (1, "too_large", ""))
        done, result = self.run_json("call", "--policy", small, "--json", "fs_write", str(self.folder / "open/c"), stdin=b"x" * 11)
        self.assertEqual((done.code, result["error"]["kind"]), (1, "too_large"))
        self.assertFalse((self.folder / "open/c").exists())

    def test_writes_standard_input(self):
        path = self.folder / "open/new"
        self.assertEqual(self.call("fs_write", "open/new", stdin=b"\x00one").code, 0)
        self.assertEqual(path.read_bytes(), b"\x00one")
        done, result = self.run_json("call", "--policy", self.allowed, "--json", "fs_write", str(path), stdin=b"two")
        self.assertEqual((path.read_bytes(), result["status"], result["stdout"]), (b"two", "ok", ""))
        self.assertEqual(self.call("fs_write", "open/empty", stdin=b"").code, 0)
        self.assertEqual((self.folder / "open/empty").read_bytes(), b"")
        self.assertEqual(sorted(os.listdir(self.folder / "open")), ["empty", "new"])

    def test_a_denied_write_does_not_wait_for_its_input(self):
        process = self.start("call", "--policy", self.allowed, "--json", "fs_write", "closed", stdin=-1)
        process.wait(timeout=support.HANG_SECONDS)  # its standard input is still open
        self.assertEqual(process.returncode, 126)
        self.assertFalse((self.folder / "closed").exists())

    def test_a_link_that_leads_out_is_denied(self):
        secret = self.write("secret", "secret")
        os.symlink(secret, self.folder / "open/link")
        self.assertEqual(self.call("fs_read", "open/link").code, 126)
        self.assertEqual(self.call("fs_write", "open/link", stdin=b"x").code, 126)
        self.assertEqual((self.folder / "secret").read_text(), "secret")


class Server:
    """An HTTP server on the loopback interface that remembers what it was asked."""

    def __init__(self):
        requests = self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                requests.append((self.command, self.path, dict(self.headers), body))
                if self.path == "/redirect":
                    self.send_response(302)
                    self.send_header("Location", "http://localhost:1/elsewhere")
                else:
                    self.send_response(404 if self.path == "/absent" else 200)
                content = {"/large": b"x" * 5000, "/binary": b"\xff\x00"}.get(self.path, b"hello")
                self.send_header("Set-Cookie", "a=1")
                self.send_header("Set-Cookie", "b=2")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Http(Case):
    def setUp(self):
        super().setUp()
        self.server = Server()
        self.addCleanup(self.server.close)
        self.allowed = self.policy(capabilities=["net_http"], allowed_hosts=[self.server.url], max_response_bytes=1000)

    def fetch(self, *args):
        return self.command("call", "--policy", self.allowed, "http_fetch", *args)

    def test_prints_the_body_alone(self):
        done = self.fetch(self.server.url + "/a")
        self.assertEqual((done.code, done.out, done.err), (0, b"hello", ""))
        self.assertEqual(self.fetch(self.server.url + "/binary").out, b"\xff\x00")

    def test_json_has_status_headers_and_body(self):
        _, result = self.run_json("call", "--policy", self.allowed, "--json", "http_fetch", self.server.url + "/a")
        self.assertEqual(result["status"], "ok")
        self.assertEqual((result["response"]["status"], result["response"]["body"]), (200, "hello"))
        cookies = [header["value"] for header in result["response"]["headers"] if header["name"].lower() == "set-cookie"]
        self.assertEqual(cookies, ["a=1", "b=2"])
        _, result = self.run_json("call", "--policy", self.allowed, "--json", "http_fetch", self.server.url + "/binary")
        self.assertEqual((result["response"]["body"], result["response"]["body_encoding"]), ("/wA=", "base64"))

    def test_method_headers_and_data(self):
        self.fetch(self.server.url + "/a", "-X", "PUT", "-H", "X-One: 1", "--header=X-Two:2", "-d", "-data")
        method, _, headers, body = self.server.requests[-1]
        self.assertEqual((method, headers["X-One"], headers["X-Two"], body), ("PUT", "1", "2", b"-data"))
        self.fetch(self.server.url + "/a", "-d", "")
        self.assertEqual(self.server.requests[-1][0], "POST")

    def test_a_status_of_400_and_above_is_no_failure(self):
        done, result = self.run_json("call", "--policy", self.allowed, "--json", "http_fetch", self.server.url + "/absent")
        self.assertEqual((done.code, result["response"]["status"]), (0, 404))

    def test_another_port_or_host_is_denied_and_not_reached(self):
        before = len(self.server.requests)
        port = self.server.server.server_port
        for url in (f"http://localhost:{port}/", "http://127.0.0.1:1/", f"https://127.0.0.1:{port}/", "http://169.254.169.254/"):
            done, result = self.run_json("call", "--policy", self.allowed, "--json", "http_fetch", url)
            self.assertEqual((done.code, result["status"]), (126, "denied"), url)
            self.assertEqual(result["denials"][0]["capability"], "net_http")
        self.assertEqual(len(self.server.requests), before)

    def test_a_redirect_is_judged_again(self):
        self.assertEqual(self.fetch(self.server.url + "/redirect").code, 126)

    def test_too_large_is_1(self):
        done, result = self.run_json("call", "--policy", self.allowed, "--json", "http_fetch", self.server.url + "/large")
        self.assertEqual((done.code, result["error"]["kind"]), (1, "too_large"))
        self.assertNotIn("response", result)

    def test_nobody_there_is_1(self):
        url = self.server.url
        self.server.server.shutdown()
        self.server.server.server_close()
        done, result = self.run_json("call", "--policy", self.allowed, "--json", "http_fetch", url)
        self.assertEqual((done.code, result["status"]), (1, "failed"))

    def test_headers_that_the_host_sets_are_refused(self):
        for header in ("Host: evil.example", "Content-Length: 5", "Transfer-Encoding: chunked", "Proxy-Authorization: x"):
            self.assertNotEqual(self.fetch(self.server.url + "/a", "-H", header).code, 0, header)
        self.assertEqual(self.server.requests, [])
        self.assert_ends(self.fetch(self.server.url, "-H", "no colon"), 2, "Name: value")

    def test_a_proxy_in_our_environment_is_not_used(self):
        env = {**os.environ, "http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
        done = self.command("call", "--policy", self.allowed, "http_fetch", self.server.url + "/a", env=env)
        self.assertEqual(done.out, b"hello", str(done))


class Commands(Case):
    def test_a_command_that_is_not_listed_is_denied(self):
        policy = self.policy(capabilities=["exec_run"], allowed_commands=[{"command": "git", "args": ["status"]}])
        for command in (["id"], ["git", "push"], ["./git", "status"], ["sh", "-c", "id"]):
            done, result = self.run_json("call", "--policy", policy, "--json", "exec_run", *command)
            self.assertEqual((done.code, result["status"]), (126, "denied"), command)

    def test_options_after_the_command_are_its_own(self):
        done = self.command("call", "--json", "exec_run", "ls", "--policy", "absent.yaml", "--json")
        self.assertEqual(done.code, 126, str(done))


if __name__ == "__main__":
    support.main()
