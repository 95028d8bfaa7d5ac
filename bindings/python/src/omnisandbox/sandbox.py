"""Everything that runs under one policy."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from . import _input, _locations, _native
from ._native import Cancellation, CommandSignals, Result
from .audit import AuditFile, AuditLike, native_audit
from .config import Capability
from .docker import DockerLike, DockerSandbox
from .host import HostCalls
from .policy import Explanation, PolicyLike, as_policy

Language: TypeAlias = Literal["python", "javascript"]
Isolation: TypeAlias = Literal["worker", "in_process"]
Module: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
Arguments: TypeAlias = Sequence[str | os.PathLike[str]]


def _in_worker(isolation: Isolation) -> bool:
    if isolation not in ("worker", "in_process"):
        raise ValueError(f'isolation is "worker" or "in_process", not {isolation!r}')
    return isolation == "worker"


class Runtime:
    """The WebAssembly sandbox: compiled modules are kept, each run has a fresh instance. Safe from any thread.

    With isolation "worker" guests run in processes without any right; "in_process" is faster, and a defect of the engine or a slow
    compile is then this process's own. `module_cache` is an absolute folder, this user's alone, that keeps compiled modules.
    """

    def __init__(
        self,
        policy: PolicyLike | None = None,
        *,
        isolation: Isolation = "worker",
        audit: AuditLike | None = None,
        module_cache: str | os.PathLike[str] | None = None,
    ) -> None:
        in_worker = _in_worker(isolation)
        self.policy = as_policy(policy)
        self._native = _native.Runtime(
            self.policy._native,
            native_audit(audit),
            in_worker,
            "" if module_cache is None else os.fspath(module_cache),
            _locations.WORKER,
            _locations.LAUNCHER,
        )

    def compile(self, name: str, module: Module) -> None:
        """Keeps a module (bytes in binary or text form, or a file's path) under `name`."""
        self._native.compile(name, _input.module(module)[1])

    def precompile(self, module: Module) -> bytes:
        """What `compile` and `run` take in the module's place, for the same user and module cache."""
        return self._native.precompile(_input.module(module)[1])

    def execute(
        self,
        name: str,
        args: Arguments = (),
        *,
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Runs a compiled module. How the guest ended is in the Result."""
        return self._native.execute(
            name, _input.arguments(args), _input.data(stdin), _input.environment(env), _input.timeout(timeout), cancellation
        )

    def run(
        self,
        module: Module,
        args: Arguments = (),
        *,
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Compiles and runs once."""
        return self._native.run(
            _input.module(module)[1],
            _input.arguments(args),
            _input.data(stdin),
            _input.environment(env),
            _input.timeout(timeout),
            cancellation,
        )


class ModuleExports:
    """The exported functions of a module or component, called with what JSON can say. Safe from any thread. Isolation as of `Runtime`."""

    def __init__(
        self,
        policy: PolicyLike | None,
        module: Module,
        *,
        isolation: Isolation = "worker",
        audit: AuditLike | None = None,
    ) -> None:
        in_worker = _in_worker(isolation)
        self.policy = as_policy(policy)
        name, code = _input.module(module)
        self._native = _native.ModuleExports(
            self.policy._native, name, code, native_audit(audit), in_worker, _locations.WORKER, _locations.LAUNCHER
        )

    def list(self) -> list[str]:
        """One line for each function: its name, and its type as WIT."""
        return self._native.signatures()

    def call(
        self, function: str, *arguments: Any, timeout: float | None = None, cancellation: Cancellation | None = None
    ) -> Any:
        """What the function returned. Raises the Result's error where it did not return."""
        texts = [json.dumps(argument) for argument in arguments]
        result = self._native.call(function, texts, b"", {}, _input.timeout(timeout), cancellation).check()
        return None if result.value is None else json.loads(result.value)


class Session:
    """An interpreter that keeps its variables from one snippet to the next. One snippet at a time.

    Every snippet has the policy's timeout, and input, environment, denials and output of its own; files, memory and quotas
    (`max_write_bytes`, `max_files_created`, `max_host_calls`) are those of the whole session. A snippet that ends by a deadline,
    a trap or `os._exit` ends the session.
    """

    def __init__(self, native: _native.Session) -> None:
        self._native: _native.Session | None = native

    def run(
        self,
        code: str,
        *,
        args: Arguments = (),
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        name: str = "<snippet>",
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Raises UnavailableError once the session has ended."""
        if self._native is None:
            raise ValueError("the session is closed")
        return self._native.evaluate(
            code,
            _input.arguments(args),
            _input.data(stdin),
            _input.environment(env),
            name,
            _input.timeout(timeout),
            cancellation,
        )

    @property
    def has_ended(self) -> bool:
        return self._native is None or self._native.has_ended

    def close(self) -> None:
        self._native = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Interpreter:
    """An interpreter of Python or JavaScript in the WebAssembly sandbox, fresh for each evaluation. Safe from any thread.

    Isolation as of `Runtime`; a worker makes the next evaluation's interpreter while nobody waits, and a session has one of its own.
    """

    def __init__(
        self,
        policy: PolicyLike | None = None,
        language: Language = "python",
        *,
        isolation: Isolation = "worker",
        audit: AuditLike | None = None,
    ) -> None:
        in_worker = _in_worker(isolation)
        if language not in ("python", "javascript"):
            raise ValueError(f'language is "python" or "javascript", not {language!r}')
        self.policy = as_policy(policy)
        self.language = language
        self._native = _native.Interpreter(
            self.policy._native,
            language,
            native_audit(audit),
            in_worker,
            _locations.WORKER,
            _locations.LAUNCHER,
            _locations.INTERPRETERS,
        )

    def run(
        self,
        code: str,
        *,
        args: Arguments = (),
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        name: str = "<snippet>",
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """`value` is the last expression's; an exception that is not caught is on stderr, with exit code 1."""
        return self._native.evaluate(
            code,
            _input.arguments(args),
            _input.data(stdin),
            _input.environment(env),
            name,
            _input.timeout(timeout),
            cancellation,
        )

    def open_session(self) -> Session:
        return Session(self._native.open_session())


class ProcessSandbox:
    """Native commands, confined by the kernel: each sees what the policy opens, and starts only what it lists. Safe from any thread."""

    def __init__(
        self, policy: PolicyLike | None = None, *, audit: AuditLike | None = None, warm_sandboxes: int = 0
    ) -> None:
        """`warm_sandboxes` stand ready for the next commands. UnavailableError where this machine cannot confine them."""
        self.policy = as_policy(policy)
        self._native = _native.ProcessSandbox(self.policy._native, native_audit(audit), _locations.LAUNCHER, warm_sandboxes)

    def run(
        self,
        command: str,
        *args: str | os.PathLike[str],
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        terminal: bool = False,
        signals: CommandSignals | None = None,
        stop_grace: float = 0.0,
        explain: bool = False,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """No shell is involved. The callbacks get output as it comes, and what they raise ends the run. After a stop the command has
        SIGTERM and `stop_grace` seconds. With `explain` the Result's `refusals` say what the command was refused, and what would
        allow it; each call that names a file then takes some tens of microseconds longer, and whoever reads the report learns which
        files this machine has."""
        return self._native.run(
            command,
            _input.arguments(args),
            _input.data(stdin),
            _input.environment(env),
            _input.timeout(timeout),
            on_stdout,
            on_stderr,
            terminal,
            signals,
            stop_grace,
            explain,
            cancellation,
        )


class Sandbox(HostCalls):
    """One policy, and all that can be done under it: snippets, modules, commands, host functions. Safe from any thread.

    What a method needs is made when it is first called. Each call of a host function is a run of its own, with the policy's timeout
    and quotas; `HostFunctions` makes several calls one run. Without a policy nothing is granted, and code can only compute.
    """

    def __init__(
        self,
        policy: PolicyLike | None = None,
        *,
        audit: AuditLike | None = None,
        isolation: Isolation = "worker",
        module_cache: str | os.PathLike[str] | None = None,
        docker: DockerLike | None = None,
    ) -> None:
        """Snippets and modules run in processes without any right, unless `isolation` is "in_process". `docker` says how the containers of
        `run_container` are made."""
        self.policy = as_policy(policy)
        self._docker = docker
        self._audit = AuditFile(audit) if isinstance(audit, (str, os.PathLike)) else audit
        self._functions = _native.Functions(self.policy._native, native_audit(self._audit), _locations.LAUNCHER, False)
        _in_worker(isolation)  # what is wrong is told now
        self._isolation: Isolation = isolation
        self._module_cache = module_cache
        self._lock = threading.Lock()
        self._parts: dict[str, Any] | None = {}

    def _part(self, name: str, make: Callable[[], Any]) -> Any:
        parts = self._parts
        if parts is None:
            raise ValueError("the sandbox is closed")
        part = parts.get(name)
        if part is None:
            with self._lock:
                part = parts.get(name)
                if part is None:
                    part = parts[name] = make()
        return part

    def interpreter(self, language: Language) -> Interpreter:
        found: Interpreter = self._part(
            language, lambda: Interpreter(self.policy, language, isolation=self._isolation, audit=self._audit)
        )
        return found

    @property
    def runtime(self) -> Runtime:
        found: Runtime = self._part(
            "runtime",
            lambda: Runtime(self.policy, isolation=self._isolation, audit=self._audit, module_cache=self._module_cache),
        )
        return found

    @property
    def processes(self) -> ProcessSandbox:
        found: ProcessSandbox = self._part("processes", lambda: ProcessSandbox(self.policy, audit=self._audit))
        return found

    @property
    def containers(self) -> DockerSandbox:
        found: DockerSandbox = self._part("containers", self._make_containers)
        return found

    def _make_containers(self) -> DockerSandbox:
        if self._docker is None:
            raise ValueError("no container is configured: make the Sandbox with docker=DockerConfig(image)")
        return DockerSandbox(self._docker, self.policy, audit=self._audit)

    def run_python(
        self,
        code: str,
        *,
        args: Arguments = (),
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        name: str = "<snippet>",
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Runs `code` in a fresh CPython that nothing of an earlier run reaches."""
        return self.interpreter("python").run(
            code, args=args, stdin=stdin, env=env, name=name, timeout=timeout, cancellation=cancellation
        )

    def run_javascript(
        self,
        code: str,
        *,
        args: Arguments = (),
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        name: str = "<snippet>",
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """The same in a fresh SpiderMonkey."""
        return self.interpreter("javascript").run(
            code, args=args, stdin=stdin, env=env, name=name, timeout=timeout, cancellation=cancellation
        )

    def open_session(self, language: Language = "python") -> Session:
        """An interpreter that keeps its variables."""
        return self.interpreter(language).open_session()

    def run_wasm(
        self,
        module: Module,
        args: Arguments = (),
        *,
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Compiles and runs a module once; `runtime` keeps them compiled."""
        return self.runtime.run(module, args, stdin=stdin, env=env, timeout=timeout, cancellation=cancellation)

    def run_command(
        self,
        command: str,
        *args: str | os.PathLike[str],
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        explain: bool = False,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Runs a native command that the policy lists; more options are in `processes.run`."""
        return self.processes.run(
            command,
            *args,
            stdin=stdin,
            env=env,
            timeout=timeout,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            explain=explain,
            cancellation=cancellation,
        )

    def run_container(
        self,
        command: str,
        *args: str | os.PathLike[str],
        stdin: _input.Data = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Result:
        """Runs a command of the image that `docker` names, in a container of its own; more options are in `containers.run`."""
        return self.containers.run(
            command,
            *args,
            stdin=stdin,
            env=env,
            timeout=timeout,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            cancellation=cancellation,
        )

    def explain(self, capability: Capability, resource: str | os.PathLike[str]) -> Explanation:
        """ "May I, and why?" Never has an effect."""
        return self.policy.explain(capability, resource)

    def close(self) -> None:
        """Lets go of interpreters and workers, once the runs under way have ended."""
        with self._lock:
            self._parts = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def probe_process_sandbox() -> tuple[bool, list[str], list[str]]:
    """Whether native commands can be confined on this machine, by which layers, and what is weaker than it could be."""
    return _native.probe_process_sandbox(_locations.LAUNCHER)
