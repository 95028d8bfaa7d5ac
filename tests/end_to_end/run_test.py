"""`omnisandbox run`: output, exit codes, JSON, and what reaches a guest."""

import base64
import os
import pathlib
import subprocess
import threading
import time

import support
from support import Case


class ExitCodes(Case):
    def test_success_is_0(self):
        self.assertEqual(self.command("run", self.write("a.wat", support.EMPTY)).code, 0)

    def test_the_guests_own_code_passes_through(self):
        for code in (1, 2, 3, 42, 124, 126, 255):
            done, result = self.run_json("run", "--json", self.write("a.wat", support.exiting(code)))
            self.assertEqual((done.code, result["status"], result["exit_code"]), (code, "exited", code))

    def test_a_code_that_does_not_fit_is_not_taken_for_success(self):
        done, result = self.run_json("run", "--json", self.write("a.wat", support.exiting(256)))
        self.assertNotEqual(done.code, 0)
        self.assertEqual(result["status"], "exited")

    def test_a_trap_is_134(self):
        path = self.write("a.wat", support.TRAP)
        done, result = self.run_json("run", "--json", path)
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (134, "trap", "trap"))
        self.assert_ends(self.command("run", path), 134, "unreachable")

    def test_the_deadline_is_124(self):
        path = self.write("a.wat", support.ENDLESS_LOOP)
        done, result = self.run_json("run", "--timeout", "300ms", "--json", path)
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (124, "timeout", "timeout"))
        self.assert_ends(self.command("run", "--timeout", "300ms", path), 124)

    def test_fuel_is_124(self):
        done, result = self.run_json("run", "--policy", self.policy(fuel_limit=10_000), "--json",
                                     self.write("a.wat", support.ENDLESS_LOOP))
        self.assertEqual((done.code, result["status"]), (124, "fuel_exhausted"))
        self.assertGreaterEqual(result["fuel_consumed"], 10_000)

    def test_memory_is_137(self):
        done, result = self.run_json("run", "--json", self.write("a.wat", support.MEMORY_HOG))
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (137, "memory_limit", "memory"))
        roomy = self.policy(memory_limit_mb=100)
        self.assertEqual(self.command("run", "--policy", roomy, self.write("a.wat", support.MEMORY_HOG)).code, 0)

    def test_no_such_module_is_127(self):
        done, result = self.run_json("run", "--json", "absent.wasm")
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (127, "failed", "not_found"))
        self.assert_ends(self.command("run", "absent.wasm"), 127, "absent.wasm")

    def test_not_a_module_is_125(self):
        for name, content in (("empty.wasm", b""), ("text.wasm", b"hello"), ("cut.wasm", b"\0asm\1\0"), ("bad.wat", b"(module (")):
            done, result = self.run_json("run", "--json", self.write(name, content))
            self.assertEqual((done.code, result["status"], result["error"]["kind"]), (125, "failed", "invalid_argument"), name)

    def test_what_is_no_regular_file_is_125_at_once(self):
        os.mkfifo(self.folder / "fifo.wasm")
        (self.folder / "folder.wasm").mkdir()
        os.symlink("/dev/zero", self.folder / "zero.wasm")
        for name in ("fifo.wasm", "folder.wasm", "zero.wasm"):
            self.assert_ends(self.command("run", name), 125, name)

    def test_a_module_that_is_too_large_is_125(self):
        with open(self.folder / "large.wasm", "wb") as file:
            file.truncate(10 * 1024**3)
        self.assert_ends(self.command("run", "large.wasm"), 125, "larger than")

    def test_a_bad_policy_is_2_and_nothing_runs(self):
        module = self.write("a.wat", support.printer(b"ran"))
        done = self.command("run", "--policy", self.write("bad.yaml", "version: 1\ncapabilitys: []\n"), module)
        self.assert_ends(done, 2, "bad.yaml:2:1")
        self.assertEqual(done.out, b"")
        self.assert_ends(self.command("run", "--policy", "absent.yaml", module), 2, "absent.yaml")


