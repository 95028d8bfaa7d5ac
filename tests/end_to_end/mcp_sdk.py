"""What the tests with the official Python SDK of the protocol share. Importing it runs the script again in the SDK's virtual environment
(scripts/install_mcp_clients.sh)."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build" / "mcp-clients" / "sdk" / "bin" / "python"
SKIPPED = 77

if pathlib.Path(sys.prefix) != PYTHON.parent.parent:
    if not PYTHON.exists():
        print("skipped: the MCP clients are not installed; scripts/install_dependencies.sh installs them")
        sys.exit(SKIPPED)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

# pylint: disable=wrong-import-position
import asyncio
import unittest

import support
from mcp import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_http_peer import HttpServer
from support import Case

LEGACY, MODERN = "legacy", "auto"


class SdkCase(Case, unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # it reports every step that a busy machine slows

    def parameters(self, *args):
        """What a Client connects to: a server of its own, over standard streams."""
        return StdioServerParameters(command=support.COMMAND, args=["mcp", *args], cwd=str(self.folder),
                                     env={"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(self.folder))})

    def files_policy(self, **more):
        (self.folder / "data").mkdir(exist_ok=True)
        self.write("data/note.txt", "a note\n")
        return self.policy(capabilities=["fs_read"], allowed_paths=[str(self.folder / "data")], **more)


class ByHttp:
    """The same by Streamable HTTP."""

    def parameters(self, *args):
        server = HttpServer(self, *args)
        server.read_errors()
        return streamable_http_client(server.url, http_client=create_mcp_http_client(headers={"Authorization": f"Bearer {server.token}"}))
