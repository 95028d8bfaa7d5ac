"""One snippet: compiled, run in the module __main__, and its end turned into an Outcome."""

import ast
import builtins
import gc
import io
import linecache
import os
import random
import sys
import traceback
import types

from wit_world import Outcome, Snippet

# A snippet can replace any of these, and its end must be told all the same.
_write = os.write
for _name in ("BaseException", "MemoryError", "SystemExit", "getattr", "int", "isinstance", "len", "range", "repr", "str", "type"):
    globals()[_name] = getattr(builtins, _name)

failed = Outcome(1, None, False)
_own_folder = os.path.dirname(__file__) + "/"
_own_streams = []
_environment = os.environ
_has_begun = False
_main = types.ModuleType("__main__")
_main.__builtins__ = __builtins__


def prepare() -> None:
    """Before the memory image is taken."""
    sys.modules["__main__"] = _main
    # What was found on the builder's disk is not there at run time.
    sys.path[:] = []
    sys.path_importer_cache.clear()
    linecache.clearcache()
    os.environ.clear()
    _open_streams()
    gc.collect()
    gc.freeze()


def _open_streams() -> None:
    # The embedding's own streams have no buffers, and drop what a short write leaves. By line, so that what was printed
    # before a deadline is not lost in a buffer.
    def writer(fd: int, errors: str) -> io.TextIOWrapper:
        raw = io.FileIO(fd, "wb", closefd=False)
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=True)

    sys.stdout = sys.__stdout__ = writer(1, "surrogateescape")
    sys.stderr = sys.__stderr__ = writer(2, "backslashreplace")
    _own_streams[:] = sys.stdout, sys.stderr
    _open_stdin()


def _open_stdin() -> None:
    try:
        raw = io.FileIO(0, "rb", closefd=False)
    except OSError:  # an earlier snippet closed it
        sys.stdin = sys.__stdin__ = None
        return
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", errors="surrogateescape")


def evaluate(snippet: Snippet) -> Outcome:
    outcome = _run(snippet)
    _flush()
    return outcome


def _begin(snippet: Snippet) -> None:
    global _has_begun
    # The image was made once: without this, every evaluation would see the same "random" numbers.
    random.seed(int.from_bytes(os.urandom(16), "little"))
    # Arguments, environment and input are each snippet's own, also in a session.
    os.environ = _environment
    _environment.clear()
    for name, value in snippet.environment:
        _environment[name] = value
    sys.argv = [snippet.name, *snippet.arguments]
    if _has_begun:
        _open_stdin()
    _has_begun = True


def _flush() -> None:
    for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None), *_own_streams):
        try:
            stream.flush()
        except BaseException:  # the snippet closed or replaced it: its own business
            pass


def _run(snippet: Snippet) -> Outcome:
    try:
        _begin(snippet)
        value = _execute(snippet)
        shown = None if value is None else repr(value)
        # Whatever __repr__ answers must pass as UTF-8.
        return Outcome(0, None if shown is None else _clean(shown), False)
    except SystemExit as error:
        return Outcome(_exit_code(error), None, False)
    except MemoryError as error:
        _show(error)
        return Outcome(1, None, True)
    except BaseException as error:
        _show(error)
        return Outcome(1, None, False)


def _execute(snippet: Snippet):
    lines = snippet.code.splitlines(keepends=True)
    # The tracebacks show the snippet's lines.
    linecache.cache[snippet.name] = (len(snippet.code), None, lines, snippet.name)
    tree = ast.parse(snippet.code, snippet.name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, snippet.name, "exec"), _main.__dict__)
    if last is None:
        return None
    return eval(compile(last, snippet.name, "eval"), _main.__dict__)


def _exit_code(error: SystemExit) -> int:
    try:
        code = error.code
        if code is None:
            return 0
        if isinstance(code, int):
            number = int.__index__(code)
            return number & 0xFF if -(2**63) <= number < 2**63 else 0xFF  # as CPython has it
        _write_error(str(code) + "\n")
    except BaseException as failure:
        _show(failure)
    return 1


def _show(error: BaseException) -> None:
    try:
        shown = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
        _hide_own_frames(shown)
        _write_error("".join(shown.format()))
    except BaseException:  # no memory or no stack left for it, or the snippet replaced what it needs
        try:
            _write_error(type.__dict__["__name__"].__get__(type(error)) + "\n")
        except BaseException:
            pass


def _write_error(text: str) -> None:
    """To the run's standard error, whatever the snippet made of sys.stderr; behind what it has printed."""
    _flush()
    data = str.encode(text, "utf-8", "backslashreplace")
    while data:
        data = data[_write(2, data) :]


def _hide_own_frames(shown: traceback.TracebackException) -> None:
    """The frames of the interpreter's own files are not the snippet's business."""
    while shown is not None:
        for index in range(len(shown.stack) - 1, -1, -1):
            if shown.stack[index].filename.startswith(_own_folder):
                del shown.stack[index]
        shown = shown.__cause__ or shown.__context__


def _clean(text: str) -> str:
    return str.encode(text, "utf-8", "backslashreplace").decode("utf-8")
