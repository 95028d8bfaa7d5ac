"""A Config after validation, and the answers to "may I, and why?"."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import _native
from .config import Capability, Config, config_text, policy_text

#: What says what is allowed, wherever one is asked for: a Config, a compiled Policy, or the keys of a policy file.
PolicyLike: TypeAlias = "Config | Policy | Mapping[str, Any]"


@dataclass(frozen=True)
class Explanation:
    allowed: bool
    capability: str
    resource: str
    #: The rule that decided; empty when none matched.
    rule: str
    reason: str
    #: When refused: the policy line, or the change of one, that would allow it.
    remedy: str

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class PolicyWarning:
    """Something that is valid and still worth a word."""

    where: str
    message: str
    #: What to write instead.
    advice: str


class Policy:
    """Immutable, and safe to use from any number of threads. Compiling opens the allowed folders and resolves the commands."""

    def __init__(self, config: Config | Mapping[str, Any]) -> None:
        """Raises InvalidArgumentError for a rule that makes no sense, NotFoundError for an allowed path that does not exist."""
        self.config = config if isinstance(config, Config) else Config.from_dict(config)
        self._native = _native.Policy.compile(policy_text(self.config), "Config")

    def narrow(self, config: Config | Mapping[str, Any]) -> Policy:
        """This policy and `config` together: what either refuses is refused, and each limit is the smaller one."""
        narrower = Policy.__new__(Policy)
        narrower.config = config if isinstance(config, Config) else Config.from_dict(config)
        narrower._native = self._native.narrow(policy_text(narrower.config), "Config")
        return narrower

    def explain(self, capability: Capability, resource: str | os.PathLike[str]) -> Explanation:
        """Answers without doing. `resource` is a path, a URL (or "METHOD URL"), or a command with its arguments."""
        return Explanation(*self._native.explain(capability, os.fspath(resource)))

    @property
    def warnings(self) -> list[PolicyWarning]:
        """Found while compiling; `lint` finds more."""
        return [PolicyWarning(*warning) for warning in self._native.warnings()]

    def __repr__(self) -> str:
        return f"Policy({self.config!r})"


def as_policy(policy: PolicyLike | None) -> Policy:
    """None grants nothing."""
    return policy if isinstance(policy, Policy) else Policy(Config() if policy is None else policy)


def explain(policy: PolicyLike, capability: Capability, resource: str | os.PathLike[str]) -> Explanation:
    """`Policy.explain` for one question."""
    return as_policy(policy).explain(capability, resource)


def lint(config: Config | Mapping[str, Any]) -> list[PolicyWarning]:
    """What is too wide in a Config, or in the keys of a policy file with its `docker` section, with what to write instead. Reads nothing
    else."""
    text = policy_text(config) if isinstance(config, Config) else config_text(config)
    return [PolicyWarning(*warning) for warning in _native.lint(text, "Config")]
