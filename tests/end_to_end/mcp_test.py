"""`omnisandbox mcp` over standard streams: what it promises to clients, and what hostile ones cannot do to it."""

import json
import os
import signal
import time

import support
from mcp_peer import MODERN_META, Peer, must_be_answered, mutated_messages
from support import Case, records

# Each of them with a process of its own would take minutes; the fuzz target tries many more.
MUTATED_MESSAGES = int(os.environ.get("OMNISANDBOX_TEST_MUTATIONS", "10000" if support.THOROUGH else "2000"))


class Mcp(Case):
    def peer(self, *args, revision="2025-11-25"):
        peer = Peer(self, *args)
        if revision:
            peer.initialize(revision)
        return peer

    def files_policy(self, **more):
        (self.folder / "data").mkdir(exist_ok=True)
        self.write("data/note.txt", "a note\n")
        self.write("outside.txt", "secret")
        return self.policy(capabilities=["fs_read", "fs_write"], allowed_paths=[str(self.folder / "data")], **more)

    def text(self, result):
        return result["content"][0]["text"]


class Protocol(Mcp):
    def test_each_revision_with_a_handshake(self):
        for revision in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"):
            peer = Peer(self)
            self.assertEqual(peer.initialize(revision)["protocolVersion"], revision)
            self.assertEqual(self.text(peer.call("run_python", code="6 * 7")).strip(), "42")
            self.assertEqual(peer.close(), 0)

    def test_the_revision_without_one(self):
        peer = self.peer(revision=None)
        discovered = peer.ask("server/discover", **MODERN_META)["result"]
        self.assertEqual((discovered["resultType"], discovered["supportedVersions"][-1]), ("complete", "2026-07-28"))
        answer = peer.ask("tools/call", {"name": "run_python", "arguments": {"code": "6 * 7"}}, **MODERN_META)["result"]
        self.assertEqual((answer["resultType"], answer["structuredContent"]["value"]), ("complete", "42"))
        self.assertIn("io.modelcontextprotocol/serverInfo", answer["_meta"])
        # No log unless the request asks for it.
        denied = {"name": "run_python", "arguments": {"code": "import omnisandbox; omnisandbox.fs_read('/etc/shadow')"}}
        peer.ask("tools/call", denied, "2", **MODERN_META)
        self.assertEqual(peer.kept, [])
        peer.ask("tools/call", denied, "3", **MODERN_META, **{"io.modelcontextprotocol/logLevel": "info"})
        self.assertEqual([m["method"] for m in peer.kept], ["notifications/message"] * 2)

    def test_input_that_ends_lets_calls_end(self):
        peer = self.peer()
        peer.request("tools/call", {"name": "run_python", "arguments": {"code": "import time; time.sleep(0.3); print('done')"}}, "late")
        self.assertEqual(peer.close(), 0)
        self.assertEqual([m["id"] for m in peer.kept], ["late"])
        self.assertEqual(self.text(peer.kept[0]["result"]), "done\n")

    def test_input_that_ends_does_not_wait_for_ever(self):
        peer = self.peer()
        peer.request("tools/call", {"name": "run_python", "arguments": {"code": "while True: pass"}}, "endless")
        started = time.monotonic()
        self.assertEqual(peer.close(), 0)
        self.assertLess(time.monotonic() - started, 20)
        self.assertEqual(peer.kept[0]["result"]["structuredContent"]["status"], "cancelled")

    def test_signals_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            peer = self.peer()
            peer.request("tools/call", {"name": "run_python", "arguments": {"code": "while True: pass"}}, "endless")
            time.sleep(0.2)
            peer.process.send_signal(number)
            self.assertEqual(peer.process.wait(timeout=support.HANG_SECONDS), 128 + number)

    def test_nothing_but_messages_on_standard_output(self):
        peer = self.peer()
        result = peer.call("run_python", code="import sys\nprint('out'); print('err', file=sys.stderr); sys.exit(3)")
        self.assertEqual((result["structuredContent"]["stdout"], result["structuredContent"]["stderr"]), ("out\n", "err\n"))
        self.assertEqual((result["isError"], result["structuredContent"]["exit_code"]), (True, 3))
        self.assertEqual(peer.close(), 0)
        self.assertEqual((peer.kept, peer.errors), ([], b""))

    def test_usage(self):
        self.assert_ends(self.command("mcp", "--policy", "absent.yaml"), 2, "absent.yaml")
        self.assert_ends(self.command("mcp", "extra"), 2, "extra")
        audited = self.policy(audit_required=True)
        self.assert_ends(self.command("mcp", "--policy", audited), 125, "--audit")
        done = self.command("mcp", "--policy", audited, "--audit", "audit.jsonl")
        self.assertEqual((done.code, done.out), (0, b""), str(done))


