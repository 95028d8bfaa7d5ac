"""The sandbox as a list of tools in the form of OpenAI's function calling, which other services understand as well.

    tools = OpenAiTools(box)
    answer = client.chat.completions.create(model=…, messages=messages, tools=tools.definitions)
    messages += tools.answers(answer.choices[0].message.tool_calls)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ._native import Result
from .errors import Error
from .sandbox import Sandbox

_TEXT = {"type": "string"}
_DEFINITIONS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "run_python": ("Runs Python in a fresh sandbox and returns its output and the last expression's value.", {"code": _TEXT}, ["code"]),
    "run_javascript": ("Runs JavaScript in a fresh sandbox and returns its output and the last expression's value.", {"code": _TEXT}, ["code"]),
    "run_command": (
        "Runs a command that the policy lists, without a shell.",
        {"command": _TEXT, "args": {"type": "array", "items": _TEXT}, "stdin": _TEXT},
        ["command"],
    ),
    "fs_read": ("Returns the text of a file.", {"path": _TEXT}, ["path"]),
    "fs_write": ("Replaces a file's content.", {"path": _TEXT, "content": _TEXT}, ["path", "content"]),
    "fs_list": ("Returns the names in a folder.", {"path": _TEXT}, ["path"]),
    "http_fetch": (
        "Makes an HTTP request and returns status and body.",
        {"url": _TEXT, "method": _TEXT, "body": _TEXT},
        ["url"],
    ),
}


class OpenAiTools:
    """Offers some of the tools (`names`; all of them when None). What the policy refuses is an answer that says so."""

    def __init__(self, sandbox: Sandbox, names: Sequence[str] | None = None) -> None:
        self._sandbox = sandbox
        self._names = list(_DEFINITIONS if names is None else names)
        if unknown := [name for name in self._names if name not in _DEFINITIONS]:
            raise ValueError(f"no tool {unknown[0]!r}; there are {', '.join(_DEFINITIONS)}")
        self._calls: dict[str, Callable[..., Any]] = {
            "run_python": sandbox.run_python,
            "run_javascript": sandbox.run_javascript,
            "run_command": self._run_command,
            "fs_read": sandbox.fs_read_text,
            "fs_write": sandbox.fs_write,
            "fs_list": lambda path: [entry.name for entry in sandbox.fs_list(path)],
            "http_fetch": self._http_fetch,
        }

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """For the `tools` of a request."""
        found = []
        for name in self._names:
            description, properties, required = _DEFINITIONS[name]
            parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
            found.append({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}})
        return found

    def call(self, name: str, arguments: str | dict[str, Any]) -> str:
        """Runs one call and answers with JSON: `{"ok": …}`, or `{"error": {"kind", "message", …}}` that a model can act on."""
        if name not in self._names:
            return self._refusal("not_found", f"there is no tool {name}; there are {', '.join(self._names)}")
        try:
            given = json.loads(arguments) if isinstance(arguments, str) else arguments
        except ValueError as error:
            return self._refusal("invalid_argument", f"the arguments are not JSON: {error}")
        _, properties, required = _DEFINITIONS[name]
        # Only what is offered gets through, not every parameter of the method behind it.
        if not isinstance(given, dict) or not set(required) <= set(given) <= set(properties):
            return self._refusal("invalid_argument", f"{name} takes {', '.join(properties)}; required: {', '.join(required)}")
        for key, value in given.items():
            fits = isinstance(value, str) if properties[key] is _TEXT else _is_texts(value)
            if not fits:
                return self._refusal("invalid_argument", f"{name}: {key} must be {'text' if properties[key] is _TEXT else 'a list of texts'}")
        try:
            return json.dumps({"ok": self._shown(self._calls[name](**given))})
        except Error as error:
            return self._refusal(error.kind, error.message, error)
        except UnicodeDecodeError:
            return self._refusal("invalid_argument", "the file is not text in UTF-8")

    def answers(self, tool_calls: Iterable[Any] | None) -> list[dict[str, str]]:
        """The messages with which to go on after an answer's `tool_calls` (objects of the client, or dicts)."""
        messages = []
        for call in tool_calls or ():
            function = call["function"] if isinstance(call, dict) else call.function
            name, arguments, identity = (
                (function["name"], function["arguments"], call["id"])
                if isinstance(call, dict)
                else (function.name, function.arguments, call.id)
            )
            messages.append({"role": "tool", "tool_call_id": identity, "content": self.call(name, arguments)})
        return messages

    def _run_command(self, command: str, args: Sequence[str] = (), stdin: str = "") -> Result:
        return self._sandbox.run_command(command, *args, stdin=stdin)

    def _http_fetch(self, url: str, method: str = "GET", body: str = "") -> dict[str, Any]:
        response = self._sandbox.http_fetch(url, method=method, body=body)
        return {"status": response.status, "url": response.url, "body": response.text}

    @staticmethod
    def _shown(answer: Any) -> Any:
        if not isinstance(answer, Result):
            return answer
        shown: dict[str, Any] = {"status": answer.status, "exit_code": answer.exit_code, "stdout": answer.stdout, "stderr": answer.stderr}
        if answer.value is not None:
            shown["value"] = answer.value
        if answer.stdout_truncated or answer.stderr_truncated or answer.value_truncated:
            shown["truncated"] = True
        if answer.error is not None:
            shown["error"] = answer.error.message
        if answer.denials:
            shown["denials"] = [{"capability": denial.capability, "resource": denial.resource, "reason": denial.reason} for denial in answer.denials]
        return shown

    @staticmethod
    def _refusal(kind: str, message: str, error: Error | None = None) -> str:
        said: dict[str, Any] = {"kind": kind, "message": message}
        if error is not None and error.denial is not None:
            said["rule"], said["reason"], said["remedy"] = error.denial.rule, error.denial.reason, error.denial.remedy
        return json.dumps({"error": said})


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)
