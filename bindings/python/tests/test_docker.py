"""Containers in a real engine, which the tests start themselves."""

import asyncio
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

from omnisandbox import (
    AsyncDockerSandbox,
    AuditLog,
    Cancellation,
    Config,
    DeniedError,
    DockerConfig,
    DockerMount,
    DockerSandbox,
    PathRule,
    Sandbox,
    errors,
    lint,
)

from container_engine import IMAGE, ContainerEngine, container_engine, why_not

SLOW_SECONDS = 60  # far below the sleep that must not be waited for


@pytest.fixture(scope="module")
def engine():
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with container_engine() as made:
        yield made


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder that everybody may enter: containers run as another user."""
    folder = tmp_path_factory.mktemp("shared")
    for each in (folder, *list(folder.parents)[:2]):
        each.chmod(0o755)
    (folder / "in").mkdir()
    (folder / "in" / "note.txt").write_text("a note")
    (folder / "out").mkdir()
    (folder / "secret.txt").write_text("a secret")
    return folder


@pytest.fixture
def config(shared: pathlib.Path) -> Config:
    return Config(
        capabilities=["exec_run", "fs_read", "fs_write"],
        allowed_commands=["cat", "sh"],
        allowed_paths=[PathRule(shared / "in", "read"), PathRule(shared / "out", "read_write")],
        timeout=120,
    )


@pytest.fixture
def docker(engine: ContainerEngine, config: Config) -> DockerSandbox:
    return DockerSandbox(IMAGE, config, engine=engine.address)


def test_a_config_is_checked_as_a_policy_file_is(tmp_path: pathlib.Path):
    assert DockerConfig.from_dict({}) == DockerConfig()  # the defaults are the library's
    assert DockerConfig().to_dict() == {}
    made = DockerConfig("a:1", mounts=[DockerMount("/a", "/b", False)], memory_limit="64MiB", pull_timeout="1m")
    read = DockerConfig.from_dict(made.to_dict())
    assert read.image == "a:1" and read.mounts == (DockerMount("/a", "/b", False),)
    assert read.memory_limit == 64 * 1024 * 1024 and read.pull_timeout == 60
    for wrong, where in (
        ({"imag": "a"}, "docker.imag"),
        ({"mounts": [{"host_path": "/a"}]}, "docker.mounts[0]"),
        ({"network_mode": "all"}, "docker.network_mode"),
    ):
        with pytest.raises(errors.InvalidArgumentError) as caught:
            DockerConfig.from_dict(wrong)
        assert where in str(caught.value), wrong
    with pytest.raises(errors.InvalidArgumentError, match="pids_limit"):
        DockerConfig("a", pids_limit=0)
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndocker: {image: 'b:2', user: '1:1'}\n")
    assert DockerConfig.from_file(file) == DockerConfig("b:2", user="1:1")
    with pytest.raises(errors.InvalidArgumentError, match="no `docker:` section"):
        DockerConfig.from_yaml("version: 1\n")
    found = lint({"capabilities": ["exec_run", "net_http"], "allowed_hosts": ["*"], "allowed_commands": ["sh"],
                  "docker": {"image": "a", "network_mode": "host"}})
    assert any("docker" in warning.where for warning in found)


def test_a_command_runs_and_tells_its_image(docker: DockerSandbox, engine: ContainerEngine):
    pieces: list[bytes] = []
    script = 'cat; echo "$NAME"; pwd; id -u; echo error >&2; exit 3'
    result = docker.run_shell(script, stdin="typed\n", env={"NAME": "ünï"}, working_dir="/tmp", on_stdout=pieces.append)
    assert (result.status, result.exit_code) == ("exited", 3), result.error
    assert result.stdout == "typed\nünï\n/tmp\n65534\n" and result.stderr == "error\n"
    assert b"".join(pieces) == result.stdout_data
    assert result.sandbox == "docker" and "no network" in result.layers and result.peak_memory_bytes > 0
    assert result.image == docker.prepare_image()
    assert result.image == engine.docker("image", "inspect", "--format", "{{.Id}}", IMAGE).decode().strip()
    with pytest.raises(errors.ExitError):
        result.check()
    assert Sandbox().run_python("1").image is None
    assert engine.containers_left() == []


def test_what_the_policy_refuses_does_not_run(docker: DockerSandbox, config: Config, shared: pathlib.Path, engine: ContainerEngine):
    with pytest.raises(DeniedError) as caught:
        docker.run("id")
    assert caught.value.capability == "exec_run" and caught.value.resource == "id"
    assert "allowed_commands" in caught.value.remedy and isinstance(caught.value, PermissionError)
    with pytest.raises(DeniedError) as caught:
        DockerSandbox(DockerConfig(IMAGE, network_mode="bridge"), config, engine=engine.address)
    assert caught.value.capability == "net_http"
    with pytest.raises(DeniedError):
        DockerSandbox(DockerConfig(IMAGE, mounts=[DockerMount(shared / "secret.txt", "/s")]), config, engine=engine.address)
    mounted = DockerSandbox({"image": IMAGE, "mounts": [{"host_path": shared / "in", "container_path": "/in"}]}, config, engine=engine.address)
    assert mounted.run("cat", "/in/note.txt").check().stdout == "a note"
    with pytest.raises(errors.NotFoundError):
        DockerSandbox("no-such-image:1", config, engine=engine.address).run("cat")
    with pytest.raises(errors.UnavailableError, match="/nowhere"):
        DockerSandbox(IMAGE, config, engine="unix:///nowhere/engine.sock").run("cat")


def test_limits_callbacks_and_cancellations_end_a_run(docker: DockerSandbox, engine: ContainerEngine):
    started = time.monotonic()
    late = docker.run_shell("echo begun; sleep 100", timeout=2)
    assert late.status == "timeout" and isinstance(late.error, TimeoutError)

    def fail(piece: bytes) -> None:
        raise KeyError(piece)

    with pytest.raises(KeyError):
        docker.run_shell("echo begun; sleep 100", on_stdout=fail)
    cancellation = Cancellation()
    ended = docker.run_shell("echo begun; sleep 100", on_stdout=lambda _: cancellation.cancel(), cancellation=cancellation)
    assert ended.status == "cancelled" and isinstance(ended.error, errors.CancelledError)
    again = Cancellation()
    graceful = docker.run_shell(
        "trap 'echo cleaned; exit 5' TERM; echo begun; while :; do sleep 0.05; done",
        on_stdout=lambda _: again.cancel(),
        stop_grace=20,
        cancellation=again,
    )
    assert graceful.exit_code == 5 and "cleaned" in graceful.stdout
    assert time.monotonic() - started < SLOW_SECONDS
    assert engine.containers_left() == []


def test_a_session_keeps_files_and_copies(docker: DockerSandbox, shared: pathlib.Path, engine: ContainerEngine):
    with docker.open_session() as session:
        copied = session.copy_in(shared / "in", "/tmp/in")
        assert (copied.files, copied.bytes) == (1, 6)
        assert session.run_shell("cat /tmp/in/note.txt; echo made > /tmp/made").check().stdout == "a note"
        assert session.run("cat", "/tmp/made").stdout == "made\n"
        assert session.copy_out("/tmp/made", shared / "out" / "made").files == 1
        assert (shared / "out" / "made").read_text() == "made\n"
        with pytest.raises(DeniedError) as caught:
            session.copy_in(shared / "secret.txt", "/tmp/secret")
        assert caught.value.capability == "fs_read"
        with pytest.raises(DeniedError):
            session.copy_out("/tmp/made", shared / "in" / "made")
        assert not (shared / "in" / "made").exists()
        assert session.run_shell("sleep 100", timeout=1).status == "timeout"
        assert session.run("cat", "/tmp/made").ok and session.is_open
        # Its own callback would wait for itself.
        with pytest.raises(errors.UnavailableError, match="this very callback"):
            session.run_shell("echo begun; sleep 100", on_stdout=lambda _: session.run("cat"))
        assert len(engine.our_containers()) == 1
    assert not session.is_open
    with pytest.raises(errors.UnavailableError):
        session.run("cat")
    with pytest.raises(errors.InvalidArgumentError):
        docker.open_session(time_to_live=25 * 3600)
    short = docker.open_session(time_to_live=1)
    assert short.run_shell("sleep 100").status == "timeout" and not short.is_open
    assert engine.containers_left() == []


def test_a_single_run_takes_copies_and_is_recorded(engine: ContainerEngine, config: Config, shared: pathlib.Path):
    log = AuditLog()
    docker = DockerSandbox(IMAGE, config, engine=engine.address, audit=log)
    result = docker.run_shell(
        "cat /tmp/note > /tmp/answer; echo ! >> /tmp/answer",
        copy_in=[(shared / "in" / "note.txt", "/tmp/note")],
        copy_out=[("/tmp/answer", shared / "out" / "answer")],
    )
    assert result.ok, result.error
    assert (shared / "out" / "answer").read_text() == "a note!\n"
    outcomes = [record for record in log.drain() if record.event == "outcome" and record.run_id == result.run_id]
    assert [record.status for record in outcomes] == ["ok"]


def test_a_sandbox_runs_containers_too(engine: ContainerEngine, config: Config, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    with Sandbox(config, docker=IMAGE) as box:
        assert box.run_container("cat", stdin="hello").stdout == "hello"
    with pytest.raises(ValueError, match="docker="):
        Sandbox(config).run_container("cat")


def test_threads_run_side_by_side(docker: DockerSandbox):
    outputs: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda n=n: outputs.update({n: docker.run("cat", stdin=str(n)).stdout})) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {n: str(n) for n in range(4)}


def test_asyncio(engine: ContainerEngine, config: Config, shared: pathlib.Path):
    async def main() -> None:
        async with AsyncDockerSandbox(IMAGE, config, engine=engine.address) as docker:
            results = await asyncio.gather(*(docker.run("cat", stdin=str(n)) for n in range(3)))
            assert [result.stdout for result in results] == ["0", "1", "2"]
            async with await docker.open_session() as session:
                await session.copy_in(shared / "in" / "note.txt", "/tmp/note")
                assert (await session.run("cat", "/tmp/note")).stdout == "a note"
                started = time.monotonic()
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(session.run_shell("sleep 100"), 0.5)
                assert time.monotonic() - started < SLOW_SECONDS
                assert (await session.run("cat", "/tmp/note")).stdout == "a note"
            assert not session.is_open
            with pytest.raises(DeniedError):
                await docker.run("id")

    asyncio.run(main())
    assert engine.containers_left() == []


INTERRUPTED = """
import os, signal, threading, time
from omnisandbox import Config, DockerSandbox
docker = DockerSandbox({image!r}, Config(capabilities=["exec_run"], allowed_commands=["sh"], timeout=100), engine={engine!r})
started = time.monotonic()
try:
    docker.run_shell("echo begun; sleep 100", on_stdout=lambda _: os.kill(os.getpid(), signal.SIGINT))
except KeyboardInterrupt:
    print("interrupted" if time.monotonic() - started < {limit} else "late")
print(docker.run_shell("echo again").stdout, end="")
"""


def test_ctrl_c_ends_a_run(engine: ContainerEngine):
    program = INTERRUPTED.format(image=IMAGE, engine=engine.address, limit=SLOW_SECONDS)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout == "interrupted\nagain\n", done.stderr
    assert engine.containers_left() == []


def test_a_forked_child_is_told(docker: DockerSandbox):
    with docker.open_session() as session:
        child = os.fork()
        if child == 0:
            try:
                session.run("cat")
            except errors.UnavailableError as error:
                os._exit(0 if "fork" in str(error) else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert session.run("cat", stdin="here").stdout == "here"