class Output(Case):
    def test_bytes_pass_through_unchanged(self):
        text = bytes(range(256)) * 3
        done = self.command("run", self.write("a.wat", support.printer(text)))
        self.assertEqual((done.code, done.out, done.err), (0, text, ""))
        done = self.command("run", self.write("b.wat", support.printer(b"\x1b[31mno\n", stream=2)))
        self.assertEqual((done.out, done.err), (b"", "\x1b[31mno\n"))

    def test_json_carries_text_as_text_and_bytes_as_base64(self):
        _, result = self.run_json("run", "--json", self.write("a.wat", support.printer("grüße\n".encode())))
        self.assertEqual(result["stdout"], "grüße\n")
        self.assertNotIn("stdout_encoding", result)
        _, result = self.run_json("run", "--json", self.write("b.wat", support.printer(b"\xff\x00\xfe")))
        self.assertEqual(result["stdout_encoding"], "base64")
        self.assertEqual(base64.b64decode(result["stdout"]), b"\xff\x00\xfe")
        _, result = self.run_json("run", "--json", self.write("c.wat", support.printer(b"\xc3", stream=2)))
        self.assertEqual(result["stderr_encoding"], "base64")
        self.assertNotIn("stdout_encoding", result)

    def test_json_is_safe_in_a_terminal_and_a_log(self):
        text = "\x1b]0;title\x07\x7f\u009b31m\u202e\n".encode()
        done, result = self.run_json("run", "--json", self.write("a.wat", support.printer(text)))
        self.assertTrue(all(0x20 <= byte < 0x7F for byte in done.out.rstrip(b"\n")), done.out)
        self.assertEqual(result["stdout"].encode(), text)

    def test_output_past_the_limit_is_counted_and_flagged(self):
        policy = self.policy(max_output_bytes=10)
        module = self.write("a.wat", support.printer(b"0123456789abcdef"))
        _, result = self.run_json("run", "--policy", policy, "--json", module)
        self.assertEqual((result["stdout"], result["stdout_truncated"], result["stdout_bytes"]), ("0123456789", True, 16))
        self.assertFalse(result["stderr_truncated"])
        done = self.command("run", "--policy", policy, module)
        self.assertEqual(done.out, b"0123456789")
        self.assert_ends(done, 0, "standard output was cut: the first 10 of 16 bytes")
        exactly = self.write("b.wat", support.printer(b"0123456789"))
        _, result = self.run_json("run", "--policy", policy, "--json", exactly)
        self.assertFalse(result["stdout_truncated"])
        self.assertEqual(self.command("run", "--policy", policy, exactly).err, "")

    def test_a_reader_that_goes_away_is_an_error_and_no_crash(self):
        module = self.write("a.wat", support.printer(b"x" * 60_000))
        for extra in ([], ["--json"]):
            process = self.start("run", *extra, module)
            process.stdout.close()
            err = process.stderr.read()
            process.wait(timeout=support.HANG_SECONDS)
            self.assertEqual(process.returncode, 1, err)
            self.assertIn(b"omnisandbox: ", err)

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([support.COMMAND, "run", self.write("a.wat", support.printer(b"x"))], stdout=full,
                                  stderr=subprocess.PIPE, timeout=support.HANG_SECONDS, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)

    def test_a_slow_reader_gets_everything(self):
        # The deadline is the run's, not the reader's.
        text = b"y" * 60_000 * 1
        module = self.write("a.wat", support.printer(text))
        loop = self.command("run", "--timeout", "500ms", module)
        self.assertEqual(loop.out, text)
        process = self.start("run", "--timeout", "500ms", "--json", module)
        threading.Event().wait(1.5)
        done = self.finish(process)
        self.assertEqual(self.one_object(done)["stdout"], text.decode())
        self.assertEqual(done.code, 0)

    def test_output_into_a_non_blocking_pipe_is_whole(self):
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        module = self.write("a.wat", support.printer(b"z" * 60_000))
        process = subprocess.Popen([support.COMMAND, "run", "--json", module], stdout=write_end, stderr=subprocess.PIPE)
        self.addCleanup(support.end, process)
        os.close(write_end)
        threading.Event().wait(0.5)
        with os.fdopen(read_end, "rb") as reader:
            out = reader.read()
        process.wait(timeout=support.HANG_SECONDS)
        self.assertIn(b"z" * 60_000, out)
        self.assertEqual(process.returncode, 0)


