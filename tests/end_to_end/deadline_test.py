"""Whatever blocks, the command ends at its deadline and soon after a signal, and prints its answer once."""

import os
import signal
import subprocess
import time

import slow_modules
import support
from support import Case

# Generous: the machine may be busy with other tests. What it must not be is "never".
SLACK_SECONDS = 10


class Deadline(Case):
    def assert_timeout(self, *args, deadline=0.5, **more):
        start = time.monotonic()
        done, result = self.run_json(*args, **more)
        took = time.monotonic() - start
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (124, "timeout", "timeout"), str(done))
        self.assertLess(took, deadline + SLACK_SECONDS)
        return result

    def test_a_loop_and_a_sleep(self):
        result = self.assert_timeout("run", "--timeout", "500ms", "--json", self.write("a.wat", support.ENDLESS_LOOP))
        self.assertIn("500 ms", result["error"]["message"])  # what was asked for, not what was left of it
        result = self.assert_timeout("run", "--timeout", "500ms", "--json", self.write("b.wat", support.ENDLESS_SLEEP))
        self.assertEqual(result["stdout"], "started\n")

    def test_the_policys_deadline(self):
        policy = self.policy(timeout="500ms")
        result = self.assert_timeout("run", "--policy", policy, "--json", self.write("a.wat", support.ENDLESS_LOOP))
        self.assertIn("500 ms", result["error"]["message"])

    def test_a_flag_cannot_lengthen_it(self):
        policy = self.policy(timeout="500ms")
        self.assert_timeout("run", "--policy", policy, "--timeout", "1h", "--json", self.write("a.wat", support.ENDLESS_LOOP))

    def test_a_flag_shortens_it(self):
        policy = self.policy(timeout="1h")
        self.assert_timeout("run", "--policy", policy, "--timeout", "500ms", "--json", self.write("a.wat", support.ENDLESS_SLEEP))

    def test_a_compile_of_minutes(self):
        path = self.write("slow.wasm", slow_modules.endless())
        start = time.monotonic()
        result = self.assert_timeout("run", "--timeout", "1s", "--json", path, deadline=1)
        self.assertLess(time.monotonic() - start, 1 + SLACK_SECONDS)
        self.assertIn("compiling", result["error"]["message"])
        done = self.command("run", "--timeout", "1s", path)
        self.assert_ends(done, 124, "deadline of 1 s")
        self.assertEqual(done.out, b"")

    def test_a_standard_input_that_never_ends(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, write_end)
        with os.fdopen(read_end, "rb") as reader:
            done = subprocess.run([support.COMMAND, "run", "--timeout", "500ms", "--json", "--stdin", "-",
                                   self.write("a.wat", support.EMPTY)], stdin=reader, stdout=subprocess.PIPE,
                                  timeout=support.HANG_SECONDS, check=False)
        result = self.one_object(support.Done(done.returncode, done.stdout, b""))
        self.assertEqual((done.returncode, result["status"]), (124, "timeout"))
        self.assertIn("standard input", result["error"]["message"])

    def test_a_fifo_as_standard_input_that_nobody_writes(self):
        os.mkfifo(self.folder / "fifo")
        self.assert_timeout("run", "--timeout", "500ms", "--json", "--stdin", "fifo", self.write("a.wat", support.EMPTY))

    def test_nobody_reads_our_output_and_time_runs_out(self):
        # A pipe that is full before we start: even the last words cannot be written.
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        try:
            while True:
                os.write(write_end, b"x" * 65536)
        except BlockingIOError:
            pass
        os.set_blocking(write_end, True)
        self.addCleanup(os.close, read_end)
        process = subprocess.Popen([support.COMMAND, "run", "--timeout", "500ms", "--json",
                                    self.write("slow.wasm", slow_modules.endless())], stdout=write_end, stderr=subprocess.DEVNULL)
        os.close(write_end)
        self.addCleanup(support.end, process)
        self.assertEqual(process.wait(timeout=support.HANG_SECONDS), 124)

    def test_bad_durations(self):
        for text in ("0", "0s", "-1s", "forever", "1e9", "", "999999999999999999h", "999us", "0.0001"):
            self.assert_ends(self.command("run", "--timeout", text, "a.wasm"), 2, "--timeout")

    def test_a_file_lock_on_the_audit_log(self):
        import fcntl
        with open(self.folder / "audit", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            start = time.monotonic()
            done = self.command("run", "--timeout", "500ms", "--audit", "audit", self.write("a.wat", support.EMPTY))
            self.assertLess(time.monotonic() - start, 0.5 + SLACK_SECONDS)
            self.assertEqual(done.code, 124, str(done))


class Signals(Case):
    def signalled(self, signal_number, *args, after_seconds=0.4):
        process = self.start("run", "--json", *args)
        # Until the guest surely runs there is nothing to wait on but time; an earlier signal must do the same.
        time.sleep(after_seconds)
        process.send_signal(signal_number)
        return self.finish(process)

    def test_sigint_and_sigterm_cancel(self):
        module = self.write("a.wat", support.ENDLESS_LOOP)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            done = self.signalled(number, module)
            result = self.one_object(done)
            self.assertEqual((done.code, result["status"], result["exit_code"]), (code, "cancelled", code), str(done))

    def test_a_sleeping_guest_is_cancelled_with_its_output(self):
        done = self.signalled(signal.SIGTERM, self.write("a.wat", support.ENDLESS_SLEEP), after_seconds=0.7)
        result = self.one_object(done)
        self.assertEqual((done.code, result["status"], result["stdout"]), (143, "cancelled", "started\n"))

    def test_a_compile_is_cancelled(self):
        done = self.signalled(signal.SIGINT, self.write("slow.wasm", slow_modules.endless()))
        self.assertEqual((done.code, self.one_object(done)["status"]), (130, "cancelled"), str(done))

    def test_a_signal_at_any_time_gives_one_answer(self):
        module = self.write("a.wat", support.ENDLESS_LOOP)
        for milliseconds in range(0, 120, 6):
            process = self.start("run", "--json", module)
            time.sleep(milliseconds / 1000)
            process.send_signal(signal.SIGTERM)
            done = self.finish(process)
            # Before main has begun, the system's own answer to the signal is all there is.
            if done.code == -signal.SIGTERM:
                self.assertEqual(done.out, b"")
            else:
                self.assertEqual((done.code, self.one_object(done)["status"]), (143, "cancelled"), str(done))

    def test_an_ignored_signal_stays_ignored(self):
        module = self.write("a.wat", support.ENDLESS_LOOP)
        process = self.start("run", "--timeout", "1s", "--json", module,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        time.sleep(0.4)
        process.send_signal(signal.SIGINT)
        done = self.finish(process)
        self.assertEqual(done.code, 124, str(done))


if __name__ == "__main__":
    support.main()
