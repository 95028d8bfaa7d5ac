"""`omnisandbox mcp --http`: what Streamable HTTP promises to clients, and what strangers, pages and hostile clients cannot do to it."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import time
import unittest

import support
from mcp_http_peer import TOKEN, HttpServer, answer_in, events, read_all, status_of
from mcp_peer import MODERN_META, must_be_answered, mutated_messages
from support import Case

MUTATED_MESSAGES = int(os.environ.get("OMNISANDBOX_TEST_MUTATIONS", "10000" if support.THOROUGH else "2000"))
SLOW_CALL = {"name": "run_python", "arguments": {"code": "import time; time.sleep(1.5); print('done')"}}


class Http(Case):
    def server(self, *args, revision="2025-11-25", **more):
        server = HttpServer(self, *args, **more)
        if revision:
            server.initialize(revision)
        return server


class SlowHead:
    """A client that sends its head a byte at a time. Half a minute passes before it is told off, in which the other tests run."""

    connected = None  # how long it was

    @staticmethod
    def trickle(server):
        raw = server.raw(b"POST /mcp HTTP/1.1\r\n")
        started = time.monotonic()
        raw.settimeout(0.5)
        while time.monotonic() - started < 60:
            try:
                if not raw.recv(1):
                    break
            except TimeoutError:
                raw.sendall(b"X")
            except OSError:
                break
        return time.monotonic() - started


def setUpModule():
    owner = Http()
    owner.setUp()
    unittest.addModuleCleanup(owner.doCleanups)
    SlowHead.connected = concurrent.futures.ThreadPoolExecutor(1).submit(SlowHead.trickle, owner.server())


class Protocol(Http):
    def test_a_session(self):
        server = self.server(revision=None)
        for revision in ("2025-03-26", "2025-06-18", "2025-11-25"):
            self.assertEqual(server.initialize(revision)["protocolVersion"], revision)
            self.assertRegex(server.session, "^[0-9a-f]{32}$")
            self.assertEqual(server.call("run_python", code="6 * 7")["content"][0]["text"], "42")
            self.assertEqual(server.ask("no/such")["error"]["code"], -32601)
        first = server.session
        server.initialize()
        self.assertNotEqual(server.session, first)
        # What belongs to one session is nothing to another.
        self.assertEqual(server.send("DELETE").status, 204)
        self.assertEqual(server.send("POST", {"jsonrpc": "2.0", "id": 1, "method": "ping"}).status, 404)
        self.assertEqual(server.send("GET").status, 404)
        self.assertEqual(server.send("DELETE").status, 404)
        server.session = first
        self.assertEqual(server.ask("ping")["result"], {})

    def test_heads_that_make_no_sense(self):
        server = self.server()
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        for status, headers in ((400, {"Mcp_Session_Id": None}), (404, {"Mcp_Session_Id": "0" * 32}), (404, {"Mcp_Session_Id": ""}),
                                (400, {"MCP_Protocol_Version": "1999-01-01"}), (415, {"Content_Type": "text/plain"}),
                                (406, {"Accept": "text/html"}), (411, {"Transfer_Encoding": "chunked"})):
            answer = server.send("POST", ping, **headers)
            self.assertEqual(answer.status, status, headers)
            self.assertIn("error", json.loads(answer.read()))
        self.assertEqual(server.send("POST", ping, MCP_Protocol_Version="2025-11-25").status, 200)
        self.assertEqual(server.send("GET", Accept="application/json").status, 406)
        for path in ("/", "/mcp/", "/other"):
            self.assertEqual(server.send("POST", ping, path=path).status, 404)
        answer = server.send("PUT", ping)
        self.assertEqual((answer.status, answer.getheader("Allow")), (405, "POST, GET, DELETE"))
        self.assertEqual(server.send("POST", b"{").status, 400)
        self.assertEqual(server.send("POST", {"jsonrpc": "2.0", "method": "notifications/initialized"}).status, 202)

    def test_requests_that_stand_for_themselves(self):
        server = self.server(revision=None)

        def ask(method, params=None, meta=None, **headers):
            heads = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": method, **headers}
            answer = server.send("POST", {"jsonrpc": "2.0", "id": 7, "method": method,
                                          "params": {**(params or {}), "_meta": meta or MODERN_META}}, **heads)
            self.assertIsNone(answer.getheader("Mcp-Session-Id"))
            return answer.status, answer_in(answer, 7)
        self.assertEqual(ask("server/discover")[1]["result"]["resultType"], "complete")
        call = {"name": "run_python", "arguments": {"code": "6 * 7"}}
        self.assertEqual(ask("tools/call", call, Mcp_Name="run_python")[1]["result"]["structuredContent"]["value"], "42")
        self.assertEqual(ask("tools/call", call, Mcp_Name="=?base64?cnVuX3B5dGhvbg==?=")[1]["result"]["isError"], False)
        for method, params, headers in (("tools/call", call, {}), ("tools/call", call, {"Mcp_Name": "run_javascript"}),
                                        ("tools/call", call, {"Mcp_Name": "=?base64?!?="}), ("tools/list", {}, {"Mcp_Method": "ping"}),
                                        ("tools/list", {}, {"Mcp_Method": None}), ("tools/list", {}, {"MCP_Protocol_Version": None})):
            status, answer = ask(method, params, **headers)
            self.assertEqual((status, answer["error"]["code"]), (400, -32020), headers)
        self.assertEqual(ask("no/such")[0], 404)
        self.assertEqual(ask("tools/call", {"name": "no_such"}, Mcp_Name="no_such")[0], 400)
        later = {**MODERN_META, "io.modelcontextprotocol/protocolVersion": "2031-01-01"}
        status, answer = ask("tools/list", meta=later, MCP_Protocol_Version="2031-01-01")
        self.assertEqual((status, answer["error"]["code"]), (400, -32022))
        self.assertEqual(server.send("GET", MCP_Protocol_Version="2026-07-28").status, 405)

    def test_64_calls_in_flight_and_a_slow_one(self):
        server = self.server()
        with concurrent.futures.ThreadPoolExecutor(65) as pool:
            slow = pool.submit(server.ask, "tools/call", {"name": "run_python", "arguments": {"code": "import time; time.sleep(20)"}}, "slow")
            calls = [pool.submit(server.call, "run_python", n, code=f"{n} + 1") for n in range(1, 65)]
            self.assertEqual([call.result()["structuredContent"]["value"] for call in calls], [str(n + 1) for n in range(1, 65)])
            self.assertFalse(slow.done())
            server.send("POST", {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}}).read()
            with self.assertRaises(AssertionError):  # cancelled: the stream ends without an answer
                slow.result()

    def test_progress_comes_on_the_stream_of_its_call(self):
        server = self.server()
        answer = server.send("POST", {"jsonrpc": "2.0", "id": 5, "method": "tools/call",
                                      "params": {**SLOW_CALL, "_meta": {"progressToken": "p"}}})
        self.assertEqual(answer.getheader("Content-Type"), "text/event-stream")
        received = [json.loads(data) if data else None for _, data in events(answer)]
        self.assertIsNone(received[0])  # tells the stream's id
        self.assertGreaterEqual(len(received), 3)
        self.assertEqual({message["params"]["progressToken"] for message in received[1:-1]}, {"p"})
        self.assertEqual(received[-1]["result"]["content"][0]["text"], "done\n")

    def test_who_takes_no_events_gets_json(self):
        server = self.server()
        answer = server.send("POST", {"jsonrpc": "2.0", "id": 5, "method": "tools/call",
                                      "params": {**SLOW_CALL, "_meta": {"progressToken": "p"}}}, Accept="application/json")
        self.assertEqual(json.loads(answer.read())["result"]["content"][0]["text"], "done\n")

    def test_requests_of_one_connection_are_answered_in_order(self):
        server = self.server()
        connection = server.connection()
        for number in range(20):
            self.assertEqual(answer_in(server.send("POST", {"jsonrpc": "2.0", "id": number, "method": "ping"}, connection), number)["id"], number)
        # All at once, before the first answer.
        body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
        head = "".join(f"{name}: {value}\r\n" for name, value in server.headers().items())
        request = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        raw = server.raw(request * 10 + request.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: twice\r\n"))
        self.assertEqual([int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", read_all(raw))], [200] * 10 + [400])


class Streams(Http):
    def cut_after_first_event(self, server):
        """A call whose connection is cut; the id of the event that came before that."""
        connection = server.connection()
        answer = server.send("POST", {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": SLOW_CALL}, connection)
        identity, data = next(events(answer))
        self.assertEqual(data, "")
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
        return identity

    def test_a_stream_that_was_cut_is_taken_up_again(self):
        server = self.server()
        for pause in (0, 2):  # before the answer is there, and after it
            identity = self.cut_after_first_event(server)
            time.sleep(pause)
            answer = server.send("GET", Last_Event_ID=identity)
            self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "text/event-stream"))
            received = list(events(answer))
            self.assertEqual(len(received), 1)
            self.assertEqual(json.loads(received[0][1])["result"]["content"][0]["text"], "done\n")
            # Whoever has it all gets nothing twice.
            self.assertEqual(list(events(server.send("GET", Last_Event_ID=received[0][0]))), [])

    def test_streams_belong_to_their_session(self):
        server = self.server()
        identity = self.cut_after_first_event(server)
        server.initialize()
        for other in (identity, "0-5", "x", "", "1-", "9" * 40 + "-1"):
            answer = server.send("GET", Last_Event_ID=other)
            self.assertEqual(answer.status, 400, other)

    def test_events_that_are_kept_no_more_are_not_passed_over(self):
        server = self.server()
        identity = self.cut_after_first_event(server)
        time.sleep(2)
        # More than everything that is kept.
        code = "import time; time.sleep(0.7); print('x' * 900000)"
        for _ in range(3):
            server.call("run_python", code=code)
        self.assertEqual(server.send("GET", Last_Event_ID=identity).status, 400)

    def test_a_second_listener_takes_over(self):
        server = self.server()
        first = server.send("GET")
        self.assertEqual(first.status, 200)
        second = server.send("GET")
        self.assertEqual(first.read(), b"")  # ended
        server.send("DELETE").read()
        self.assertEqual(second.read(), b"")

    def test_the_end_of_a_session_cancels_its_calls(self):
        server = self.server()
        answer = server.send("POST", {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
            "name": "run_python", "arguments": {"code": "import time; time.sleep(25)"}}})
        next(events(answer))
        started = time.monotonic()
        server.send("DELETE").read()
        self.assertEqual(list(events(answer)), [])
        self.assertLess(time.monotonic() - started, 15)


class Strangers(Http):
    def request(self, server, *lines, body=b""):
        head = "\r\n".join(["POST /mcp HTTP/1.1", "Content-Type: application/json", f"Content-Length: {len(body)}", *lines])
        raw = server.raw(head.encode() + b"\r\n\r\n" + body)
        return status_of(read_all(raw))

    def test_the_token(self):
        server = self.server(revision=None)
        for token in (None, "Bearer", "Bearer wrong-wrong-wrong-", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}"):
            answer = server.send("POST", b"{}", Authorization=token)
            self.assertEqual(answer.status, 401, token)
            self.assertEqual(answer.getheader("WWW-Authenticate"), 'Bearer realm="omnisandbox"')
        server.initialize()

    def test_where_the_token_comes_from(self):
        made_up = self.server(token=None, revision=None)
        said = made_up.process.stderr.readline().decode()
        self.assertRegex(said, "token [0-9a-f]{32}$")
        self.assertEqual(made_up.send("POST", b"{}").status, 401)
        made_up.token = said.split()[-1]
        made_up.initialize()
        variable = self.server(token=None, revision=None, env={**os.environ, "OMNISANDBOX_MCP_TOKEN": TOKEN})
        self.assertEqual(variable.send("POST", b"{}").status, 401)
        variable.token = TOKEN
        variable.initialize()
        self.server("--no-token", token=None)

    def test_usage(self):
        for args in (["--http", "0.0.0.0:0"], ["--http", "0.0.0.0:0", "--no-token"], ["--http", "[::]:0"], ["--http", "8080"],
                     ["--http", "example.com:80"], ["--http", "127.0.0.1"], ["--http", "127.0.0.1:0", "--token-file", "absent"],
                     ["--http", "127.0.0.1:0", "--token-file", self.write("short", "short")],
                     ["--http", "127.0.0.1:0", "--token-file", self.write("t", TOKEN), "--no-token"], ["--no-token"],
                     ["--allow-host", "example.com"], ["--token-file", self.write("t", TOKEN)]):
            done = self.command("mcp", *args)
            self.assertIn(done.code, (2, 125), f"{args}: {done}")
            self.assertIn("omnisandbox: ", done.err)
        taken = self.server()
        self.assert_ends(self.command("mcp", "--http", f"127.0.0.1:{taken.port}", "--no-token"), 125, "Address already in use")

    def test_rebinding(self):
        server = self.server("--no-token", "--allow-host", "sandbox.example", "--allow-origin", "https://app.example", token=None)
        port, body = server.port, b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
        session = f"Mcp-Session-Id: {server.session}"
        for lines in (["Host: evil.example"], [f"Host: evil.example:{port}"], [f"Host: localhost.evil.example:{port}"],
                      [f"Host: 127.0.0.1.evil.example:{port}"], [f"Host: evil.example:{port}", f"Origin: http://evil.example:{port}"],
                      [f"Host: 127.0.0.1:{port}", "Origin: http://evil.example"], [f"Host: 127.0.0.1:{port}", "Origin: null"],
                      [f"Host: localhost:{port}", "Origin: http://localhost:1"], ["Host:"]):
            self.assertEqual(self.request(server, session, *lines, body=body), 403, lines)
        for lines in ([], [f"Host: localhost:{port}", f"Host: localhost:{port}"]):
            self.assertEqual(self.request(server, session, *lines, body=body), 400, lines)
        for lines in ([f"Host: localhost:{port}"], [f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}"], ["Host: sandbox.example"],
                      [f"Host: [::1]:{port}", "Origin: https://app.example"]):
            self.assertEqual(self.request(server, session, "Connection: close", *lines, body=body), 200, lines)
        preflight = server.send("OPTIONS", Origin="https://app.example", Access_Control_Request_Method="POST")
        self.assertEqual((preflight.status, preflight.getheader("Access-Control-Allow-Origin")), (204, "https://app.example"))
        refused = server.send("OPTIONS", Origin="https://evil.example", Access_Control_Request_Method="POST")
        self.assertEqual((refused.status, refused.getheader("Access-Control-Allow-Origin")), (403, None))

    def test_the_head_is_judged_before_the_body_is_read(self):
        server = self.server()
        # Nothing of the body is sent, and the answer is there all the same.
        for status, lines in ((401, []), (403, ["Host: evil.example"]), (413, [f"Authorization: Bearer {TOKEN}"]),
                              (404, [f"Authorization: Bearer {TOKEN}", "Mcp-Session-Id: 1"])):
            length = 17 << 20 if status == 413 else 1 << 20
            host = [] if status == 403 else ["Host: localhost"]
            head = ["POST /mcp HTTP/1.1", "Content-Type: application/json", f"Content-Length: {length}", *host, *lines]
            raw = server.raw("\r\n".join(head).encode() + b"\r\n\r\n")
            self.assertEqual(status_of(read_all(raw)), status)

    def test_heads_beyond_the_limits(self):
        server = self.server()
        self.assertEqual(status_of(read_all(server.raw(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40000))), 431)
        for junk in (b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"HELO there\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 5000):
            data = read_all(server.raw(junk))
            self.assertIn(status_of(data), (400, None), junk)
        self.assertEqual(server.ask("ping")["result"], {})

    def test_slow_clients_hold_nobody_up(self):
        server = self.server()
        # More than all places: connections that say nothing, and some that began.
        idle = [server.raw(b"POST /mcp HTTP/1.1\r\nHost" if n % 2 else b"") for n in range(300)]
        started = time.monotonic()
        for number in range(20):
            self.assertEqual(server.ask("ping", identity=number)["id"], number)
        self.assertLess(time.monotonic() - started, 15)
        for connection in idle:
            connection.close()

    def test_a_slow_head_is_not_waited_for(self):
        seconds = SlowHead.connected.result(timeout=support.HANG_SECONDS)
        self.assertGreater(seconds, 25)
        self.assertLess(seconds, 60)

    def test_who_reads_nothing_holds_nobody_up(self):
        server = self.server()
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "run_python", "arguments": {"code": "print('x' * 1000000)"}}}).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in server.headers().items())
        request = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        deaf = [server.raw(request.replace(b'"id": 1', b'"id": %d' % n)) for n in range(2, 10)]
        self.assertEqual(server.ask("ping", identity="p")["result"], {})
        self.assertEqual(server.call("run_python", "q", code="1 + 1")["content"][0]["text"], "2")
        for connection in deaf:
            connection.close()

    def test_commands_inherit_no_socket(self):
        server = self.server("--policy", self.policy(capabilities=["exec_run"], allowed_commands=["sleep"]))
        answer = server.send("POST", {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "run_command", "arguments": {"command": "sleep", "args": ["3"]}}})
        next(events(answer))
        table = pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        inodes = {line.split()[9] for line in table if line.split()[1].endswith(f":{server.port:04X}")} - {"0"}
        self.assertTrue(inodes)
        holders = set()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                names = {os.readlink(handle) for handle in (process / "fd").iterdir()}
            except OSError:
                continue
            if names & {f"socket:[{inode}]" for inode in inodes} and int(process.name) != os.getpid():
                holders.add(int(process.name))
        self.assertEqual(holders, {server.process.pid})
        answer.read()

    def test_signals_end_it_in_time(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.server()
            listening = server.send("GET")
            answer = server.send("POST", {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
                "name": "run_python", "arguments": {"code": "while True: pass"}}})
            next(events(answer))
            started = time.monotonic()
            server.process.send_signal(number)
            self.assertEqual(server.process.wait(timeout=support.HANG_SECONDS), 128 + number)
            self.assertLess(time.monotonic() - started, 10)
            # The call was told that it ends.
            self.assertEqual(json.loads(list(events(answer))[-1][1])["result"]["structuredContent"]["status"], "cancelled")
            with self.assertRaises((http.client.HTTPException, OSError)):
                listening.read()


class Mutations(Http):
    def test_mutated_messages_are_answered_or_refused(self):
        server = self.server()
        server.read_errors()
        messages = mutated_messages(MUTATED_MESSAGES)
        connection = server.connection()
        for data in messages:
            answer = server.send("POST", data, connection)
            body = answer_body(answer)
            wanted = must_be_answered(data)
            context = f"{data[:300]!r}: {answer.status} {body[:300]!r}"
            self.assertIn(answer.status, (200, 202, 400, 404), context)
            if wanted is not None:
                message = json.loads(body)
                self.assertEqual((message["jsonrpc"], message["id"]), ("2.0", wanted), context)
                self.assertTrue(("result" in message) != ("error" in message), context)
            if answer.getheader("Connection") == "close":
                connection = server.connection()
        self.assertIsNone(server.process.poll())
        server.initialize()
        self.assertEqual(server.ask("ping")["result"], {})


def answer_body(answer):
    if answer.getheader("Content-Type") == "text/event-stream":
        # To its end, so that the connection can be used again.
        return next((data.encode() for _, data in list(events(answer)) if '"id"' in data), b"")
    return answer.read()


if __name__ == "__main__":
    support.main()