class WhatReachesAGuest(Case):
    def lines(self, *args, **more):
        done = self.command("run", *args, **more)
        self.assertEqual(done.code, 0, str(done))
        return done.out.decode("utf-8", "surrogateescape").splitlines()

    def test_arguments_unchanged_and_options_too(self):
        guest = self.guest("env_args.wasm")
        expected = ["arg 0 env_args.wasm", "arg 1 --json", "arg 2 ", "arg 3 --", "arg 4 -x", "arg 5 a b;$(id)*"]
        arguments = ["--json", "", "--", "-x", "a b;$(id)*"]
        self.assertEqual(self.lines("--", guest, *arguments), expected)
        self.assertEqual(self.lines(guest, *arguments), expected)

    def test_arguments_that_are_not_utf8(self):
        self.assertIn("arg 1 \udcff\udcfe", self.lines(self.guest("env_args.wasm"), b"\xff\xfe"))

    def test_nothing_of_our_environment(self):
        env = {**os.environ, "OUTER_SECRET": "value", "LD_LIBRARY_PATH": "/tmp"}
        lines = self.lines(self.guest("env_args.wasm"), env=env)
        self.assertFalse([line for line in lines if line.startswith("env ")])

    def test_env_and_the_policys_environment(self):
        policy = self.policy(environment={"FROM_POLICY": "p", "BOTH": "policy"})
        lines = self.lines("--policy", policy, "--env", "A=1", "--env=B=[x,y]", "--env", "C=a=b", "--env", "D=", "--env",
                           "BOTH=flag", self.guest("env_args.wasm"))
        for line in ("env A=1", "env B=[x,y]", "env C=a=b", "env D=", "env FROM_POLICY=p", "env BOTH=flag"):
            self.assertIn(line, lines)
        for bad in ("A", "=x", ""):
            self.assert_ends(self.command("run", "--env", bad, "a.wasm"), 2, "--env")

    def test_stdin_is_empty_unless_passed(self):
        guest = self.guest("cat.wasm")
        self.assertEqual(self.command("run", guest, stdin=b"ours").out, b"")
        self.assertEqual(self.command("run", "--stdin", "-", guest, stdin=b"ours\0\xff").out, b"ours\0\xff")
        path = self.write("input", b"from a file")
        self.assertEqual(self.command("run", "--stdin", path, guest, stdin=b"ours").out, b"from a file")
        self.assert_ends(self.command("run", "--stdin", "absent", guest), 2, "absent")

    def test_stdin_is_bounded(self):
        with open("/dev/zero", "rb") as zero:
            done = subprocess.run([support.COMMAND, "run", "--json", "--stdin", "-", self.guest("cat.wasm")], stdin=zero,
                                  stdout=subprocess.PIPE, timeout=support.HANG_SECONDS, check=False)
        result = self.one_object(support.Done(done.returncode, done.stdout, b""))
        self.assertEqual((done.returncode, result["error"]["kind"]), (125, "too_large"))

    def test_a_file_only_under_a_policy_and_a_denial_says_why(self):
        inside, outside = self.write("open/a.txt", "inside"), self.write("closed/b.txt", "outside")
        guest = self.guest("cat.wasm")
        policy = self.policy(capabilities=["fs_read"], allowed_paths=[str(self.folder / "open")])
        self.assertEqual(self.command("run", "--policy", policy, guest, inside).out, b"inside")
        done, result = self.run_json("run", "--policy", policy, "--json", guest, outside)
        self.assertEqual((done.code, result["status"], result["stdout"]), (1, "exited", ""))
        without, result = self.run_json("run", "--json", guest, inside)
        self.assertEqual((without.code, result["stdout"]), (1, ""))