class Tools(Mcp):
    def test_python_and_javascript(self):
        peer = self.peer()
        result = peer.call("run_python", code="import sys; print(sys.argv[1:], sys.stdin.read())\n[1, 2]", args=["a", "b"], stdin="in")
        self.assertEqual(self.text(result), "['a', 'b'] in\n[1, 2]")
        self.assertEqual((result["isError"], result["structuredContent"]["value"]), (False, "[1, 2]"))
        result = peer.call("run_javascript", code="[1, 2, 3].map((n) => n * n)")
        self.assertEqual(self.text(result), "[1,4,9]")
        result = peer.call("run_python", code="1 / 0")
        self.assertTrue(result["isError"])
        self.assertIn("ZeroDivisionError", self.text(result))
        result = peer.call("run_python", code="while True: pass", timeout=0.2)
        self.assertEqual((result["isError"], result["structuredContent"]["status"]), (True, "timeout"))

    def test_the_timeout_of_the_command_line_holds_for_each_call(self):
        peer = self.peer("--timeout", "200ms")
        result = peer.call("run_python", code="while True: pass", timeout=60)
        self.assertEqual(result["structuredContent"]["status"], "timeout")
        self.assertEqual(self.text(peer.call("run_python", code="1 + 1")), "2")

    def test_modules_are_files_that_the_policy_opens(self):
        policy = self.files_policy()
        inside = self.write("data/hello.wat", support.printer(b"hello\n"))
        outside = self.write("hello.wat", support.printer(b"hello\n"))
        peer = self.peer("--policy", policy)
        self.assertEqual(self.text(peer.call("run_wasm", module=inside)), "hello\n")
        result = peer.call("run_wasm", module=outside)
        self.assertTrue(result["isError"])
        self.assertIn("denied: fs_read", self.text(result))
        result = peer.call("run_wasm", module=str(self.folder / "data" / "note.txt"))
        self.assertEqual((result["isError"], result["structuredContent"]["error"]["kind"]), (True, "invalid_argument"))

    def test_commands(self):
        policy = self.policy(capabilities=["exec_run", "fs_read"], allowed_paths=[str(self.folder)], allowed_commands=["cat", "ls"])
        peer = self.peer("--policy", policy)
        result = peer.call("run_command", command="cat", stdin="typed")
        if result["structuredContent"]["status"] == "failed" and result["structuredContent"]["error"]["kind"] == "unavailable":
            self.skipTest(f"no process sandbox here: {self.text(result)}")
        self.assertEqual((self.text(result), result["isError"]), ("typed", False))
        result = peer.call("run_command", command="ls", args=["/no/such"])
        self.assertEqual((result["isError"], result["structuredContent"]["status"]), (True, "exited"))
        result = peer.call("run_command", command="id")
        self.assertTrue(result["isError"])
        self.assertIn("denied: exec_run id", self.text(result))
        self.assertIn("allowed_commands: [id]", self.text(result))

    def test_the_operator_decides_whether_a_command_is_explained(self):
        self.write("data/note.txt", "a note")
        outside = self.write("outside.txt", "secret")
        policy = self.policy(capabilities=["exec_run", "fs_read"], allowed_paths=[str(self.folder / "data")], allowed_commands=["cat"])
        explaining = self.peer("--policy", policy, "--explain")
        result = explaining.call("run_command", command="cat", args=[outside])
        if result["structuredContent"]["status"] == "failed" and result["structuredContent"]["error"]["kind"] == "unavailable":
            self.skipTest(f"no process sandbox here: {self.text(result)}")
        refusal = result["structuredContent"]["refusals"][0]
        self.assertEqual((refusal["kind"], refusal["action"], refusal["name"], refusal["count"]), ("path", "read", outside, 1))
        self.assertIn(f"denied: read {outside} (", self.text(result))
        self.assertIn("to allow: allowed_paths", self.text(result))
        self.assertEqual(result["structuredContent"]["refusal_count"], 1)
        result = explaining.call("run_command", command="cat", args=[str(self.folder / "data" / "note.txt")])
        self.assertEqual((self.text(result), result["structuredContent"]["refusals"]), ("a note", []))
        # Without the option nobody is told which files there are, and no client can ask for it.
        silent = self.peer("--policy", policy)
        result = silent.call("run_command", command="cat", args=[outside])
        self.assertNotIn("refusals", result["structuredContent"])
        self.assertNotIn("denied: read", self.text(result))
        for peer in (silent, explaining):
            result = peer.call("run_command", command="cat", args=[outside], explain=True)
            self.assertTrue(result["isError"])
            self.assertIn('"explain"', self.text(result))
            tools = {tool["name"]: tool for tool in peer.ask("tools/list")["result"]["tools"]}
            self.assertNotIn("explain", tools["run_command"]["inputSchema"]["properties"])

    def test_a_denial_says_what_to_add(self):
        peer = self.peer("--policy", self.files_policy())
        result = peer.call("read_file", path=str(self.folder / "outside.txt"))
        for part in ("denied: fs_read", "rule: ", "reason: ", "the policy line that would allow it: allowed_paths"):
            self.assertIn(part, self.text(result))
        self.assertNotIn("secret", json.dumps(result))
        result = peer.call("run_python", code=f"import omnisandbox; omnisandbox.fs_read({str(self.folder / 'outside.txt')!r})")
        self.assertIn("the policy line that would allow it", self.text(result))
        self.assertEqual([d["capability"] for d in result["structuredContent"]["denials"]], ["fs_read"])

    def test_the_audit_has_every_call(self):
        peer = self.peer("--policy", self.files_policy(), "--audit", "audit.jsonl")
        peer.call("read_file", path=str(self.folder / "data" / "note.txt"))
        peer.call("write_file", path=str(self.folder / "outside.txt"), content="changed")
        shown = peer.ask("resources/read", {"uri": "omnisandbox://audit"})["result"]["contents"][0]["text"]
        peer.close()
        written = records(self.folder / "audit.jsonl")
        self.assertEqual([json.loads(line) for line in shown.splitlines()], written)
        self.assertEqual([(r["event"], r["operation"]) for r in written],
                         [("decision", "fs_read"), ("outcome", "fs_read"), ("decision", "fs_write"), ("outcome", "fs_write")])
        self.assertEqual((self.folder / "outside.txt").read_text(), "secret")


