"""Why something did not work inside a sandbox: what `explain=True` adds to a command's Result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """One thing that a command was refused. A diagnosis, made beside the layers that refused it, which decide by themselves."""

    #: "path", "program", "host" or "system_call".
    kind: str
    #: "read", "write", "run", "reach" or "call".
    action: str
    #: The path, program, host or system call, as the command gave it; safe to print.
    name: str
    #: What refused it: "file view", "landlock", "seccomp" or "proxy".
    layer: str
    #: One sentence: why.
    reason: str
    #: The policy's rule that refused it; empty: no rule allows it.
    rule: str
    #: The policy line, or the change of one, that would allow it; empty where nothing can.
    remedy: str
    #: How often.
    count: int

    def __str__(self) -> str:
        times = f", {self.count} times" if self.count > 1 else ""
        advice = f"to allow: {self.remedy}" if self.remedy else "no line of a policy allows it"
        return f"{self.action} {self.name}{times} ({self.layer}: {self.reason}); {advice}"


@dataclass(frozen=True)
class RefusalReport:
    """Everything that a command was refused, as far as it was looked at."""

    #: In order, equal ones once; at most 100.
    entries: tuple[Refusal, ...]
    #: Equal ones too.
    count: int
    #: There was more than is kept or looked at.
    is_cut: bool
