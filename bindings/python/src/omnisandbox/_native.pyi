"""The extension module: the C++ interface as it is. Use what is in `omnisandbox`."""

from collections.abc import Callable
from os import PathLike
from typing import Any, TypeAlias

from .errors import Denial, Error
from .refusals import RefusalReport

_Path: TypeAlias = str | bytes | PathLike[str]

version: str

class Cancellation:
    """Ends runs from any thread: pass it to them, and call `cancel`."""

    def __init__(self) -> None: ...
    def cancel(self) -> None: ...
    @property
    def cancelled(self) -> bool: ...

class Result:
    """The outcome of one run."""

    @property
    def status(self) -> str:
        """ "ok", "exited", "timeout", "memory_limit", "fuel_exhausted", "process_limit", "trap", "denied", "cancelled" or "failed"."""
    @property
    def ok(self) -> bool:
        """The status is ok: exit code 0."""
    @property
    def exit_code(self) -> int: ...
    @property
    def stdout(self) -> str:
        """What was printed, up to the policy's max_output_bytes; bytes that are not UTF-8 as \\xNN."""
    @property
    def stderr(self) -> str: ...
    @property
    def stdout_data(self) -> bytes: ...
    @property
    def stderr_data(self) -> bytes: ...
    @property
    def stdout_truncated(self) -> bool: ...
    @property
    def stderr_truncated(self) -> bool: ...
    @property
    def stdout_bytes(self) -> int:
        """How many bytes were printed, kept or not."""
    @property
    def stderr_bytes(self) -> int: ...
    @property
    def duration(self) -> float:
        """Seconds."""
    @property
    def cpu_time(self) -> float:
        """Seconds, of a command and all that it started."""
    @property
    def peak_memory_bytes(self) -> int: ...
    @property
    def fuel_consumed(self) -> int | None: ...
    @property
    def module_cache(self) -> str:
        """ "none", "miss" or "hit"."""
    @property
    def sandbox(self) -> str:
        """ "wasm", "process" or "docker"."""
    @property
    def layers(self) -> tuple[str, ...]:
        """What really confined the run."""
    @property
    def image(self) -> str | None:
        """What a container ran: "name@sha256:…", or the image's id where it came from no registry."""
    @property
    def denials(self) -> tuple[Denial, ...]:
        """At most 100; `denial_count` counts them all."""
    @property
    def denial_count(self) -> int: ...
    @property
    def refusals(self) -> RefusalReport | None:
        """What a command was refused, where it was run with `explain=True`."""
    @property
    def error(self) -> Error | None:
        """None when the status is ok or exited."""
    @property
    def run_id(self) -> str:
        """As in the audit records."""
    @property
    def value(self) -> str | None:
        """The last expression's value, as the language shows it; what an exported function returned, as JSON."""
    @property
    def value_truncated(self) -> bool:
        """A snippet's value had more than `max_output_bytes`, and its first are here."""
    def check(self) -> Result:
        """The result itself when it is ok; else raises its error, or ExitError."""

class AuditSink: ...

class AuditQueue(AuditSink):
    def __init__(self, capacity: int) -> None: ...
    def take(self, seconds: float) -> tuple[Any, ...] | None: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def lost(self) -> int: ...

def open_audit_file(path: bytes, rotate_at_bytes: int, kept_files: int) -> AuditSink: ...

class Policy:
    @staticmethod
    def compile(text: str, name: str) -> Policy: ...
    def narrow(self, text: str, name: str) -> Policy: ...
    def explain(self, capability: str, resource: str) -> tuple[bool, str, str, str, str, str]: ...
    def warnings(self) -> list[tuple[str, str, str]]: ...

def parse_config(text: str, name: str) -> dict[str, Any]: ...
def load_config(path: str) -> dict[str, Any]: ...
def lint(text: str, name: str) -> list[tuple[str, str, str]]: ...

class Functions:
    def __init__(self, policy: Policy, audit: AuditSink | None, launcher: str, one_run: bool) -> None: ...
    def fs_read(self, path: _Path, offset: int, length: int | None) -> bytes: ...
    def fs_write(self, path: _Path, content: bytes, mode: str, synced: bool) -> None: ...
    def fs_list(self, path: _Path) -> list[tuple[bytes, str]]: ...
    def fs_stat(self, path: _Path) -> tuple[str, int, float, int]: ...
    def fs_delete(self, path: _Path) -> None: ...
    def fs_make_directory(self, path: _Path) -> None: ...
    def http_fetch(
        self,
        url: str,
        method: str,
        headers: list[tuple[str, str]],
        body: bytes,
        on_body: Callable[[bytes], object] | None,
        max_redirects: int,
        cancellation: Cancellation | None,
    ) -> tuple[int, list[tuple[str, str]], bytes, str]: ...
    def exec_run(self, command: str, args: list[str], stdin: bytes, cancellation: Cancellation | None) -> Result: ...
    def cancel(self) -> None: ...
    def denials(self) -> tuple[Denial, ...]: ...
    def denial_count(self) -> int: ...

