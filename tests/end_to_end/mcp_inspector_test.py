"""`omnisandbox mcp` with the command line of the protocol's inspector, on standard streams and by HTTP (scripts/install_mcp_clients.sh)."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import support
from mcp_http_peer import HttpServer
from support import Case

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "mcp-clients" / "inspector" / "node_modules" / "@modelcontextprotocol" / "inspector-cli" / "build" / "index.js"
SKIPPED = 77

if not PROGRAM.exists() or not shutil.which("node"):
    print("skipped: the MCP inspector is not installed; scripts/install_dependencies.sh installs it")
    sys.exit(SKIPPED)


class Inspector(Case):
    def ask(self, target, *args):
        done = subprocess.run(["node", PROGRAM, *target, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
                              env={**os.environ, "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(self.folder))},
                              timeout=support.HANG_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def check(self, target, *quick):
        """All of it, or what is in `quick`: each is a process of its own that takes a second of a processor to start."""
        for check in (self.check_tools, self.check_call, self.check_denial, self.check_policy) if support.THOROUGH else quick:
            check(target)

    def check_tools(self, target):
        tools = {tool["name"]: tool for tool in self.ask(target, "--method", "tools/list")["tools"]}
        self.assertEqual(set(tools), {"run_python", "run_javascript", "run_wasm", "read_file", "list_files", "explain_policy"})
        self.assertEqual(tools["run_python"]["inputSchema"]["required"], ["code"])

    def check_call(self, target):
        result = self.ask(target, "--method", "tools/call", "--tool-name", "run_python", "--tool-arg", "code=6 * 7")
        self.assertEqual((result["isError"], result["structuredContent"]["value"]), (False, "42"))

    def check_denial(self, target):
        result = self.ask(target, "--method", "tools/call", "--tool-name", "read_file", "--tool-arg", "path=/etc/shadow")
        self.assertTrue(result["isError"])
        self.assertIn("the policy line that would allow it", result["content"][0]["text"])

    def check_policy(self, target):
        policy = self.ask(target, "--method", "resources/read", "--uri", "omnisandbox://policy")
        self.assertIn("fs_read", policy["contents"][0]["text"])

    def policy_of_files(self):
        (self.folder / "data").mkdir()
        return self.policy(capabilities=["fs_read"], allowed_paths=[str(self.folder / "data")])

    def test_on_standard_streams(self):
        # It would take the options of the server for its own.
        script = self.write("server", f'#!/bin/sh\nexec "{support.COMMAND}" mcp --policy "{self.policy_of_files()}"\n')
        os.chmod(script, 0o700)
        self.check([script], self.check_tools, self.check_denial)

    def test_by_http(self):
        # This version sends no headers of its own.
        server = HttpServer(self, "--policy", self.policy_of_files(), "--no-token", token=None)
        server.read_errors()
        self.check([server.url, "--transport", "http"], self.check_call, self.check_policy)


if __name__ == "__main__":
    support.main()
