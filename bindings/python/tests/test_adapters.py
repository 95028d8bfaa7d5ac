import json
import pathlib

import pytest
import smolagents

from omnisandbox import Config, Sandbox, errors, sandboxed
from omnisandbox.openai_tools import OpenAiTools
from omnisandbox.smolagents import SandboxExecutor


@sandboxed(Config(timeout=20))
def total(numbers: list[int], *, scale: int = 1) -> dict[str, int]:
    import math

    print("this goes nowhere")
    return {"sum": int(math.fsum(numbers)) * scale}


@sandboxed()
def reads(path: str) -> str:
    return open(path).read()


@sandboxed()
def spins(seconds: float) -> None:
    while True:
        pass


def test_a_function_runs_in_a_sandbox(data: pathlib.Path):
    assert total([1, 2, 3], scale=2) == {"sum": 12}
    with pytest.raises(errors.ExitError, match="FileNotFoundError"):
        reads(str(data / "closed" / "secret.txt"))
    with pytest.raises(errors.InvalidArgumentError, match="JSON"):
        total({1, 2})  # type: ignore[arg-type]
    opened = sandboxed(Config(capabilities=["fs_read"], allowed_paths=[data / "open"]))(reads.__wrapped__)  # type: ignore[attr-defined]
    assert opened(str(data / "open" / "note.txt")) == "a note"
    with pytest.raises(TimeoutError):
        sandboxed(timeout=0.2)(spins.__wrapped__)(1)  # type: ignore[attr-defined]
    small = sandboxed(Config(max_output_bytes=100))(total.__wrapped__)  # type: ignore[attr-defined]
    assert small([1]) == {"sum": 1}
    with pytest.raises(errors.TooLargeError, match="max_output_bytes"):
        small([1], scale=10**200)


def test_what_cannot_be_sent_is_refused():
    outside = 3
    with pytest.raises(errors.InvalidArgumentError, match="outside"):

        @sandboxed()
        def uses_it() -> int:
            return outside

    with pytest.raises(errors.InvalidArgumentError):
        sandboxed()(lambda: 1)
    with pytest.raises(errors.InvalidArgumentError):
        sandboxed()(len)


def test_arguments_do_not_become_code(data: pathlib.Path):
    hostile = "'); import os; os._exit(9) #\n\"\"\"{}\\"

    @sandboxed()
    def back(text: str) -> str:
        return text

    assert back(hostile) == hostile


def test_openai_tools(box: Sandbox, data: pathlib.Path):
    tools = OpenAiTools(box, ["run_python", "fs_read", "fs_write"])
    assert [tool["function"]["name"] for tool in tools.definitions] == ["run_python", "fs_read", "fs_write"]
    note = str(data / "open" / "note.txt")
    calls = [
        {"id": "1", "function": {"name": "run_python", "arguments": json.dumps({"code": "print(1)\n6 * 7"})}},
        {"id": "2", "function": {"name": "fs_read", "arguments": json.dumps({"path": note})}},
        {"id": "3", "function": {"name": "fs_read", "arguments": json.dumps({"path": str(data / "closed" / "secret.txt")})}},
        {"id": "4", "function": {"name": "fs_read", "arguments": "{"}},
        {"id": "5", "function": {"name": "run_command", "arguments": "{}"}},
        {"id": "6", "function": {"name": "fs_write", "arguments": json.dumps({"path": note, "content": "x", "mode": "append"})}},
    ]
    messages = tools.answers(calls)
    assert [message["tool_call_id"] for message in messages] == list("123456")
    ran, read, denied, no_json, not_offered, too_much = (json.loads(message["content"]) for message in messages)
    assert ran["ok"]["value"] == "42" and ran["ok"]["stdout"] == "1\n"
    assert read == {"ok": "a note"}
    assert denied["error"]["kind"] == "denied" and denied["error"]["remedy"]
    assert no_json["error"]["kind"] == "invalid_argument"
    assert not_offered["error"]["kind"] == "not_found"
    assert too_much["error"]["kind"] == "invalid_argument" and (data / "open" / "note.txt").read_text() == "a note"


class Doubler(smolagents.Tool):
    name = "doubler"
    description = "Doubles a number."
    inputs = {"number": {"type": "integer", "description": "what to double"}}
    output_type = "integer"

    def forward(self, number: int) -> int:
        return number * 2


class Scripted(smolagents.Model):
    """Says what it was told to say: what is tested is how its code is run."""

    def __init__(self, replies: list[str]) -> None:
        super().__init__()
        self.replies = replies

    def generate(self, messages, **_):
        return smolagents.ChatMessage(role="assistant", content=self.replies.pop(0))


def test_a_smolagents_agent_runs_its_code_in_the_sandbox(data: pathlib.Path):
    replies = [
        "Thought: look\n<code>\nx = doubler(number=20)\nprint(x)\n</code>",
        f"Thought: peek\n<code>\nopen({str(data / 'closed' / 'secret.txt')!r})\n</code>",
        "Thought: answer\n<code>\nfinal_answer({'n': x + 2})\n</code>",
    ]
    agent = smolagents.CodeAgent(
        tools=[Doubler()], model=Scripted(replies), executor=SandboxExecutor(Config(timeout=20)), verbosity_level=0
    )
    assert agent.run("double", max_steps=4) == {"n": 42}
    steps = [step for step in agent.memory.steps if getattr(step, "observations", None) or getattr(step, "error", None)]
    assert "40" in steps[0].observations
    assert "FileNotFoundError" in str(steps[1].error)
