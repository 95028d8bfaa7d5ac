"""Signals, forks and asyncio."""

import asyncio
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from omnisandbox import AsyncSandbox, Cancellation, Config, Sandbox, errors

INTERRUPTED = """
import os, signal, threading, time
from omnisandbox import Config, Sandbox
box = Sandbox(Config(timeout=60, capabilities=["exec_run"], allowed_commands=["sleep"]))
box.run_python("1")
threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
started = time.monotonic()
try:
    {run}
except KeyboardInterrupt:
    print("interrupted after a while" if time.monotonic() - started < 30 else "late")
# And all is as it was.
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(box.run_python("6 * 7").value)
"""


@pytest.mark.parametrize(
    "run",
    [
        'box.run_python("while True: pass")',
        'box.run_python("import time; time.sleep(50)")',
        'box.run_wasm(b\'(module (func (export "_start") (loop $again (br $again))))\')',
        'box.run_command("sleep", "50")',
    ],
)
def test_ctrl_c_ends_a_run(run: str):
    if "run_command" in run and not _has_commands():
        pytest.skip("no process sandbox here")
    done = subprocess.run([sys.executable, "-c", INTERRUPTED.format(run=run)], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "interrupted after a while\n42\n", done.stderr


LATE = """
import os, random, signal, threading, time
from omnisandbox import Config, Sandbox
signal.signal(signal.SIGINT, lambda number, frame: None)
box = Sandbox(Config(timeout=60), isolation="in_process")
stopped = 0
for attempt in range({attempts}):
    sender = threading.Thread(target=lambda: (time.sleep(random.random() * 0.002), os.kill(os.getpid(), signal.SIGINT)))
    sender.start()
    stopped += not box.run_python("1").ok
    sender.join()
    assert box.run_python("6 * 7").value == "42", attempt
print("ran", stopped > 0)
"""


def test_an_interrupt_ends_no_later_run():
    program = LATE.format(attempts=200 if os.environ.get("OMNISANDBOX_THOROUGH") == "1" else 50)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "ran True\n", done.stdout + done.stderr


NO_THREAD = """
import os, resource
from omnisandbox import Config, Sandbox, errors
box = Sandbox(Config(), isolation="in_process")
box.interpreter("python")
# Less than the stack of one more thread may be mapped.
mapped = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (mapped + (4 << 20), before[1]))
try:
    box.run_python("1")
except errors.Error as error:
    print(type(error).__name__, "for Ctrl-C to end runs" in str(error))
resource.setrlimit(resource.RLIMIT_AS, before)
print(box.run_python("6 * 7").value)
"""


def test_where_no_thread_can_be_started_a_run_says_so_and_a_later_one_works():
    done = subprocess.run([sys.executable, "-c", NO_THREAD], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "LimitError True\n42\n", done.stdout + done.stderr


def _has_commands() -> bool:
    import omnisandbox

    return omnisandbox.probe_process_sandbox()[0]


def test_a_handler_that_is_set_to_ignore_is_left_alone(box: Sandbox):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
        assert box.run_python("import time; time.sleep(0.3); 1").ok
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def _in_child(parents: Sandbox, folder: str, answers) -> None:
    try:
        parents.run_python("1")
        answers.put("the parent's sandbox worked")
    except errors.UnavailableError as error:
        answers.put("fork" in str(error))
    own = Sandbox(Config(capabilities=["fs_read"], allowed_paths=[folder], timeout=20))
    answers.put(own.run_python("6 * 7").value)
    answers.put(own.run_wasm(b'(module (func (export "_start")))').status)
    answers.put(own.fs_read(os.path.join(folder, "note.txt")))


def test_a_forked_child_is_told_and_makes_its_own(box: Sandbox, data: pathlib.Path):
    assert box.run_python("1").ok and box.run_wasm(b'(module (func (export "_start")))').ok
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_in_child, args=(box, str(data / "open"), answers))
    child.start()
    assert [answers.get(timeout=60) for _ in range(4)] == [True, "42", "ok", b"a note"]
    child.join(60)
    assert child.exitcode == 0
    assert box.run_python("1").ok


def test_asyncio_runs_side_by_side(data: pathlib.Path):
    async def main() -> None:
        async with AsyncSandbox(Config(capabilities=["fs_read"], allowed_paths=[data / "open"], timeout=20)) as box:
            results = await asyncio.gather(*(box.run_python(f"{n} * {n}") for n in range(8)))
            assert [result.value for result in results] == [str(n * n) for n in range(8)]
            assert await box.fs_read(data / "open" / "note.txt") == b"a note"
            async with await box.open_session() as session:
                await session.run("x = 1")
                assert (await session.run("x + 1")).value == "2"
            with pytest.raises(PermissionError):
                await box.fs_read(data / "closed" / "secret.txt")

    asyncio.run(main())


def test_cancelling_a_task_ends_its_run():
    async def main() -> None:
        async with AsyncSandbox(Config(timeout=60)) as box:
            await box.run_python("1")
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(box.run_python("while True: pass"), 0.3)
            assert time.monotonic() - started < 30
            assert (await box.run_python("6 * 7")).value == "42"

    asyncio.run(main())



def test_a_run_that_waits_for_a_thread_never_begins_once_it_is_cancelled():
    async def main() -> None:
        async with AsyncSandbox(Config(timeout=60), max_threads=1) as box:
            first_stop, second_stop = Cancellation(), Cancellation()
            first = asyncio.create_task(box.run_python("while True: pass", cancellation=first_stop))
            await asyncio.sleep(0.3)
            second = asyncio.create_task(box.run_python("1", cancellation=second_stop))
            await asyncio.sleep(0.1)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(second, 20)
            assert not first.done() and not second_stop.cancelled
            # The caller's own Cancellation is the one that is used.
            first_stop.cancel()
            assert (await asyncio.wait_for(first, 20)).status == "cancelled"

    asyncio.run(main())


def test_a_task_that_is_cancelled_twice_still_waits_for_its_run():
    async def main() -> None:
        async with AsyncSandbox(Config(timeout=60)) as box:
            session = await box.open_session()
            task = asyncio.create_task(session.run("while True: pass"))
            await asyncio.sleep(0.3)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert session.has_ended

    asyncio.run(main())