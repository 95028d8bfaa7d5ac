"""One snippet: compiled, run in the module __main__, and its end turned into an Outcome."""

import ast
import gc
import io
import linecache
import os
import random
import sys
import traceback
import types

from wit_world import Outcome, Snippet

_own_folder = os.path.dirname(__file__) + "/"
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
    raw = io.FileIO(0, "rb", closefd=False)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", errors="surrogateescape")


def evaluate(snippet: Snippet) -> Outcome:
    # The image was made once: without this, every evaluation would see the same "random" numbers.
    random.seed(int.from_bytes(os.urandom(16), "little"))
    for name, value in snippet.environment:
        os.environ[name] = value
    sys.argv = [snippet.name, *snippet.arguments]
    outcome = _run(snippet)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # the snippet closed or replaced them: its own business
        pass
    return outcome


def _run(snippet: Snippet) -> Outcome:
    try:
        value = _execute(snippet)
        shown = None if value is None else repr(value)
        # Whatever __repr__ answers must pass as UTF-8.
        return Outcome(0, None if shown is None else _clean(shown), False)
    except SystemExit as error:
        return Outcome(_exit_code(error.code), None, False)
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


def _exit_code(code) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _show(error: BaseException) -> None:
    try:
        shown = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
        _hide_own_frames(shown)
        shown.print()
    except BaseException:  # no memory or no stack left for it, or sys.stderr was replaced
        try:
            os.write(2, type(error).__name__.encode() + b"\n")
        except BaseException:
            pass


def _hide_own_frames(shown: traceback.TracebackException) -> None:
    """The frames of the interpreter's own files are not the snippet's business."""
    while shown is not None:
        for index in range(len(shown.stack) - 1, -1, -1):
            if shown.stack[index].filename.startswith(_own_folder):
                del shown.stack[index]
        shown = shown.__cause__ or shown.__context__


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