class Runtime:
    def __init__(
        self, policy: Policy, audit: AuditSink | None, worker: bool, module_cache: str, worker_program: str, launcher: str
    ) -> None: ...
    def compile(self, name: str, module: bytes) -> None: ...
    def precompile(self, module: bytes) -> bytes: ...
    def execute(
        self,
        name: str,
        args: list[str],
        stdin: bytes,
        environment: dict[str, str],
        timeout: float | None,
        cancellation: Cancellation | None,
    ) -> Result: ...
    def run(
        self,
        module: bytes,
        args: list[str],
        stdin: bytes,
        environment: dict[str, str],
        timeout: float | None,
        cancellation: Cancellation | None,
    ) -> Result: ...

class ModuleExports:
    def __init__(
        self, policy: Policy, name: str, module: bytes, audit: AuditSink | None, worker: bool, worker_program: str, launcher: str
    ) -> None: ...
    def signatures(self) -> list[str]: ...
    def call(
        self,
        function: str,
        arguments_json: list[str],
        stdin: bytes,
        environment: dict[str, str],
        timeout: float | None,
        cancellation: Cancellation | None,
    ) -> Result: ...

class Session:
    def evaluate(
        self,
        code: str,
        args: list[str],
        stdin: bytes,
        environment: dict[str, str],
        name: str,
        timeout: float | None,
        cancellation: Cancellation | None,
    ) -> Result: ...
    @property
    def has_ended(self) -> bool: ...

class Interpreter:
    def __init__(
        self,
        policy: Policy,
        language: str,
        audit: AuditSink | None,
        worker: bool,
        worker_program: str,
        launcher: str,
        folder: str,
    ) -> None: ...
    def evaluate(
        self,
        code: str,
        args: list[str],
        stdin: bytes,
        environment: dict[str, str],
        name: str,
        timeout: float | None,
        cancellation: Cancellation | None,
    ) -> Result: ...
    def open_session(self) -> Session: ...

class CommandSignals:
    @staticmethod
    def create() -> CommandSignals: ...
    def send(self, signal: int) -> None: ...

class ProcessSandbox:
    def __init__(self, policy: Policy, audit: AuditSink | None, launcher: str, warm_sandboxes: int) -> None: ...
    def run(
        self,
        command: str,
        args: list[str],
        stdin: bytes,
        environment: dict[str, str],
        timeout: float | None,
        on_stdout: Callable[[bytes], object] | None,
        on_stderr: Callable[[bytes], object] | None,
        terminal: bool,
        signals: CommandSignals | None,
        stop_grace: float,
        explain: bool,
        cancellation: Cancellation | None,
    ) -> Result: ...

class DockerSession:
    def run(
        self,
        command: str,
        args: list[str],
        stdin: bytes,
        environment: dict[str, str],
        working_dir: str,
        timeout: float | None,
        on_stdout: Callable[[bytes], object] | None,
        on_stderr: Callable[[bytes], object] | None,
        stop_grace: float,
        copy_in: list[tuple[str, str]],
        copy_out: list[tuple[str, str]],
        on_pull: Callable[[str, str, int, int], object] | None,
        cancellation: Cancellation | None,
    ) -> Result: ...
    def copy_in(self, host_path: str, container_path: str, cancellation: Cancellation | None) -> tuple[int, int, int, int]: ...
    def copy_out(self, container_path: str, host_path: str, cancellation: Cancellation | None) -> tuple[int, int, int, int]: ...
    def close(self) -> None: ...
    @property
    def is_open(self) -> bool: ...

class DockerSandbox:
    def __init__(
        self,
        policy: Policy,
        docker: str,
        audit: AuditSink | None,
        engine: str,
        init_program: str,
        warm_containers: int,
        registry_config: str,
    ) -> None: ...
    def run(
        self,
        command: str,
        args: list[str],
        stdin: bytes,
        environment: dict[str, str],
        working_dir: str,
        timeout: float | None,
        on_stdout: Callable[[bytes], object] | None,
        on_stderr: Callable[[bytes], object] | None,
        stop_grace: float,
        copy_in: list[tuple[str, str]],
        copy_out: list[tuple[str, str]],
        on_pull: Callable[[str, str, int, int], object] | None,
        cancellation: Cancellation | None,
    ) -> Result: ...
    def prepare_image(
        self, on_pull: Callable[[str, str, int, int], object] | None, cancellation: Cancellation | None
    ) -> str: ...
    def open_session(
        self,
        time_to_live: float | None,
        on_pull: Callable[[str, str, int, int], object] | None,
        cancellation: Cancellation | None,
    ) -> DockerSession: ...

def parse_docker_config(text: str, name: str) -> dict[str, Any] | None: ...
def load_docker_config(path: str) -> dict[str, Any] | None: ...
def probe_process_sandbox(launcher: str) -> tuple[bool, list[str], list[str]]: ...