class TwoAtOnce(Case):
    def test_runs_do_not_disturb_each_other(self):
        audit = str(self.folder / "audit.jsonl")
        modules = [self.write(f"{n}.wat", support.printer(f"guest {n}".encode() * 100)) for n in range(6)]
        processes = [self.start("run", "--audit", audit, module) for module in modules]
        for n, process in enumerate(processes):
            done = self.finish(process)
            self.assertEqual((done.code, done.out), (0, f"guest {n}".encode() * 100), str(done))
        with open(audit, encoding="ascii") as lines:
            self.assertEqual(len(lines.readlines()), len(modules))


class ChoosingASandbox(Case):
    def exec_policy(self):
        return self.policy(capabilities=["exec_run"], allowed_commands=["true"])

    def test_commands_are_judged_before_anything_else(self):
        done, result = self.run_json("run", "--policy", self.exec_policy(), "--json", "--", "false")
        self.assertEqual((done.code, result["status"]), (126, "denied"))
        self.assertEqual(result["denials"][0]["capability"], "exec_run")
        self.assertEqual(result["error"]["kind"], "denied")
        done = self.command("run", "false")
        self.assert_ends(done, 126, "exec_run false is denied", "no policy was given")

    def test_a_container_needs_its_command_listed(self):
        done, result = self.run_json("run", "--policy", self.exec_policy(), "--image", "alpine", "--json", "--", "ls")
        self.assertEqual((done.code, result["status"], result["sandbox"]["kind"]), (126, "denied", "docker"))
        done, _ = self.run_json("run", "--policy", self.exec_policy(), "--image", "alpine", "--network", "bridge", "--json", "true")
        self.assertEqual(done.code, 126)

    def test_options_of_another_sandbox_are_refused(self):
        module = self.write("a.wat", support.EMPTY)
        for options in (["--sandbox", "wasm", "--image", "alpine"], ["--network", "none"], ["--sandbox", "process", "--isolation",
                                                                                            "in-process"]):
            self.assert_ends(self.command("run", *options, module), 2, "sandbox")

    def test_a_module_can_have_any_name(self):
        path = self.write("module", support.printer(b"ran"))
        self.assertEqual(self.command("run", "--sandbox", "wasm", path).out, b"ran")
        self.assertEqual(self.command("run", path).code, 126)

    def test_in_workers_unless_asked_otherwise(self):
        module = self.write("a.wat", support.EMPTY)
        for options in ([], ["--isolation", "worker"]):
            _, result = self.run_json("run", *options, "--json", module)
            self.assertLessEqual({"wasm:worker", "seccomp"}, set(result["sandbox"]["layers"]))

    def test_workers_end_with_the_command(self):
        module = self.write("a.wat", support.ENDLESS_LOOP)
        process = self.start("run", module)
        workers = lambda: [pid for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir()
                           for pid in (task / "children").read_text().split()]
        deadline = time.monotonic() + support.HANG_SECONDS
        while not workers() and time.monotonic() < deadline:
            time.sleep(0.05)
        pids = workers()
        self.assertTrue(pids)
        process.kill()
        process.wait()
        gone = lambda pid: not pathlib.Path(f"/proc/{pid}/exe").is_symlink() or \
            pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z"
        while not all(map(gone, pids)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(all(map(gone, pids)))

    def test_in_process(self):
        module = self.write("a.wat", support.EMPTY)
        _, result = self.run_json("run", "--isolation", "in-process", "--json", module)
        self.assertEqual(result["sandbox"]["kind"], "wasm")
        self.assertTrue(result["sandbox"]["layers"])


if __name__ == "__main__":
    support.main()
