"""`omnisandbox mcp --tools`: components of a folder as tools, each under its own policy, with the official Python SDK; and what is hostile or broken
in such a folder."""

import asyncio
import json
import os
import pathlib
import time

import support
from mcp_sdk import LEGACY, MODERN, ByHttp, SdkCase
from mcp import Client, MCPError
from mcp_peer import Peer
from support import Case

LIBC = """(core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))"""
LIFTED = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'


def adder(name="add", amount=0):
    """A component that adds two numbers, and `amount`."""
    return f"""(component
      (core module $m (func (export "add") (param i32 i32) (result i32)
        (i32.add (i32.const {amount}) (i32.add (local.get 0) (local.get 1)))))
      (core instance $i (instantiate $m))
      (func (export "{name}") (param "a" s32) (param "b" s32) (result s32) (canon lift (core func $i "add"))))"""


# Gives back what it is given: lists lie in memory as they came, whatever they hold.
SHAPES = f"""(component
  {LIBC}
  (core module $m
    (import "" "memory" (memory 1))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "half") (param i32) (result i32)
      (if (i32.and (local.get 0) (i32.const 1))
        (then (i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const 64)) (i32.store (i32.const 24) (i32.const 6)))
        (else (i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.shr_u (local.get 0) (i32.const 1)))))
      (i32.const 16))
    (func (export "spin") (loop $again (br $again)))
    (data (i32.const 64) "is odd"))
  (core instance $i (instantiate $m (with "" (instance (export "memory" (memory $libc "memory"))))))
  (type $point' (record (field "x" s32) (field "label" (option string))))
  (export $point "point" (type $point'))
  (type $colour' (enum "red" "green"))
  (export $colour "colour" (type $colour'))
  (type $shape' (variant (case "none") (case "circle" f64) (case "line" (tuple $point $point))))
  (export $shape "shape" (type $shape'))
  (type $access' (flags "read" "write"))
  (export $access "access" (type $access'))
  (func (export "shapes") (param "list" (list $shape)) (result (list $shape)) (canon lift (core func $i "echo") {LIFTED}))
  (func (export "colours") (param "list" (list (tuple $colour $access char u8))) (result (list (tuple $colour $access char u8)))
    (canon lift (core func $i "echo") {LIFTED}))
  (func (export "half") (param "number" u32) (result (result u32 (error string))) (canon lift (core func $i "half") {LIFTED}))
  (func (export "spin") (canon lift (core func $i "spin"))))"""

# Reads a file by the host's function.
READER = f"""(component
  (import "omnisandbox:host/fs@1.0.0" (instance $fs
    (type $kind' (enum "timeout" "memory" "fuel" "output" "denied" "trap" "invalid-argument" "not-found" "already-exists" "too-large" "limit"
                       "io" "cancelled" "unavailable" "internal"))
    (export "error-kind" (type $kind (eq $kind')))
    (type $denial' (record (field "capability" string) (field "resource" string) (field "rule" string) (field "reason" string)
                           (field "remedy" string)))
    (export "denial" (type $denial (eq $denial')))
    (type $error' (record (field "kind" $kind) (field "message" string) (field "denial" (option $denial))))
    (export "error" (type $error (eq $error')))
    (export "read-text" (func (param "path" string) (result (result string (error $error)))))))
  {LIBC}
  (core func $read-text (canon lower (func $fs "read-text") {LIFTED}))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "read-text" (func $read-text (param i32 i32 i32)))
    (func (export "read") (param i32 i32) (result i32)
      (call $read-text (local.get 0) (local.get 1) (i32.const 16))
      (if (i32.load8_u (i32.const 16))
        (then (i32.store (i32.const 20) (i32.load (i32.const 24))) (i32.store (i32.const 24) (i32.load (i32.const 28)))))
      (i32.const 16)))
  (core instance $i (instantiate $m (with "" (instance (export "memory" (memory $libc "memory")) (export "read-text" (func $read-text))))))
  (func (export "read") (param "path" string) (result (result string (error string))) (canon lift (core func $i "read") {LIFTED})))"""

