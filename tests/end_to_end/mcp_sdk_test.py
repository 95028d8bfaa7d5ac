"""`omnisandbox mcp` with the official Python SDK of the protocol, in both of its eras and by both of its transports."""

import asyncio

import support
from mcp_sdk import LEGACY, MODERN, ByHttp, SdkCase
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_http_peer import HttpServer


class Sdk(SdkCase):
    async def test_both_eras_agree_on_a_revision(self):
        for mode, revision in ((LEGACY, "2025-11-25"), (MODERN, "2026-07-28")):
            with self.subTest(mode=mode):
                async with Client(self.parameters(), mode=mode) as client:
                    self.assertEqual(client.protocol_version, revision)
                    self.assertEqual(client.server_info.name, "omnisandbox")
                    self.assertIn("one policy", client.instructions)

    async def test_tools_have_schemas_that_the_sdk_holds_their_results_to(self):
        for mode in (LEGACY, MODERN):
            with self.subTest(mode=mode):
                async with Client(self.parameters("--policy", self.files_policy()), mode=mode) as client:
                    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
                    self.assertEqual(set(tools), {"run_python", "run_javascript", "run_wasm", "read_file", "list_files", "explain_policy"})
                    for tool in tools.values():
                        self.assertEqual(tool.input_schema["type"], "object", tool.name)
                        self.assertEqual(tool.output_schema["type"], "object", tool.name)
                    self.assertTrue(tools["read_file"].annotations.read_only_hint)
                    self.assertEqual(tools["run_python"].input_schema["required"], ["code"])
                    # The SDK checks each of these against the tool's output schema.
                    result = await client.call_tool("run_python", {"code": "print('x')\n6 * 7"})
                    self.assertEqual((result.is_error, result.structured_content["value"]), (False, "42"))
                    result = await client.call_tool("run_javascript", {"code": "6 * 7"})
                    self.assertEqual(result.content[0].text, "42")
                    result = await client.call_tool("read_file", {"path": str(self.folder / "data" / "note.txt")})
                    self.assertEqual(result.content[0].text, "a note\n")
                    result = await client.call_tool("list_files", {"path": str(self.folder / "data")})
                    self.assertEqual(result.structured_content["entries"], [{"type": "file", "name": "note.txt"}])
                    result = await client.call_tool("explain_policy", {"capability": "net_http", "resource": "https://example.com"})
                    self.assertFalse(result.structured_content["allowed"])

    async def test_denials_and_unknown_tools(self):
        for mode in (LEGACY, MODERN):
            with self.subTest(mode=mode):
                async with Client(self.parameters("--policy", self.files_policy()), mode=mode) as client:
                    result = await client.call_tool("read_file", {"path": "/etc/shadow"})
                    self.assertTrue(result.is_error)
                    self.assertIn("the policy line that would allow it: allowed_paths", result.content[0].text)
                    with self.assertRaises(MCPError) as caught:
                        await client.call_tool("write_file", {"path": "/tmp/x", "content": ""})
                    self.assertIn("capabilities: [fs_write]", str(caught.exception))

    async def test_resources(self):
        for mode in (LEGACY, MODERN):
            with self.subTest(mode=mode):
                async with Client(self.parameters("--policy", self.files_policy()), mode=mode) as client:
                    await client.call_tool("read_file", {"path": "/etc/shadow"})
                    uris = {str(resource.uri) for resource in (await client.list_resources()).resources}
                    self.assertEqual(uris, {"omnisandbox://policy", "omnisandbox://audit"})
                    audit = await client.read_resource("omnisandbox://audit")
                    self.assertIn("/etc/shadow", audit.contents[0].text)

    async def test_64_calls_at_once_and_a_slow_one(self):
        for mode, count in ((LEGACY, 64), (MODERN, 64 if support.THOROUGH else 16)):
            with self.subTest(mode=mode):
                async with Client(self.parameters(), mode=mode) as client:
                    slow = asyncio.create_task(client.call_tool("run_python", {"code": "import time; time.sleep(25)"}))
                    results = await asyncio.gather(*(client.call_tool("run_python", {"code": f"{n} + 1"}) for n in range(count)))
                    self.assertEqual([r.structured_content["value"] for r in results], [str(n + 1) for n in range(count)])
                    self.assertFalse(slow.done())
                    slow.cancel()
                    await asyncio.gather(slow, return_exceptions=True)

    async def test_progress_and_log(self):
        progress, logged = [], []

        async def on_progress(value, total, message):
            progress.append((value, total, message))

        async def on_log(params):
            logged.append(params.data)

        for mode in (LEGACY, MODERN):
            with self.subTest(mode=mode):
                progress.clear()
                logged.clear()
                async with Client(self.parameters("--policy", self.files_policy()), mode=mode, logging_callback=on_log,
                                  log_level="warning") as client:
                    await client.call_tool("run_python", {"code": "import time; time.sleep(1.5)"}, progress_callback=on_progress)
                    await client.call_tool("read_file", {"path": "/etc/shadow"})
                self.assertGreaterEqual(len(progress), 1)
                self.assertAlmostEqual(progress[0][1], 30.0, places=3)
                self.assertEqual(progress[0][2], "running")
                self.assertEqual([data["denial"]["resource"] for data in logged], ["/etc/shadow"])


class SdkByHttp(ByHttp, Sdk):
    async def test_without_the_token(self):
        server = HttpServer(self)
        with self.assertRaises(Exception):
            async with Client(streamable_http_client(server.url), mode=LEGACY):
                self.fail("it was let in")


if __name__ == "__main__":
    support.main()
