"""Containers: commands of an image, under the same policy, hardened by default."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, TypeAlias

from . import _input, _locations, _native
from ._native import Cancellation, Result
from .audit import AuditLike, native_audit
from .config import Duration, Size, config_text, parse, plain
from .errors import InvalidArgumentError
from .policy import PolicyLike, as_policy

PathText: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True)
class DockerMount:
    """A folder or file of this machine, seen inside a container. The policy must allow it as well."""

    host_path: PathText
    container_path: str
    read_only: bool = True


@dataclass(frozen=True)
class DockerConfig:
    """The `docker:` section of a policy file: how a container is made. Never widens the policy.

    A mistake is an InvalidArgumentError that names the key. Make a changed copy with `dataclasses.replace`.
    """

    #: "name:tag", "name@sha256:…", an image's id, "oci:/folder[:tag]" or "docker-archive:/file.tar".
    image: str = ""
    _: KW_ONLY
    network_mode: Literal["none", "bridge", "host"] = "none"
    cap_drop: Sequence[str] = ("ALL",)
    cap_add: Sequence[str] = ()
    mounts: Sequence[DockerMount] = ()
    read_only_rootfs: bool = True
    no_new_privileges: bool = True
    #: None: the policy's memory_limit_mb, else 256 MiB.
    memory_limit: Size | None = None
    #: Microseconds of CPU in each 100,000.
    cpu_quota: int = 50_000
    pids_limit: int = 64
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = "65534:65534"
    security_opt: Sequence[str] = ()
    #: "runc", "runsc", "crun" or "kata"; empty: the engine's default.
    runtime: str = ""
    #: When the engine fetches the image from its registry.
    pull: Literal["never", "missing", "always"] = "never"
    pull_timeout: Duration = 300.0

    def __post_init__(self) -> None:
        parse({"docker": self.to_dict()})

    @classmethod
    def from_dict(cls, keys: Mapping[str, Any]) -> DockerConfig:
        """From the keys of a policy file's `docker:` section."""
        parse({"docker": dict(keys)})
        return _from_parsed(_native.parse_docker_config(config_text({"docker": dict(keys)}), "DockerConfig"))

    @classmethod
    def from_yaml(cls, text: str, *, name: str = "policy") -> DockerConfig:
        """From the `docker:` section of a policy file's text."""
        return _from_parsed(_native.parse_docker_config(text, name))

    @classmethod
    def from_file(cls, path: PathText) -> DockerConfig:
        """From the `docker:` section of a policy file."""
        return _from_parsed(_native.load_docker_config(os.fspath(path)))

    def to_dict(self) -> dict[str, Any]:
        """The keys of the section; what is as by default is left out."""
        keys: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            default = item.default if item.default is not dataclasses.MISSING else {}
            if value != default:
                keys[item.name] = plain(item.name, value)
        return keys


def _from_parsed(keys: dict[str, Any] | None) -> DockerConfig:
    if keys is None:
        raise InvalidArgumentError("the policy file has no `docker:` section")
    mounts = tuple(DockerMount(**mount) for mount in keys.pop("mounts"))
    lists = {key: tuple(value) for key, value in keys.items() if isinstance(value, list)}
    return DockerConfig(**{**keys, **lists}, mounts=mounts)


#: A DockerConfig, the name of an image, or the keys of a `docker:` section.
DockerLike: TypeAlias = DockerConfig | str | Mapping[str, Any]


def as_docker_config(docker: DockerLike) -> DockerConfig:
    if isinstance(docker, DockerConfig):
        return docker
    return DockerConfig(docker) if isinstance(docker, str) else DockerConfig.from_dict(docker)


@dataclass(frozen=True)
class PullProgress:
    """What an engine reports while it fetches an image: a layer's state, or, without a layer, a line for people."""

    layer: str
    status: str
    current_bytes: int
    #: 0: not known.
    total_bytes: int


@dataclass(frozen=True)
class CopiedFiles:
    files: int
    folders: int
    bytes: int
    #: Symbolic links, devices, sockets, pipes.
    left_out: int


#: Pairs (from, to).
Copies: TypeAlias = Sequence[tuple[PathText, PathText]]


def _progress(on_pull: Callable[[PullProgress], object] | None) -> Callable[[str, str, int, int], object] | None:
    return None if on_pull is None else lambda *parts: on_pull(PullProgress(*parts))


def _copies(pairs: Copies) -> list[tuple[str, str]]:
    return [(os.fspath(source), os.fspath(target)) for source, target in pairs]


