import json
import pathlib
import threading
import time

import pytest

from omnisandbox import AuditLog, Cancellation, Config, DeniedError, ModuleExports, Runtime, Sandbox, errors

ENDLESS = b'(module (func (export "_start") (loop $again (br $again))))'
ADD = b'(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'


def test_python_sees_what_the_policy_opens(box: Sandbox, data: pathlib.Path):
    result = box.run_python(f"print(open({str(data / 'open' / 'note.txt')!r}).read())\n6 * 7")
    assert result.ok and result.stdout == "a note\n" and result.value == "42" and result.error is None
    refused = box.run_python(f"open({str(data / 'closed' / 'secret.txt')!r})")
    assert refused.status == "exited" and refused.exit_code == 1 and "Error" in refused.stderr
    with pytest.raises(errors.ExitError) as caught:
        refused.check()
    assert caught.value.result is refused
    assert box.run_python("import sys; sys.argv[1:], sys.stdin.read()", args=["a"], stdin="b").value == "(['a'], 'b')"
    assert box.run_python("import os; os.environ['X']", env={"X": "ünï"}).value == "'ünï'"
    assert "wasm:worker" in result.layers and result.sandbox == "wasm" and 0 < result.duration < 60


def test_javascript(box: Sandbox):
    assert box.run_javascript("[1, 2, 3].map((n) => n * n)").value == "[1,4,9]"


def test_limits_are_errors_by_kind(box: Sandbox):
    result = box.run_python("while True: pass", timeout=0.2)
    assert result.status == "timeout" and isinstance(result.error, TimeoutError)
    with pytest.raises(errors.DeadlineError) as caught:
        result.check()
    assert caught.value.kind == "timeout"
    small = Sandbox(Config(max_output_bytes=1000, timeout=20))
    flood = small.run_python("print('x' * 5000)")
    assert flood.stdout_truncated and flood.stdout_bytes == 5001 and len(flood.stdout) == 1000
    assert isinstance(box.run_python("x = bytearray(10**9)").error, errors.MemoryLimitError)


def test_bytes_that_are_not_text(box: Sandbox):
    result = box.run_python("import sys; sys.stdout.buffer.write(b'a\\xff')")
    assert result.stdout_data == b"a\xff" and result.stdout == "a\\xff"


def test_sessions_keep_variables_and_end(box: Sandbox):
    with box.open_session() as session:
        session.run("x = 20")
        assert session.run("x + 1").value == "21"
        assert session.run("while True: pass", timeout=0.2).status == "timeout"
        assert session.has_ended
        with pytest.raises(errors.UnavailableError):
            session.run("x")


def test_a_session_is_used_by_one_thread_at_a_time(box: Sandbox):
    session = box.open_session()
    cancellation = Cancellation()
    thread = threading.Thread(target=session.run, args=["while True: pass"], kwargs={"cancellation": cancellation})
    thread.start()
    deadline = time.monotonic() + 10
    refused = False
    while not refused and time.monotonic() < deadline:
        try:
            session.run("1", timeout=0.01)
        except errors.UnavailableError as error:
            refused = "another thread" in str(error)
    cancellation.cancel()
    thread.join()
    assert refused


@pytest.mark.parametrize("isolation", ["worker", "in_process"])
def test_modules(isolation, guests: pathlib.Path):
    runtime = Runtime(Config(timeout=20), isolation=isolation)
    runtime.compile("echo", guests / "echo.wasm")
    assert runtime.execute("echo", stdin="hello").stdout_data == b"hello"
    assert f"wasm:{isolation.replace('_', '-')}" in runtime.execute("echo").layers
    assert runtime.run(ENDLESS, timeout=0.2).status == "timeout"
    with pytest.raises(errors.NotFoundError):
        runtime.execute("no such module")
    with pytest.raises(errors.InvalidArgumentError):
        runtime.run(b"no module")
    fuelled = Runtime(Config(fuel_limit=1000), isolation=isolation)
    assert isinstance(fuelled.run(ENDLESS).error, errors.FuelError)


@pytest.mark.parametrize("isolation", ["worker", "in_process"])
def test_interpreters_run_where_they_are_told_to(isolation, data: pathlib.Path):
    with Sandbox(Config(capabilities=["fs_read"], allowed_paths=[data / "open"], timeout=20), isolation=isolation) as box:
        result = box.run_python(f"open({str(data / 'open' / 'note.txt')!r}).read()")
        assert result.value == "'a note'" and f"wasm:{isolation.replace('_', '-')}" in result.layers
        with box.open_session() as session:
            session.run("x = 20")
            assert session.run("x + 1").value == "21"


@pytest.mark.parametrize("isolation", ["worker", "in_process"])
def test_exported_functions(isolation):
    exports = ModuleExports(None, ADD, isolation=isolation)
    assert exports.list() == ["add: func(i32, i32) -> i32"]
    assert exports.call("add", 2, 40) == 42
    with pytest.raises(errors.InvalidArgumentError):
        exports.call("add", "two", 40)