class Concurrency(Mcp):
    def test_64_calls_in_flight_are_all_answered(self):
        peer = self.peer()
        for number in range(64):
            peer.request("tools/call", {"name": "run_python", "arguments": {"code": f"{number} * 2"}}, f"call {number}")
        answers = {}
        while len(answers) < 64:
            message = peer.next()
            answers[message["id"]] = message["result"]["structuredContent"]["value"]
        self.assertEqual(answers, {f"call {number}": str(number * 2) for number in range(64)})

    def test_a_slow_call_blocks_no_other(self):
        peer = self.peer()
        peer.request("tools/call", {"name": "run_python", "arguments": {"code": "import time; time.sleep(20)"}}, "slow")
        peer.request("tools/call", {"name": "run_python", "arguments": {"code": "while True: pass"}}, "busy")
        self.assertEqual(self.text(peer.call("run_python", "quick", code="1 + 1")), "2")
        self.assertEqual(peer.ask("ping", identity="p")["result"], {})
        self.assertEqual(peer.kept, [])

    def test_cancellation_ends_the_work_without_an_answer(self):
        peer = self.peer("--audit", "audit.jsonl")
        peer.request("tools/call", {"name": "run_python", "arguments": {"code": "while True: pass"}}, "endless")
        time.sleep(0.3)
        peer.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "endless"}})
        deadline = time.monotonic() + support.HANG_SECONDS
        while not any(r["event"] == "outcome" for r in records(self.folder / "audit.jsonl")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        peer.close()
        self.assertEqual(records(self.folder / "audit.jsonl")[-1]["status"], "cancelled")
        self.assertEqual(peer.kept, [])

    def test_progress_is_sent_where_it_is_asked_for(self):
        peer = self.peer()
        peer.ask("tools/call", {"name": "run_python", "arguments": {"code": "import time; time.sleep(1.5)"}}, "slow", progressToken="t")
        self.assertGreaterEqual(len(peer.kept), 1)
        values = [m["params"]["progress"] for m in peer.kept]
        self.assertEqual(values, sorted(set(values)))
        for message in peer.kept:
            self.assertEqual((message["method"], message["params"]["progressToken"]), ("notifications/progress", "t"))


class Hostile(Mcp):
    def test_a_message_beyond_the_limit_is_refused_and_the_next_is_answered(self):
        peer = self.peer()
        peer.send_bytes(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b"x" * (17 * 1024 * 1024) + b'"}}\n')
        refused = peer.next()
        self.assertEqual((refused["id"], refused["error"]["code"]), (None, -32600))
        self.assertEqual(peer.ask("ping", identity="after")["result"], {})

    def test_deep_nesting(self):
        peer = self.peer()
        for deep in (b"[" * 1_000_000, b'{"a":' * 500_000, b"[" * 1_000_000 + b"]" * 1_000_000):
            peer.send_bytes(deep + b"\n")
            self.assertEqual(peer.next()["error"]["code"], -32700)
        self.assertEqual(peer.ask("ping", identity="after")["result"], {})

    def test_mutated_messages(self):
        messages = mutated_messages(MUTATED_MESSAGES)
        wanted = {identity for identity in map(must_be_answered, messages) if identity and identity.startswith("m")}
        self.assertGreater(len(wanted), MUTATED_MESSAGES // 3)
        peer = self.peer()
        peer.send_bytes(b"\n".join(messages) + b"\n")
        peer.request("ping", identity="the last")
        peer.answer("the last")
        peer.close()
        answered = {m["id"] for m in peer.kept if isinstance(m.get("id"), str)}
        self.assertEqual(wanted - answered, set())
        for message in peer.kept:
            self.assertTrue("method" in message or ("error" in message) != ("result" in message), message)
        self.assertEqual(peer.process.returncode, 0)


if __name__ == "__main__":
    support.main()