class _Runs:
    """What a sandbox and a session have in common."""

    _native: _native.DockerSandbox | _native.DockerSession

    def run(
        self,
        command: str,
        *args: PathText,
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        working_dir: PathText = "",
        timeout: float | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        stop_grace: float = 0.0,
        copy_in: Copies = (),
        copy_out: Copies = (),
        on_pull: Callable[[PullProgress], object] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Runs a command of the image that the policy lists; no shell is involved. How it ended is in the Result; DeniedError,
        NotFoundError for the image and UnavailableError for the engine come before it begins.

        The callbacks get output as it comes, and what they raise ends the run. After a stop the command has SIGTERM and `stop_grace`
        seconds. `copy_in` has pairs (path here, path inside) that are copied before the command begins, `copy_out` pairs (path
        inside, path here) that are copied once it has ended by itself.
        """
        return self._native.run(
            command,
            _input.arguments(args),
            _input.data(stdin),
            _input.environment(env),
            os.fspath(working_dir),
            _input.timeout(timeout),
            on_stdout,
            on_stderr,
            stop_grace,
            _copies(copy_in),
            _copies(copy_out),
            _progress(on_pull),
            cancellation,
        )

    def run_shell(self, script: str, **options: Any) -> Result:
        """The script in the image's own `sh -c`: the policy must list `sh`. Options as of `run`."""
        return self.run("sh", "-c", script, **options)


class DockerSession(_Runs):
    """Several commands in one container: files stay from one to the next, processes do not. Safe from any thread, one command or
    copy at a time; others wait. Made by `DockerSandbox.open_session`."""

    def __init__(self, native: _native.DockerSession) -> None:
        self._native: _native.DockerSession = native

    def copy_in(
        self, host_path: PathText, container_path: PathText, *, cancellation: Cancellation | None = None
    ) -> CopiedFiles:
        """Copies a file or a folder of this machine into the container. Each file needs `fs_read`; what the policy hides is left alone.
        Cancelling a copy ends the session."""
        return CopiedFiles(*self._native.copy_in(os.fspath(host_path), os.fspath(container_path), cancellation))

    def copy_out(
        self, container_path: PathText, host_path: PathText, *, cancellation: Cancellation | None = None
    ) -> CopiedFiles:
        """The other way: each file and folder of this machine needs `fs_write`, judged by the name that it gets."""
        return CopiedFiles(*self._native.copy_out(os.fspath(container_path), os.fspath(host_path), cancellation))

    @property
    def is_open(self) -> bool:
        return self._native.is_open

    def close(self) -> None:
        """Ends what runs and removes the container. A second call does nothing."""
        self._native.close()

    def __enter__(self) -> DockerSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DockerSandbox(_Runs):
    """Commands in containers, each in a new one that is removed afterwards. Safe from any thread.

    The policy rules: a mount needs `fs_read` (and `fs_write` where it can be written) and an allowed path, a network needs
    `net_http`, and a command `exec_run` and a rule, by its name.
    """

    def __init__(
        self,
        docker: DockerLike,
        policy: PolicyLike | None = None,
        *,
        audit: AuditLike | None = None,
        engine: str = "",
        warm_containers: int = 0,
        registry_config: PathText = "",
    ) -> None:
        """`engine` is "unix:///run/docker.sock", or what DOCKER_HOST names, or one of the usual sockets. `warm_containers` stand ready
        for the next commands. `registry_config` has credentials, as `docker login` writes them. DeniedError or InvalidArgumentError for
        what the policy refuses of the container."""
        self.policy = as_policy(policy)
        self.docker = as_docker_config(docker)
        self._native: _native.DockerSandbox = _native.DockerSandbox(
            self.policy._native,
            config_text({"docker": self.docker.to_dict()}),
            native_audit(audit),
            engine,
            _locations.CONTAINER_INIT,
            warm_containers,
            os.fspath(registry_config),
        )

    def prepare_image(
        self, *, on_pull: Callable[[PullProgress], object] | None = None, cancellation: Cancellation | None = None
    ) -> str:
        """Fetches or loads the image now, as a run would; returns what runs by it: "name@sha256:…", or the image's id."""
        return self._native.prepare_image(_progress(on_pull), cancellation)

    def open_session(
        self,
        *,
        time_to_live: float | None = None,
        on_pull: Callable[[PullProgress], object] | None = None,
        cancellation: Cancellation | None = None,
    ) -> DockerSession:
        """Makes one container for several commands. After `time_to_live` seconds (None: 10 minutes) it is removed, whatever runs in it;
        `cancellation` ends the session as well."""
        return DockerSession(
            self._native.open_session(_input.timeout(time_to_live), _progress(on_pull), cancellation)
        )
