"""The same for asyncio: runs go on in threads, and a task that is cancelled ends its run."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from . import sandbox as sync
from ._native import Cancellation, Result
from .audit import AuditLike
from .config import Capability
from .docker import CopiedFiles, DockerLike, PathText
from .docker import DockerSandbox as _DockerSandbox
from .docker import DockerSession as _DockerSession
from .host import HttpResponse
from .policy import Explanation, PolicyLike

T = TypeVar("T")


async def _stoppable(executor: ThreadPoolExecutor, call: partial[T]) -> T:
    """Runs `call(cancellation=…)` in a thread. A cancelled task waits for its run to end, which is soon; one that waits for a thread
    does not begin. A Cancellation of the caller's own is the one that is used, and a cancelled task cancels it."""
    cancellation = call.keywords.get("cancellation") or Cancellation()
    begun = executor.submit(partial(call, cancellation=cancellation))
    run = asyncio.wrap_future(begun)
    try:
        return await asyncio.shield(run)
    except asyncio.CancelledError:
        if not begun.cancel():
            cancellation.cancel()
            await _until_done(run)
        raise


async def _until_done(run: asyncio.Future[T]) -> None:
    """However often the task is cancelled meanwhile."""
    while not run.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([run])
    if not run.cancelled():
        run.exception()  # seen; the task's end is what counts


class Session:
    """`omnisandbox.Session` for asyncio; snippets run one after the other."""

    def __init__(self, session: sync.Session, executor: ThreadPoolExecutor) -> None:
        self._session = session
        self._executor = executor
        self._turn = asyncio.Lock()

    async def run(self, code: str, **options: Any) -> Result:
        """Options as in `omnisandbox.Session.run`."""
        async with self._turn:
            return await _stoppable(self._executor, partial(self._session.run, code, **options))

    @property
    def has_ended(self) -> bool:
        return self._session.has_ended

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._session.close()


class AsyncSandbox:
    """`omnisandbox.Sandbox` for asyncio. At most `max_threads` runs go on at once; others wait. Options as there."""

    def __init__(
        self,
        policy: PolicyLike | None = None,
        *,
        audit: AuditLike | None = None,
        isolation: sync.Isolation = "worker",
        module_cache: str | os.PathLike[str] | None = None,
        docker: DockerLike | None = None,
        max_threads: int = 32,
    ) -> None:
        self._sandbox = sync.Sandbox(
            policy, audit=audit, isolation=isolation, module_cache=module_cache, docker=docker
        )
        self._executor = ThreadPoolExecutor(max_threads, thread_name_prefix="omnisandbox")
        self.policy = self._sandbox.policy

    async def run_python(self, code: str, **options: Any) -> Result:
        return await _stoppable(self._executor, partial(self._sandbox.run_python, code, **options))

    async def run_javascript(self, code: str, **options: Any) -> Result:
        return await _stoppable(self._executor, partial(self._sandbox.run_javascript, code, **options))

    async def run_wasm(self, module: sync.Module, args: sync.Arguments = (), **options: Any) -> Result:
        return await _stoppable(self._executor, partial(self._sandbox.run_wasm, module, args, **options))

    async def run_command(self, command: str, *args: str | os.PathLike[str], **options: Any) -> Result:
        """`on_stdout` and `on_stderr` are called in the run's thread."""
        return await _stoppable(self._executor, partial(self._sandbox.run_command, command, *args, **options))

    async def run_container(self, command: str, *args: str | os.PathLike[str], **options: Any) -> Result:
        return await _stoppable(self._executor, partial(self._sandbox.run_container, command, *args, **options))

    async def http_fetch(self, url: str, **options: Any) -> HttpResponse:
        return await _stoppable(self._executor, partial(self._sandbox.http_fetch, url, **options))

    async def exec_run(self, command: str, *args: str | os.PathLike[str], **options: Any) -> Result:
        return await _stoppable(self._executor, partial(self._sandbox.exec_run, command, *args, **options))

    async def fs_read(self, path: str | os.PathLike[str]) -> bytes:
        return await self._call(partial(self._sandbox.fs_read, path))

    async def fs_write(self, path: str | os.PathLike[str], content: bytes | str) -> None:
        await self._call(partial(self._sandbox.fs_write, path, content))

    async def open_session(self, language: sync.Language = "python") -> Session:
        return Session(await self._call(partial(self._sandbox.open_session, language)), self._executor)

    def explain(self, capability: Capability, resource: str | os.PathLike[str]) -> Explanation:
        return self._sandbox.explain(capability, resource)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def close(self) -> None:
        """Waits for the runs under way."""
        await asyncio.to_thread(self._executor.shutdown)
        self._sandbox.close()

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncDockerSession:
    """`omnisandbox.DockerSession` for asyncio; made by `AsyncDockerSandbox.open_session`. A copy that is cancelled ends the session."""

    def __init__(self, session: _DockerSession) -> None:
        self._session = session
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="omnisandbox-session")

    async def run(self, command: str, *args: PathText, **options: Any) -> Result:
        """Options as in `omnisandbox.DockerSandbox.run`; callbacks are called in the run's thread."""
        return await _stoppable(self._executor, partial(self._session.run, command, *args, **options))

    async def run_shell(self, script: str, **options: Any) -> Result:
        return await _stoppable(self._executor, partial(self._session.run_shell, script, **options))

    async def copy_in(self, host_path: PathText, container_path: PathText) -> CopiedFiles:
        return await _stoppable(self._executor, partial(self._session.copy_in, host_path, container_path))

    async def copy_out(self, container_path: PathText, host_path: PathText) -> CopiedFiles:
        return await _stoppable(self._executor, partial(self._session.copy_out, container_path, host_path))

    @property
    def is_open(self) -> bool:
        return self._session.is_open

    async def close(self) -> None:
        """Ends what runs and removes the container."""
        await asyncio.to_thread(self._session.close)
        self._executor.shutdown(wait=False)

    async def __aenter__(self) -> AsyncDockerSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncDockerSandbox:
    """`omnisandbox.DockerSandbox` for asyncio. At most `max_threads` runs go on at once; others wait. Options as there."""

    def __init__(
        self, docker: DockerLike, policy: PolicyLike | None = None, *, max_threads: int = 32, **options: Any
    ) -> None:
        self._sandbox = _DockerSandbox(docker, policy, **options)
        self._executor = ThreadPoolExecutor(max_threads, thread_name_prefix="omnisandbox-docker")
        self.policy = self._sandbox.policy
        self.docker = self._sandbox.docker

    async def run(self, command: str, *args: PathText, **options: Any) -> Result:
        """Callbacks are called in the run's thread."""
        return await _stoppable(self._executor, partial(self._sandbox.run, command, *args, **options))

    async def run_shell(self, script: str, **options: Any) -> Result:
        return await _stoppable(self._executor, partial(self._sandbox.run_shell, script, **options))

    async def prepare_image(self, **options: Any) -> str:
        return await _stoppable(self._executor, partial(self._sandbox.prepare_image, **options))

    async def open_session(self, **options: Any) -> AsyncDockerSession:
        """Options as in `omnisandbox.DockerSandbox.open_session`."""
        return AsyncDockerSession(await _stoppable(self._executor, partial(self._sandbox.open_session, **options)))

    async def close(self) -> None:
        """Waits for the runs under way."""
        await asyncio.to_thread(self._executor.shutdown)

    async def __aenter__(self) -> AsyncDockerSandbox:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
