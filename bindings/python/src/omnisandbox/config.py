"""What a tool may do, as plain data: the keys of a policy file, with their names."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from . import _native
from .errors import InvalidArgumentError, make_error

Capability: TypeAlias = Literal["fs_read", "fs_write", "net_http", "exec_run"]
#: Seconds, a timedelta, or text as in a policy file: "30s", "250ms".
Duration: TypeAlias = float | timedelta | str
#: Bytes, or text as in a policy file: "4MiB".
Size: TypeAlias = int | str


@dataclass(frozen=True)
class PathRule:
    """One entry of `allowed_paths`: a folder with everything under it, a file, "*", or, with access "none", a pattern such as
    "**/.git"."""

    path: str | os.PathLike[str]
    access: Literal["automatic", "none", "read", "read_write"] = "automatic"
    #: The name that guests see; None: the same as on the host.
    guest_path: str | None = None


@dataclass(frozen=True)
class HostRule:
    """One entry of `allowed_hosts`: a name, "*.example.org", an address, a CIDR range, "localhost" or "*", with a scheme, ports and
    a path prefix where needed. Without a port: 443 and 80."""

    host: str
    #: Empty: every method but CONNECT and TRACE.
    methods: Sequence[str] = ()
    #: CIDR ranges of addresses that are not public and that this name may resolve to.
    addresses: Sequence[str] = ()


@dataclass(frozen=True)
class CommandRule:
    """One entry of `allowed_commands`: a bare name, an absolute path, or "*"."""

    command: str
    #: The first arguments, exactly.
    args: Sequence[str] = ()
    #: Each further argument must match one of these, or of `arg_regexes`, where there are any.
    arg_globs: Sequence[str] = ()
    arg_regexes: Sequence[str] = ()
    working_dir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: Duration | None = None
    memory_limit_mb: int | None = None
    #: False: no network even where `net_http` is granted.
    network: bool = True


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is granted, and within which limits. The default grants nothing. None stands for the default of docs/policy_reference.md.

    A mistake is an InvalidArgumentError that names the key, as in a policy file. Make a changed copy with `dataclasses.replace`.
    """

    capabilities: Sequence[Capability] = ()
    allowed_paths: Sequence[str | os.PathLike[str] | PathRule] = ()
    allowed_hosts: Sequence[str | HostRule] = ()
    allowed_commands: Sequence[str | CommandRule] = ()
    #: MiB over all of a run's memories.
    memory_limit_mb: int | None = None
    #: Wall time of a run.
    timeout: Duration | None = None
    fuel_limit: int | None = None
    working_dir: str | None = None
    #: Kept of stdout and of stderr, each; the rest is counted.
    max_output_bytes: Size | None = None
    max_file_bytes: Size | None = None
    max_response_bytes: Size | None = None
    max_write_bytes: Size | None = None
    max_files_created: int | None = None
    cpu_time_limit: Duration | None = None
    max_processes: int | None = None
    max_open_files: int | None = None
    max_concurrent_runs: int | None = None
    max_host_calls: int | None = None
    #: Of guests and commands; nothing is inherited.
    environment: Mapping[str, str] = field(default_factory=dict)
    allow_hard_links: bool = False
    audit_required: bool = False
    allow_secrets: bool = False

    def __post_init__(self) -> None:
        parse(self.to_dict())

    @classmethod
    def from_dict(cls, keys: Mapping[str, Any]) -> Config:
        """From the keys of a policy file; `version` may be left out. The `docker` section is checked, and is `DockerConfig`'s."""
        return _from_parsed(parse(keys))

    @classmethod
    def from_yaml(cls, text: str, *, name: str = "policy") -> Config:
        """From a policy file's text; `name` stands in messages: "policy:2:1: …"."""
        return _from_parsed(_native.parse_config(text, name))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Config:
        """From a policy file (YAML or JSON)."""
        return _from_parsed(_native.load_config(os.fspath(path)))

    def to_dict(self) -> dict[str, Any]:
        """The keys of a policy file; what is not set is left out."""
        keys: dict[str, Any] = {"version": 1}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if value is None or value is False or (isinstance(value, (str, bytes, Sequence, Mapping)) and not value):
                continue
            keys[item.name] = plain(item.name, value)
        return keys