def test_commands_stream_and_end(commands: Sandbox, data: pathlib.Path):
    pieces: list[bytes] = []
    result = commands.run_command("sh", "-c", "echo one; echo two >&2", on_stdout=pieces.append)
    assert b"".join(pieces) == b"one\n" and result.stdout == "one\n" and result.stderr == "two\n"
    assert result.sandbox == "process" and result.layers
    assert commands.run_command("cat", data / "closed" / "secret.txt").exit_code != 0
    with pytest.raises(DeniedError):
        commands.run_command("id")

    def fail(piece: bytes) -> None:
        raise KeyError(piece)

    started = time.monotonic()
    with pytest.raises(KeyError):
        commands.run_command("sh", "-c", "echo one; sleep 15", on_stdout=fail)
    assert time.monotonic() - started < 10


def test_a_command_is_told_what_it_was_refused(commands: Sandbox, data: pathlib.Path):
    secret = data / "closed" / "secret.txt"
    script = f"cat {secret}; cat {secret}; id; cat {data / 'open' / 'note.txt'}"
    result = commands.run_command("sh", "-c", script, explain=True)
    assert "a note" in result.stdout and result.refusals is not None and not result.refusals.is_cut
    found = {refusal.name: refusal for refusal in result.refusals.entries}
    path = found[str(secret)]
    assert (path.kind, path.action, path.count) == ("path", "read", 2) and "allowed_paths" in path.remedy and path.reason
    assert f"read {secret}, 2 times (" in str(path)
    program = next(refusal for refusal in found.values() if refusal.kind == "program")
    assert program.action == "run" and "allowed_commands" in program.remedy
    assert result.refusals.count >= 3
    # Only who asks is told.
    assert commands.run_command("sh", "-c", script).refusals is None


@pytest.mark.parametrize("what", ["python", "wasm", "command"])
def test_a_cancellation_ends_a_run(what: str, commands: Sandbox):
    cancellation = Cancellation()
    threading.Timer(0.1, cancellation.cancel).start()
    if what == "python":
        result = commands.run_python("while True: pass", cancellation=cancellation)
    elif what == "wasm":
        result = commands.run_wasm(ENDLESS, cancellation=cancellation)
    else:
        result = commands.run_command("sleep", "15", cancellation=cancellation)
    assert result.status == "cancelled" and isinstance(result.error, errors.CancelledError)
    assert cancellation.cancelled


def test_threads_run_at_the_same_time(box: Sandbox):
    """The GIL is free while a run goes on: a thread that only counts gets on meanwhile."""
    counted = 0
    done = threading.Event()

    def run() -> None:
        box.run_python("import time; time.sleep(0.5)")
        done.set()

    box.run_python("1")  # the interpreter is made
    thread = threading.Thread(target=run)
    thread.start()
    while not done.is_set():
        counted += 1
    thread.join()
    assert counted > 1000


def test_the_audit_log_is_an_iterator(data: pathlib.Path):
    policy = Config(capabilities=["fs_read"], allowed_paths=[data / "open"], audit_required=True)
    with pytest.raises(errors.UnavailableError):
        Sandbox(policy)
    log = AuditLog()
    box = Sandbox(policy, audit=log)
    with pytest.raises(DeniedError):
        box.fs_read(data / "closed" / "secret.txt")
    box.fs_read(data / "open" / "note.txt")
    box.run_python("1")
    threading.Timer(0.3, log.close).start()
    records = list(log)
    decisions = [record for record in records if record.event == "decision"]
    assert [record.granted for record in decisions[:2]] == [False, True]
    assert decisions[0].capability == "fs_read" and json.loads(decisions[0].json)["answer"] == "denial"
    assert [record.status for record in records if record.event == "outcome"] == ["ok"]
    # A log that is closed records nothing, so nothing is granted.
    with pytest.raises(errors.Error):
        box.fs_read(data / "open" / "note.txt")


def test_a_full_audit_log_loses_nothing_silently(data: pathlib.Path):
    log = AuditLog(capacity=1)
    box = Sandbox(Config(capabilities=["fs_read"], allowed_paths=[data / "open"]), audit=log)
    for _ in range(3):
        box.fs_read(data / "open" / "note.txt")
    assert log.lost == 2 and len(log.drain()) == 1


def test_an_audit_file(data: pathlib.Path):
    box = Sandbox(Config(capabilities=["fs_read"], allowed_paths=[data / "open"]), audit=data / "audit.jsonl")
    box.fs_read(data / "open" / "note.txt")
    assert json.loads((data / "audit.jsonl").read_text())["answer"] == "grant"


def test_misuse_is_told(box: Sandbox):
    with pytest.raises(ValueError):
        box.run_python("1", timeout=-1)
    with pytest.raises(TypeError):
        box.run_python("1", args="text")
    with pytest.raises(ValueError):
        Runtime(isolation="thread")  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        Sandbox(isolation="thread")  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgumentError):
        box.run_python("1\0")
    box.close()
    with pytest.raises(ValueError, match="closed"):
        box.run_python("1")


def test_a_value_has_the_limit_of_output():
    with Sandbox(Config(max_output_bytes=100)) as box:
        whole, cut = box.run_python("'x' * 98"), box.run_python("'x' * 1000")
    assert whole.ok and len(whole.value or "") == 100 and not whole.value_truncated
    assert cut.ok and len(cut.value or "") == 100 and cut.value_truncated
