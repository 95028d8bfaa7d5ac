"""The host functions, for code of your own that handles input it does not trust. Each call is judged, recorded, and then done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from . import _input, _locations, _native
from ._native import Cancellation, Result
from .audit import AuditLike, native_audit
from .errors import Denial
from .policy import PolicyLike, as_policy


@dataclass(frozen=True)
class FileInfo:
    #: "file", "directory", "symlink" or "other".
    type: str
    size: int
    #: Seconds since 1970.
    modified: float
    #: Permission bits.
    mode: int


@dataclass(frozen=True)
class DirectoryEntry:
    name: str
    type: str


@dataclass(frozen=True)
class HttpResponse:
    """A status of 400 and above is an answer, not an exception."""

    status: int
    #: In the order of the answer.
    headers: list[tuple[str, str]]
    content: bytes
    #: After redirects.
    url: str

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.content)

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class HostCalls:
    """What HostFunctions and Sandbox share."""

    _functions: _native.Functions

    def fs_read(self, path: _input.Path, *, offset: int = 0, length: int | None = None) -> bytes:
        """The bytes of a regular file, or `length` of them from `offset`."""
        return self._functions.fs_read(path, offset, length)

    def fs_read_text(self, path: _input.Path) -> str:
        """A file that is UTF-8."""
        return self.fs_read(path).decode()

    def fs_write(
        self,
        path: _input.Path,
        content: _input.Data,
        *,
        mode: Literal["replace", "append", "create_new"] = "replace",
        synced: bool = False,
    ) -> None:
        """A crash leaves the old content or the new one; with `synced` a power failure too."""
        self._functions.fs_write(path, _input.data(content), mode, synced)

    def fs_list(self, path: _input.Path) -> list[DirectoryEntry]:
        """Sorted by name, without what the policy hides."""
        return [DirectoryEntry(os.fsdecode(name), kind) for name, kind in self._functions.fs_list(path)]

    def fs_stat(self, path: _input.Path) -> FileInfo:
        return FileInfo(*self._functions.fs_stat(path))

    def fs_delete(self, path: _input.Path) -> None:
        """A file, or an empty folder."""
        self._functions.fs_delete(path)

    def fs_make_directory(self, path: _input.Path) -> None:
        self._functions.fs_make_directory(path)

    def http_fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: _input.Data = b"",
        on_body: Callable[[bytes], object] | None = None,
        max_redirects: int = 10,
        cancellation: Cancellation | None = None,
    ) -> HttpResponse:
        """Each redirect is judged as a new request. With `on_body` the body comes in pieces; returning False ends the transfer."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        return HttpResponse(
            *self._functions.http_fetch(url, method, list(pairs), _input.data(body), on_body, max_redirects, cancellation)
        )

    def exec_run(
        self,
        command: str,
        *args: str | os.PathLike[str],
        stdin: _input.Data = b"",
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Runs a command that the policy lists, confined; no shell is involved. Its exit code is no exception."""
        return self._functions.exec_run(command, _input.arguments(args), _input.data(stdin), cancellation)


class HostFunctions(HostCalls):
    """One object is one run: it ends at the policy's timeout, counted from here, and keeps the run's quotas and denials.

    Safe from any thread. Without a policy nothing is granted.
    """

    def __init__(self, policy: PolicyLike | None = None, *, audit: AuditLike | None = None) -> None:
        self.policy = as_policy(policy)
        self._functions = _native.Functions(self.policy._native, native_audit(audit), _locations.LAUNCHER, True)

    @property
    def denials(self) -> tuple[Denial, ...]:
        """At most 100; `denial_count` counts them all."""
        return self._functions.denials()

    @property
    def denial_count(self) -> int:
        return self._functions.denial_count()

    def cancel(self) -> None:
        """Ends every call soon, now and later. From any thread."""
        self._functions.cancel()
