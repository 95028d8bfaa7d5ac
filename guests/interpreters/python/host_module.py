"""The module `omnisandbox`: the host functions, each judged by the policy."""

import os
import sys
import types

import componentize_py_types
from wit_world.imports import exec as _exec
from wit_world.imports import fs as _fs
from wit_world.imports import http as _http
from wit_world.imports import types as _types

_chunk_bytes = 64 * 1024


class Error(Exception):
    """A host function failed. `kind` is its stable name: "not_found", "too_large", "timeout", …"""

    def __init__(self, message: str, kind: str):
        super().__init__(message)
        self.kind = kind


class Denied(Error, PermissionError):
    """The policy refused. `remedy` is the line of the policy that would allow it."""

    def __init__(self, message: str, denial):
        Error.__init__(self, message, "denied")
        self.capability = denial.capability if denial else ""
        self.resource = denial.resource if denial else ""
        self.rule = denial.rule if denial else ""
        self.reason = denial.reason if denial else ""
        self.remedy = denial.remedy if denial else ""


class NotFound(Error, FileNotFoundError):
    pass


class AlreadyExists(Error, FileExistsError):
    pass


class TimedOut(Error, TimeoutError):
    pass


_classes = {"not_found": NotFound, "already_exists": AlreadyExists, "timeout": TimedOut}


class Response:
    """An HTTP answer. A status of 400 and above is no exception."""

    def __init__(self, status: int, headers: list, url: str, content: bytes):
        self.status = status
        self.headers = headers  # [(name, value), …] in the order of the answer
        self.url = url  # after redirects
        self.content = content

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self):
        import json

        return json.loads(self.content)

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.url}>"


class CommandResult:
    def __init__(self, outcome):
        self.exit_code = outcome.exit_code
        self.status = outcome.status
        self.stdout = _take(outcome.stdout)
        self.stderr = _take(outcome.stderr)
        self.stdout_truncated = outcome.stdout_truncated
        self.stderr_truncated = outcome.stderr_truncated

    def __repr__(self) -> str:
        return f"<CommandResult {self.status} {self.exit_code}>"


def _call(function, *arguments):
    try:
        return function(*arguments)
    except componentize_py_types.Err as failure:
        error = failure.value
    kind = error.kind.name.lower()
    if kind == "denied":
        raise Denied(error.message, error.denial)
    raise _classes.get(kind, Error)(error.message, kind)


def _take(held) -> bytes:
    with held:
        size = held.size()
        parts = []
        taken = 0
        while taken < size:
            chunk = held.chunk(taken)
            parts.append(chunk)
            taken += len(chunk)
    return b"".join(parts)


# A value of another type, or text that is not Unicode, would end the interpreter where it passes to the host: everything is
# looked at before the first call.


def _text(value, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, not {type(value).__name__}")
    str.encode(value, "utf-8")  # raises UnicodeEncodeError
    return str.__str__(value)  # of a subclass: plain text


def _path(value) -> str:
    return _text(os.fsdecode(value), "a path")


def _word(value, what: str) -> str:
    """Text, or what is written as text without a doubt."""
    if isinstance(value, os.PathLike):
        return _path(value)
    return _text(str(value) if isinstance(value, (int, float)) else value, what)


def _content(data, what: str):
    """Text, or a view of bytes."""
    if isinstance(data, str):
        return _text(data, what)
    try:
        return memoryview(data).cast("B")
    except TypeError as error:
        raise TypeError(f"{what} must be str or bytes in one piece: {error}") from None


def _held(content):
    held = _types.Bytes()
    try:
        if isinstance(content, str):
            _call(held.append_text, content)
            return held
        for start in range(0, len(content), _chunk_bytes):
            _call(held.append, bytes(content[start : start + _chunk_bytes]))
        return held
    except BaseException:
        held.__exit__(None, None, None)
        raise


def fs_read(path) -> bytes:
    """The bytes of a file."""
    return _take(_call(_fs.read, _path(path)))


def fs_read_text(path) -> str:
    """A file that is UTF-8."""
    return _call(_fs.read_text, _path(path))


def fs_write(path, content, mode: str = "replace") -> None:
    """Writes bytes or text; `mode` is "replace", "append" or "create_new"."""
    try:
        chosen = _fs.WriteMode[mode.upper()]
    except (KeyError, AttributeError, TypeError):
        raise ValueError(f'mode is "replace", "append" or "create_new", not {mode!r}') from None
    path, content = _path(path), _content(content, "the content")
    if isinstance(content, str):
        _call(_fs.write_text, path, content, chosen)
        return
    with _held(content) as held:
        _call(_fs.write, path, held, chosen)


def fs_list(path) -> list:
    """The names in a folder that the policy shows, sorted."""
    return [entry.name for entry in _call(_fs.list_directory, _path(path))]


def http_fetch(url: str, method: str = "GET", headers=(), body=None) -> Response:
    """`headers` is a mapping or a list of pairs; `body` is bytes or text."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    wanted = [_http.Header(_word(name, "a header's name"), _word(value, "a header's value")) for name, value in pairs]
    method, url = _text(method, "the method"), _text(url, "the URL")
    if body is None:
        answer = _call(_http.fetch, _http.Request(method, url, wanted, None))
    else:
        with _held(_content(body, "the body")) as held:
            answer = _call(_http.fetch, _http.Request(method, url, wanted, held))
    return Response(answer.status, [(header.name, header.value) for header in answer.headers], answer.final_url,
                    _take(answer.body))


def exec_run(command: str, *arguments, stdin=None) -> CommandResult:
    """Runs a command that the policy lists. No shell is involved. A non-zero exit code is no exception."""
    command = _word(command, "the command")
    words = [_word(argument, "an argument") for argument in arguments]
    if stdin is None:
        return CommandResult(_call(_exec.run, _exec.Command(command, words, None)))
    with _held(_content(stdin, "the input")) as held:
        return CommandResult(_call(_exec.run, _exec.Command(command, words, held)))


def install() -> None:
    module = types.ModuleType("omnisandbox", __doc__)
    for item in (Error, Denied, NotFound, AlreadyExists, TimedOut, Response, CommandResult, fs_read, fs_read_text, fs_write,
                 fs_list, http_fetch, exec_run):
        item.__module__ = "omnisandbox"
        setattr(module, item.__name__, item)
    sys.modules["omnisandbox"] = module