def policy_text(config: Config | Mapping[str, Any]) -> str:
    """The policy file, as JSON, that stands for a Config."""
    return config_text((config if isinstance(config, Config) else Config.from_dict(config)).to_dict())


def config_text(keys: Mapping[str, Any]) -> str:
    """The policy file, as JSON, that has these keys."""
    return json.dumps(_plain_keys(keys), ensure_ascii=False)


def _plain_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(keys, Mapping):
        raise TypeError(
            f"a policy is a Config, a Policy, or a mapping with the keys of a policy file, not {keys!r}; Config.from_yaml takes its text"
        )
    return {"version": 1, **{str(key): plain(str(key), value) for key, value in keys.items()}}


_DURATIONS = {"timeout", "cpu_time_limit", "pull_timeout"}


def plain(name: str, value: Any) -> Any:
    """A value of a key as JSON has it. What does not fit goes on as it is, for the parser's message."""
    if isinstance(value, (PathRule, HostRule, CommandRule)):
        rule = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return {
            key: plain(key, part)
            for key, part in rule.items()
            if part is not None and part not in ((), [], {}, "automatic") and not (key == "network" and part is True)
        }
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(item.name, getattr(value, item.name)) for item in dataclasses.fields(value)}
    if name in _DURATIONS and not isinstance(value, (str, bool)):
        if isinstance(value, timedelta):
            value = value.total_seconds()
        if isinstance(value, (int, float)):
            return f"{value:f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, Mapping):
        return {str(key): plain(str(key), part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain("", part) for part in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    raise InvalidArgumentError(f"{name}: expected a value of a policy file, found {type(value).__name__}")


def _lines(value: Any, where: str, indent: str) -> Iterator[tuple[str, str]]:
    """JSON with one key or entry on a line, and what stands there, so that a place in it can be named."""
    if isinstance(value, dict) and value:
        yield "{", where
        for number, (key, part) in enumerate(value.items()):
            inner = f"{where}.{key}" if where else key
            yield from _item(json.dumps(key, ensure_ascii=False) + ": ", part, inner, indent, number)
        yield indent + "}", where
    elif isinstance(value, list) and value:
        yield "[", where
        for number, part in enumerate(value):
            yield from _item("", part, f"{where}[{number}]", indent, number)
        yield indent + "]", where
    else:
        yield json.dumps(value, ensure_ascii=False), where


def _item(start: str, value: Any, where: str, indent: str, number: int) -> Iterator[tuple[str, str]]:
    lines = _lines(value, where, indent + " ")
    first, _ = next(lines)
    yield indent + " " + ("," if number else "") + start + first, where
    yield from lines


def parse(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Checks the keys of a policy file as the file's loader does; a mistake names the key in place of line and column."""
    lines = list(_lines(_plain_keys(keys), "", ""))
    try:
        return _native.parse_config("\n".join(line for line, _ in lines), "Config")
    except InvalidArgumentError as error:
        found = re.match(r"Config:(\d+):\d+: ", error.message)
        if found is None or int(found[1]) > len(lines):
            raise
        where = lines[int(found[1]) - 1][1]
        said = error.message[found.end() :]
    raise make_error("invalid_argument", f"{where or 'Config'}: {said}", where, 0, None)


def _from_parsed(keys: dict[str, Any]) -> Config:
    rules: dict[str, Any] = {
        "allowed_paths": [PathRule(**rule) for rule in keys.pop("allowed_paths", [])],
        "allowed_hosts": [HostRule(**rule) for rule in keys.pop("allowed_hosts", [])],
        "allowed_commands": [CommandRule(**rule) for rule in keys.pop("allowed_commands", [])],
    }
    return Config(**keys, **rules)
