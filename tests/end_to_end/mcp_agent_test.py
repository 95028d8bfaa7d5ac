"""`omnisandbox mcp` under an agent framework, end to end: smolagents with a model that is a script, which calls our tools as a real one
would. Runs itself again in the framework's virtual environment (scripts/install_mcp_clients.sh)."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build" / "mcp-clients" / "agent" / "bin" / "python"
SKIPPED = 77

if pathlib.Path(sys.prefix) != PYTHON.parent.parent:
    if not PYTHON.exists():
        print("skipped: the MCP clients are not installed; scripts/install_dependencies.sh installs them")
        sys.exit(SKIPPED)
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

# pylint: disable=wrong-import-position
import support
from mcp import StdioServerParameters
from smolagents import MCPClient, Model, ToolCallingAgent
from smolagents.models import ChatMessage, ChatMessageToolCall, ChatMessageToolCallFunction, MessageRole
from support import Case


class Script(Model):
    """A model that says what it was told to, and keeps what it was shown."""

    def __init__(self, steps):
        super().__init__(model_id="script")
        self.steps = list(steps)
        self.seen = []

    def generate(self, messages, **_):
        self.seen.append("".join(block["text"] for block in messages[-1].content))
        name, arguments = self.steps.pop(0)
        call = ChatMessageToolCall(id=str(len(self.steps)), type="function",
                                   function=ChatMessageToolCallFunction(name=name, arguments=arguments))
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call])


class Agent(Case):
    def run_agent(self, policy, steps):
        """The agent's final answer, and what its model was shown after each step."""
        parameters = StdioServerParameters(command=support.COMMAND, args=["mcp", "--policy", policy], cwd=str(self.folder))
        with MCPClient(parameters, structured_output=False) as tools:
            model = Script([*steps, ("final_answer", {"answer": "done"})])
            agent = ToolCallingAgent(tools=tools, model=model, max_steps=len(steps) + 1, verbosity_level=0)
            return agent.run("Do what the script says."), model.seen[1:]

    def test_an_agent_works_with_files_and_code_and_learns_what_is_denied(self):
        (self.folder / "data").mkdir()
        self.write("data/numbers.txt", "1\n2\n3\n")
        path = str(self.folder / "data" / "numbers.txt")
        policy = self.policy(capabilities=["fs_read", "fs_write"], allowed_paths=[str(self.folder / "data")])
        answer, seen = self.run_agent(policy, [
            ("read_file", {"path": path, "offset": 2, "length": 4, "timeout": 20}),
            ("run_python", {"code": f"sum(map(int, open({path!r})))", "args": [], "stdin": "", "timeout": 20}),
            ("write_file", {"path": str(self.folder / "data" / "sum.txt"), "content": "6", "encoding": "utf-8", "mode": "create_new",
                            "timeout": 20}),
            ("list_files", {"path": str(self.folder / "data"), "timeout": 20}),
            ("read_file", {"path": "/etc/shadow", "offset": 0, "length": 100, "timeout": 20}),
            ("run_javascript", {"code": "6 * 7", "args": [], "stdin": "", "timeout": 20}),
        ])
        self.assertEqual(answer, "done")
        for shown, wanted in zip(seen, ("2\n3", "6", "wrote 1 bytes", "numbers.txt\nsum.txt", "the policy line that would allow it", "42")):
            self.assertIn(wanted, shown)
        self.assertEqual((self.folder / "data" / "sum.txt").read_text(), "6")


if __name__ == "__main__":
    support.main()
