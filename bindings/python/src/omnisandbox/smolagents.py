"""The sandbox as an executor of smolagents' CodeAgent. Needs the extra `smolagents`.

    agent = CodeAgent(tools=[…], model=…, executor=SandboxExecutor(Config(timeout="20s")))
"""

from __future__ import annotations

import ast
import json
from typing import Any

from smolagents.local_python_executor import CodeOutput, PythonExecutor
from smolagents.tools import Tool, get_tools_definition_code

from .errors import ExitError, TooLargeError
from .policy import PolicyLike
from .sandbox import Sandbox, Session

# The agent's final answer leaves the session as JSON where it can, else as its repr.
_FINAL_ANSWER = """
class _FinalAnswer(BaseException):
    pass

_final_answers = []

def final_answer(answer=None):
    import json
    try:
        shown = json.dumps({"json": answer})
    except (TypeError, ValueError):
        shown = json.dumps({"repr": repr(answer)})
    _final_answers.append(shown)
    raise _FinalAnswer()
"""
_TAKE_FINAL_ANSWER = "_final_answers.pop() if _final_answers else None"


class SandboxExecutor(PythonExecutor):
    """Runs an agent's code in one isolated Python session under `policy`, and its tools there too: their sources are sent, so what
    they may reach is what the policy grants. A tool that needs packages which are not there fails when it is called."""

    def __init__(self, policy: PolicyLike | Sandbox | None = None) -> None:
        self._sandbox = policy if isinstance(policy, Sandbox) else Sandbox(policy)
        self._session: Session | None = None

    def send_tools(self, tools: dict[str, Tool]) -> None:
        sent = {name: tool for name, tool in tools.items() if name != "final_answer"}
        if sent:
            self._run(get_tools_definition_code(sent))

    def send_variables(self, variables: dict[str, Any]) -> None:
        if variables:
            self._run(f"import json\nglobals().update(json.loads({json.dumps(variables)!r}))")

    def __call__(self, code_action: str) -> CodeOutput:
        session = self._opened()
        result = session.run(code_action, name="<agent>")
        if not result.ok and not session.has_ended:
            taken = session.run(_TAKE_FINAL_ANSWER)
            if taken.value_truncated:
                raise TooLargeError("the final answer is larger than max_output_bytes", result=taken)
            if taken.value is not None:
                answer = json.loads(ast.literal_eval(taken.value))
                return CodeOutput(output=answer.get("json", answer.get("repr")), logs=result.stdout, is_final_answer=True)
        if not result.ok:
            # As smolagents expects it: the message is what the agent sees of its mistake.
            raise ExitError((result.stdout + result.stderr).strip() or str(result.error), result=result)
        return CodeOutput(output=_value_of(result.value), logs=result.stdout, is_final_answer=False)

    def cleanup(self) -> None:
        """Called by the agent."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _opened(self) -> Session:
        # A session that ended (a deadline, a limit) is followed by a new one, without its variables.
        if self._session is None or self._session.has_ended:
            self._session = self._sandbox.open_session("python")
            self._session.run(_FINAL_ANSWER).check()
        return self._session

    def _run(self, code: str) -> None:
        self._opened().run(code).check()


def _value_of(shown: str | None) -> Any:
    if shown is None:
        return None
    try:
        return ast.literal_eval(shown)
    except (ValueError, SyntaxError):
        return shown
