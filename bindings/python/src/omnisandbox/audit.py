"""Where decisions and outcomes are recorded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from . import _native

# A wait ends this often, so that Ctrl-C and a cancelled task are heard.
_WAIT_SECONDS = 0.2


@dataclass(frozen=True)
class AuditRecord:
    """One decision, or one run's outcome (`event`)."""

    event: str
    #: Seconds since 1970.
    time: float
    run_id: str
    #: "wasm", "process" or "call".
    sandbox: str
    capability: str | None
    #: "fs_read", "fs_read.list", "wasi.path_open", "http_fetch", …
    operation: str
    resource: str
    rule: str
    granted: bool
    reason: str
    #: Of an outcome, as all that follows.
    status: str | None
    exit_code: int
    duration: float
    peak_memory_bytes: int
    denial_count: int
    #: The whole record as one line of JSON, as in an audit file.
    json: str


class AuditLog:
    """Keeps records until they are read: iterate over it while sandboxes write to it. Safe from any thread.

    A decision never waits for a reader: past `capacity` records are lost and counted, and a policy with `audit_required` then
    refuses. Iterating ends when the log is closed and read.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._native = _native.AuditQueue(capacity)

    def take(self, timeout: float = 0.0) -> AuditRecord | None:
        """The next record, or None when there is none within `timeout` seconds."""
        found = self._native.take(max(0.0, timeout))
        return None if found is None else AuditRecord(*found)

    def drain(self) -> list[AuditRecord]:
        """All that is there now."""
        records = []
        while (record := self.take()) is not None:
            records.append(record)
        return records

    def close(self) -> None:
        """What comes later is refused, as where there is no log."""
        self._native.close()

    @property
    def lost(self) -> int:
        """How many records found no room."""
        return self._native.lost

    def __iter__(self) -> Iterator[AuditRecord]:
        while True:
            record = self.take(_WAIT_SECONDS)
            if record is not None:
                yield record
            elif self._native.closed:
                yield from self.drain()
                return

    async def __aiter__(self) -> AsyncIterator[AuditRecord]:
        while True:
            record = self.take() or await asyncio.to_thread(self.take, _WAIT_SECONDS)
            if record is not None:
                yield record
            elif self._native.closed:
                for record in self.drain():
                    yield record
                return

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AuditFile:
    """Appends one JSON line a record to a file (mode 0600), and moves it to `path`.1 at `rotate_at_bytes`.

    What was there moves to `path`.2 and so on; `kept_files` (1 to 100) of these are kept.
    """

    def __init__(self, path: str | os.PathLike[str], rotate_at_bytes: int = 64 * 1024 * 1024, kept_files: int = 8) -> None:
        self._native = _native.open_audit_file(os.fsencode(path), rotate_at_bytes, kept_files)


#: A log, or the path of a file.
AuditLike: TypeAlias = AuditLog | AuditFile | str | os.PathLike[str]


def native_audit(audit: AuditLike | None) -> _native.AuditSink | None:
    if audit is None:
        return None
    if not isinstance(audit, (AuditLog, AuditFile)):
        audit = AuditFile(audit)
    return audit._native