COMMAND = """(component
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))"""


class FolderOfTools:
    def tool(self, name, text, policy=None, description=None):
        self.write(f"tools/{name}.wasm", text)
        if policy is not None:
            self.write(f"tools/{name}.policy.yaml", policy if isinstance(policy, str) else json.dumps({"version": 1, **policy}))
        if description:
            self.write(f"tools/{name}.description.txt", description)

    def folder_args(self, *more):
        (self.folder / "tools").mkdir(exist_ok=True)
        return ["--tools", str(self.folder / "tools"), *more]


OWN = {"run_python", "run_javascript", "explain_policy"}


class Tools(FolderOfTools, SdkCase):
    def client(self, *args, mode=LEGACY, **more):
        return Client(self.parameters(*self.folder_args(*args)), mode=mode, **more)

    async def listed(self, client):
        return {tool.name: tool for tool in (await client.list_tools()).tools}

    async def test_functions_have_the_schemas_of_their_types(self):
        self.tool("sum", adder(), description="Adds two whole numbers.\n")
        self.tool("figures", SHAPES, policy={"timeout": "300ms"})
        self.tool("program", COMMAND)
        for mode in (LEGACY, MODERN):
            with self.subTest(mode=mode):
                async with self.client(mode=mode) as client:
                    tools = await self.listed(client)
                    self.assertEqual(set(tools) - OWN, {"sum", "figures_shapes", "figures_colours", "figures_half", "figures_spin", "program"} |
                                     (set(tools) & {"run_wasm"}))
                    self.assertTrue(tools["sum"].description.startswith("Adds two whole numbers.\n"))
                    self.assertIn("func(a: s32, b: s32) -> s32", tools["sum"].description)
                    self.assertIn("no access to files, network or commands", tools["sum"].description)
                    self.assertTrue(tools["sum"].annotations.read_only_hint)
                    schema = tools["sum"].input_schema
                    self.assertEqual((set(schema["properties"]), schema["required"], schema["additionalProperties"]),
                                     ({"a", "b"}, ["a", "b"], False))
                    # The SDK checks each result against the tool's output schema.
                    result = await client.call_tool("sum", {"a": 2, "b": -5})
                    self.assertEqual((result.is_error, result.structured_content, result.content[0].text), (False, {"value": -3}, "-3"))
                    shapes = ["none", {"circle": 1.5}, {"line": [{"x": 1, "label": None}, {"x": -2, "label": "end"}]}]
                    result = await client.call_tool("figures_shapes", {"list": shapes})
                    self.assertEqual((result.is_error, result.structured_content), (False, {"value": shapes}), result.content[0].text)
                    colours = [["red", ["read", "write"], "ß", 255], ["green", [], "😀", 0]]
                    result = await client.call_tool("figures_colours", {"list": colours})
                    self.assertEqual(result.structured_content, {"value": colours}, result.content[0].text)
                    result = await client.call_tool("program", {"args": ["x"]})
                    self.assertEqual((result.is_error, result.structured_content["exit_code"]), (True, 1))

    async def test_a_result_is_a_value_or_an_error(self):
        self.tool("figures", SHAPES)
        async with self.client() as client:
            result = await client.call_tool("figures_half", {"number": 8})
            self.assertEqual((result.is_error, result.content[0].text, result.structured_content), (False, "4", {"value": {"ok": 4}}))
            result = await client.call_tool("figures_half", {"number": 7})
            self.assertEqual((result.is_error, result.content[0].text), (True, "[error] is odd"))

    async def test_wrong_arguments_are_told(self):
        self.tool("sum", adder())
        async with self.client() as client:
            for arguments, text in (({"a": 1}, '"b" is missing'), ({"a": 1, "b": 2, "c": 3}, '"c"'), ({"a": 1, "b": "2"}, "must be s32"),
                                    ({"a": 1, "b": 2**31}, "must be s32"), ({"a": None, "b": 1}, "must be s32")):
                result = await client.call_tool("sum", arguments)
                self.assertTrue(result.is_error, arguments)
                self.assertIn(text, result.content[0].text)

    async def test_a_policy_beside_the_component_only_takes_away(self):
        self.write("data/note.txt", "a note")
        self.write("other/note.txt", "other")
        data, other = str(self.folder / "data"), str(self.folder / "other")
        base = self.policy(capabilities=["fs_read"], allowed_paths=[data])
        self.tool("bare", READER)
        self.tool("reader", READER, policy={"capabilities": ["fs_read"], "allowed_paths": [data]})
        self.tool("greedy", READER, policy={"capabilities": ["fs_read"], "allowed_paths": [data, other]})
        async with self.client("--policy", base, "--audit", str(self.folder / "audit.jsonl")) as client:
            tools = await self.listed(client)
            self.assertIn("grants it fs_read", tools["reader"].description)
            result = await client.call_tool("reader", {"path": data + "/note.txt"})
            self.assertEqual((result.is_error, result.content[0].text), (False, "a note"))
            result = await client.call_tool("greedy", {"path": data + "/note.txt"})
            self.assertEqual((result.is_error, result.content[0].text), (False, "a note"))
            for tool, path in (("bare", data), ("reader", other), ("greedy", other)):
                result = await client.call_tool(tool, {"path": path + "/note.txt"})
                self.assertTrue(result.is_error, tool)
                self.assertIn("denied: fs_read", result.content[0].text)
                self.assertIn("the policy line that would allow it", result.content[0].text)
                self.assertNotIn("other\n", result.content[0].text)
        denied = [record["resource"] for record in support.records(self.folder / "audit.jsonl") if record.get("answer") == "denial"]
        self.assertEqual(denied, [path + "/note.txt" for path in (data, other, other)])

    async def test_its_own_timeout_holds(self):
        self.tool("figures", SHAPES, policy={"timeout": "200ms"})
        async with self.client() as client:
            started = time.monotonic()
            result = await client.call_tool("figures_spin", {})
            self.assertTrue(result.is_error)
            self.assertIn("[timeout]", result.content[0].text)
            self.assertLess(time.monotonic() - started, 10)

    async def test_the_list_changes_with_the_folder(self):
        changed, told = asyncio.Event(), []

        async def on_message(message):
            if getattr(message, "method", "") == "notifications/tools/list_changed":
                changed.set()

        async def on_log(params):
            told.append(params.data)

        async def next_list(client):
            await asyncio.wait_for(changed.wait(), support.HANG_SECONDS)
            changed.clear()
            return set(await self.listed(client)) - OWN

        self.tool("sum", adder())
        async with self.client(message_handler=on_message, logging_callback=on_log) as client:
            self.assertTrue(client.server_capabilities.tools.list_changed)
            self.assertEqual(set(await self.listed(client)) - OWN, {"sum"})
            changed.clear()
            self.tool("second", adder(amount=100))
            self.assertEqual(await next_list(client), {"sum", "second"})
            self.assertEqual((await client.call_tool("second", {"a": 1, "b": 2})).structured_content, {"value": 103})
            # Replaced, as an installer does; nobody sees a part of it.
            self.write("new.wasm", adder("add", 1000))
            os.replace(self.folder / "new.wasm", self.folder / "tools" / "sum.wasm")
            deadline = time.monotonic() + support.HANG_SECONDS
            while (await client.call_tool("sum", {"a": 1, "b": 2})).structured_content != {"value": 1003}:
                self.assertLess(time.monotonic(), deadline)
                await asyncio.sleep(0.1)
            self.write("tools/second.wasm", "(component this is none")
            self.assertEqual(await next_list(client), {"sum"})
            with self.assertRaises(MCPError):
                await client.call_tool("second", {"a": 1, "b": 2})
            while not told:
                await asyncio.sleep(0.05)
            self.assertIn("second.wasm", told[0]["problem"])
            (self.folder / "tools" / "sum.wasm").unlink()
            self.assertEqual(await next_list(client), set())

    async def test_subscriptions_of_the_revision_without_a_handshake(self):
        async with self.client(mode=MODERN) as client:
            self.assertEqual(set(await self.listed(client)) - OWN, set())
            async with client.listen(tools_list_changed=True) as changes:
                self.tool("sum", adder())
                await asyncio.wait_for(anext(changes), support.HANG_SECONDS)
                self.assertEqual(set(await self.listed(client)) - OWN, {"sum"})

    async def test_64_calls_at_once(self):
        self.tool("sum", adder())
        async with self.client() as client:
            results = await asyncio.gather(*(client.call_tool("sum", {"a": number, "b": 1}) for number in range(64)))
            self.assertEqual([result.structured_content["value"] for result in results], [number + 1 for number in range(64)])


