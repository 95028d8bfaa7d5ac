"""Plain functions that run in a sandbox: `@sandboxed(policy)`."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import textwrap
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from .errors import InvalidArgumentError, TooLargeError
from .policy import PolicyLike
from .sandbox import Sandbox

P = ParamSpec("P")
T = TypeVar("T")

# The answer passes where no print of the function reaches: as the snippet's value.
_CALL = """
def _omnisandbox_call():
    import json
    positional, named = json.loads({arguments})
    return json.dumps({name}(*positional, **named))
_omnisandbox_call()
"""


def _source_of(function: Callable[..., Any]) -> str:
    """The function alone, without its decorators."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise InvalidArgumentError(f"{function!r} has no source that could be sent to a sandbox: {error}") from None
    tree = ast.parse(source)
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise InvalidArgumentError(f"{function!r} is not a plain function; write it with `def`, not with `async def` or `lambda`")
    if function.__code__.co_freevars:
        raise InvalidArgumentError(
            f"{function.__name__} uses {', '.join(function.__code__.co_freevars)} from around it; pass it as an argument"
        )
    definition.decorator_list = []
    definition.returns = None
    arguments = definition.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
        if argument is not None:
            argument.annotation = None  # names of types need not exist there
    return ast.unparse(tree)


def sandboxed(
    policy: PolicyLike | Sandbox | None = None, *, timeout: float | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Runs each call of the function in a fresh, isolated Python under `policy` (None grants nothing).

    Its source is sent there, so it must be a plain function that imports within itself what it needs; arguments and result travel
    as JSON (a tuple arrives as a list). An exception raised in it is an ExitError here; denials, deadlines and limits are the
    errors of their kind.
    """

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        source = _source_of(function)
        box = policy if isinstance(policy, Sandbox) else Sandbox(policy)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                arguments = json.dumps([args, kwargs])
            except (TypeError, ValueError) as error:
                raise InvalidArgumentError(f"{function.__name__}: the arguments do not fit into JSON: {error}") from None
            code = source + _CALL.format(arguments=repr(arguments), name=function.__name__)
            result = box.run_python(code, name=f"<{function.__name__}>", timeout=timeout).check()
            if result.value_truncated:
                raise TooLargeError(f"{function.__name__}: the result is larger than max_output_bytes", result=result)
            answer: T = json.loads(ast.literal_eval(result.value or "'null'"))
            return answer

        return call

    return wrap
