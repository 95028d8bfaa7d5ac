"""Exceptions by kind. Each says what was asked, what refused it and what to do next; a denial has its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ._native import Result


@dataclass(frozen=True)
class Denial:
    """A policy's "no"."""

    capability: str
    #: What was asked for, as the caller wrote it.
    resource: str
    #: The rule that refused; empty: no rule allows.
    rule: str
    #: One sentence: why.
    reason: str
    #: The policy line, or the change of one, that would allow it; empty where nothing can.
    remedy: str


class Error(Exception):
    """The base of all of them. `kind` is the stable name, as in the JSON of the command line."""

    kind: ClassVar[str] = "internal"

    def __init__(
        self, message: str = "", *, resource: str = "", errno: int = 0, denial: Denial | None = None, result: Result | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        #: The path, host, command or module concerned; may be empty.
        self.resource = resource
        #: errno where a system call failed, else 0.
        self.system_errno = errno
        #: Set where the policy refused.
        self.denial = denial
        #: The run that ended so, where there was one.
        self.result = result

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the result, which does not leave its process.
        return _rebuild, (type(self), self.message, self.resource, self.system_errno, self.denial)


def _rebuild(cls: type[Error], message: str, resource: str, errno: int, denial: Denial | None) -> Error:
    return cls(message, resource=resource, errno=errno, denial=denial)


class DeniedError(Error, PermissionError):
    """The policy refused: `capability`, `resource`, `rule`, `reason`, `remedy` are the denial's."""

    kind = "denied"

    @property
    def capability(self) -> str:
        return self.denial.capability if self.denial else ""

    @property
    def rule(self) -> str:
        return self.denial.rule if self.denial else ""

    @property
    def reason(self) -> str:
        return self.denial.reason if self.denial else ""

    @property
    def remedy(self) -> str:
        return self.denial.remedy if self.denial else ""


class DeadlineError(Error, TimeoutError):
    """The deadline passed."""

    kind = "timeout"


class MemoryLimitError(Error):
    """A memory limit was reached."""

    kind = "memory"


class FuelError(Error):
    """The fuel was used up."""

    kind = "fuel"


class OutputError(Error):
    """An output limit was reached."""

    kind = "output"


class TrapError(Error):
    """A WebAssembly guest trapped."""

    kind = "trap"


class InvalidArgumentError(Error, ValueError):
    """The caller's input is wrong: a bad policy, module, URL or path."""

    kind = "invalid_argument"


class NotFoundError(Error, FileNotFoundError):
    """No such file, command, module or function."""

    kind = "not_found"


class AlreadyExistsError(Error, FileExistsError):
    """A create-only write found the name taken."""

    kind = "already_exists"


class TooLargeError(Error):
    """A file, body or request is beyond its size limit."""

    kind = "too_large"


class LimitError(Error):
    """Another limit was reached: calls, handles, bytes written, concurrent runs."""

    kind = "limit"


class IoError(Error, OSError):
    """The operating system or the network reported a failure."""

    kind = "io"


class CancelledError(Error):
    """The run was cancelled. (asyncio raises its own.)"""

    kind = "cancelled"


class UnavailableError(Error):
    """This machine or this build cannot do it."""

    kind = "unavailable"


class InternalError(Error):
    """A defect of OmniSandbox; please report it."""

    kind = "internal"


class ExitError(Error):
    """The guest ended by itself with an exit code that is not 0: `result.exit_code`."""

    kind = "exited"


_CLASSES: dict[str, type[Error]] = {
    cls.kind: cls
    for cls in (
        DeniedError, DeadlineError, MemoryLimitError, FuelError, OutputError, TrapError, InvalidArgumentError, NotFoundError,
        AlreadyExistsError, TooLargeError, LimitError, IoError, CancelledError, UnavailableError, InternalError,
    )
}


def make_error(kind: str, message: str, resource: str, errno: int, denial: Denial | None) -> Error:
    """Called by the extension module."""
    return _CLASSES.get(kind, InternalError)(message, resource=resource, errno=errno, denial=denial)


def check_result(result: Result) -> Result:
    """`Result.check()`: the result when its status is ok, else its error as an exception."""
    if result.ok:
        return result
    error = result.error
    if error is None:
        lines = result.stderr.strip().splitlines()
        error = ExitError(f"ended with exit code {result.exit_code}" + (f": {lines[-1]}" if lines else ""))
    error.result = result
    raise error