class ToolsByHttp(ByHttp, Tools):
    """The same by Streamable HTTP."""


class HostileFolder(FolderOfTools, Case):
    def peer(self, *args):
        peer = Peer(self, *self.folder_args(*args))
        peer.initialize()
        return peer

    def names(self, peer):
        return {tool["name"] for tool in peer.ask("tools/list")["result"]["tools"]} - OWN

    def problems(self, peer):
        """What the client's log was told, by file."""
        peer.ask("ping")
        told = {}
        for message in peer.kept:
            if message["method"] == "notifications/message":
                name, _, problem = message["params"]["data"]["problem"].partition(": ")
                told[name] = problem
        return told

    def test_what_is_broken_is_told_and_the_rest_works(self):
        self.tool("good", adder())
        self.tool("empty", b"")
        self.tool("noise", os.urandom(5000))
        self.tool("module", "(module (func (export \"f\")))")
        self.tool("nothing", "(component)")
        self.tool("wrong-key", adder(), policy='{"version": 1, "capabilitys": ["fs_read"]}')
        self.tool("absent-path", adder(), policy={"capabilities": ["fs_read"], "allowed_paths": ["/no/such/folder"]})
        self.tool("with-docker", adder(), policy={"docker": {"image": "alpine:3"}})
        self.tool("read_file", adder())
        self.tool("run_python", adder())
        self.tool("a b", adder())
        self.tool("a_b", adder())
        self.tool("n" * 65, adder())
        self.write("tools/lonely.policy.yaml", "version: 1")
        self.write("secret.wasm", adder())
        (self.folder / "tools" / "link.wasm").symlink_to(self.folder / "secret.wasm")
        (self.folder / "tools" / "dangling.wasm").symlink_to("/nowhere")
        (self.folder / "tools" / "folder.wasm").mkdir()
        os.mkfifo(self.folder / "tools" / "fifo.wasm")
        self.tool("fifo-policy", adder())
        os.mkfifo(self.folder / "tools" / "fifo-policy.policy.yaml")
        self.tool("linked-policy", adder())
        (self.folder / "tools" / "linked-policy.policy.yaml").symlink_to("/etc/hostname")
        self.tool("huge", b"")
        os.truncate(self.folder / "tools" / "huge.wasm", 1 << 40)
        self.tool("open-to-all", adder())
        (self.folder / "tools" / "open-to-all.wasm").chmod(0o666)
        peer = self.peer()
        self.assertEqual(self.names(peer), {"good", "a_b"})
        result = peer.call("good", a=1, b=2)
        self.assertEqual(result["structuredContent"], {"value": 3})
        problems = self.problems(peer)
        for name, text in (("empty", "no component"), ("noise", "no component"), ("module", "no component"), ("nothing", "no function"), ("read_file", "own"),
                           ("run_python", "own"), ("a b", "a_b already"), ("link", "symbolic link"), ("dangling", "symbolic link"),
                           ("folder", "not a regular file"), ("fifo", "not a regular file"), ("fifo-policy", "not a regular file"),
                           ("linked-policy", "symbolic link"), ("huge", "limit of 64"), ("open-to-all", "everybody may write"),
                           ("wrong-key", "capabilitys"), ("absent-path", "/no/such/folder"), ("with-docker", "docker"), ("n" * 65, "64")):
            self.assertIn(name + ".wasm", problems)
            self.assertIn(text, problems[name + ".wasm"], name)
        self.assertEqual(peer.close(), 0)
        said = peer.errors.decode()
        self.assertIn("omnisandbox: tools: link.wasm: ", said)
        self.assertIn("lonely.policy.yaml belongs to no tool", said)
        self.assertNotIn("\x1b", said)

    def test_a_component_that_is_replaced_while_it_runs(self):
        self.tool("busy", SHAPES)
        peer = self.peer()
        self.assertIn("busy_spin", self.names(peer))
        peer.request("tools/call", {"name": "busy_spin", "arguments": {}}, "spinning")
        time.sleep(0.3)
        self.tool("busy", adder())
        message = peer.next()
        while message["method"] != "notifications/tools/list_changed":
            message = peer.next()
        self.assertEqual(self.names(peer), {"busy"})
        self.assertEqual(peer.call("busy", a=1, b=2)["structuredContent"], {"value": 3})
        peer.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "spinning"}})
        self.assertEqual(peer.close(), 0)

    def test_a_folder_that_goes_and_comes_back(self):
        self.tool("sum", adder())
        peer = self.peer()
        self.assertEqual(self.names(peer), {"sum"})
        (self.folder / "tools").rename(self.folder / "away")

        def wait_for(names):
            deadline = time.monotonic() + support.HANG_SECONDS
            while self.names(peer) != names:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)

        wait_for(set())
        (self.folder / "away").rename(self.folder / "tools")
        wait_for({"sum"})
        self.assertEqual(peer.close(), 0)

    def test_a_thousand_components(self):
        step = 10 if support.THOROUGH else 25  # every so many are one
        for number in range(1000):
            self.tool(f"t{number:04}", adder(amount=number % 7) if number % step == 0 else b"no component")
        peer = self.peer()
        deadline = time.monotonic() + support.HANG_SECONDS
        while len(self.names(peer)) < 1000 // step:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        for number in (0, 500, 1000 - step):
            self.assertEqual(peer.call(f"t{number:04}", a=1, b=1)["structuredContent"], {"value": 2 + number % 7})
        # A few are kept ready, each with a worker or two; not all of them.
        children = pathlib.Path(f"/proc/{peer.process.pid}/task").glob("*/children")
        self.assertLess(sum(len(path.read_text(encoding="ascii").split()) for path in children), 50)
        self.assertEqual(peer.close(), 0)

    def test_usage(self):
        self.tool("sum", adder())
        self.assert_ends(self.command("mcp", "--tools", "absent"), 2, "absent")
        self.assert_ends(self.command("mcp", "--tools", self.write("file", "")), 2, "file")
        writes = self.policy(capabilities=["fs_read", "fs_write"], allowed_paths=[str(self.folder)])
        self.assert_ends(self.command("mcp", *self.folder_args("--policy", writes)), 2, "write to their own folder", "access: read")
        reads = self.policy(capabilities=["fs_read", "fs_write"],
                            allowed_paths=[str(self.folder), {"path": str(self.folder / "tools"), "access": "read"}])
        done = self.command("mcp", *self.folder_args("--policy", reads))
        self.assertEqual((done.code, done.err), (0, ""), str(done))
        (self.folder / "tools").chmod(0o777)
        self.assert_ends(self.command("mcp", *self.folder_args()), 2, "everybody may write")


if __name__ == "__main__":
    support.main()
