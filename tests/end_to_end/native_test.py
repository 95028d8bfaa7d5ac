"""`omnisandbox run -- COMMAND` and `call exec_run`: native commands under the contract of the command line."""

import os
import signal
import threading
import time

import support
from support import Case


class Native(Case):
    def setUp(self):
        super().setUp()
        (self.folder / "work").mkdir()
        self.write("work/inside.txt", "inside\n")
        self.write("outside.txt", "outside\n")
        self.allowed = self.commands_policy()

    def commands_policy(self, **more):
        return self.policy(**{"capabilities": ["exec_run", "fs_read", "fs_write"], "allowed_paths": [str(self.folder / "work")],
                              "allowed_commands": ["sh", "cat", "sleep", "head", "yes", "python3"], **more})

    def native(self, *command, policy=None, **more):
        return self.command("run", "--policy", policy or self.allowed, "--", *command, **more)

    def test_output_and_exit_codes_pass_through(self):
        done = self.native("sh", "-c", "cat inside.txt; echo problem >&2; exit 7")
        self.assertEqual((done.code, done.out, done.err), (7, b"inside\n", "problem\n"))
        self.assertEqual(self.native("sh", "-c", "kill -9 $$").code, 137)
        self.assertEqual(self.native("sh", "-c", "printf '\\000\\377'").out, b"\0\xff")

    def test_json_names_the_layers(self):
        done, result = self.run_json("run", "--policy", self.allowed, "--json", "--", "cat", "inside.txt")
        self.assertEqual((done.code, result["status"], result["stdout"], result["sandbox"]["kind"]), (0, "ok", "inside\n", "process"))
        self.assertIn("seccomp", " ".join(result["sandbox"]["layers"]))
        self.assertGreater(result["peak_memory_bytes"], 100_000)
        self.assertGreaterEqual(result["cpu_time_ms"], 0)

    def test_what_is_not_open_is_not_there(self):
        done = self.native("cat", str(self.folder / "outside.txt"))
        self.assertEqual((done.code, done.out), (1, b""))

    def test_denied_is_126(self):
        done, result = self.run_json("run", "--policy", self.allowed, "--json", "--", "id")
        self.assertEqual((done.code, result["status"], result["denials"][0]["capability"]), (126, "denied", "exec_run"))
        done, result = self.run_json("call", "--policy", self.allowed, "--json", "exec_run", "id")
        self.assertEqual((done.code, result["status"]), (126, "denied"))

    def test_a_listed_command_that_is_absent_is_127(self):
        policy = self.commands_policy(allowed_commands=["no-such-command-here", "sh"])
        done, result = self.run_json("run", "--policy", policy, "--json", "--", "no-such-command-here")
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (127, "failed", "not_found"))
        self.assertIn("was absent when the policy was compiled", result["error"]["message"])
        self.assertEqual(self.native("another-one", policy=policy).code, 126)

    def test_the_deadline_is_124_and_nothing_survives(self):
        done, result = self.run_json("run", "--policy", self.allowed, "--timeout", "500ms", "--json", "--", "sh", "-c",
                                     "echo begun; sleep 1000 & sleep 1000")
        self.assertEqual((done.code, result["status"], result["stdout"]), (124, "timeout", "begun\n"))

    def test_limits_are_137(self):
        policy = self.commands_policy(memory_limit_mb=64)
        done, result = self.run_json("run", "--policy", policy, "--json", "--", "python3", "-c", "x = bytearray(500_000_000)")
        # Where no control group counts memory, the program is refused it and says so itself.
        if any("memory by rlimit" in layer for layer in result["sandbox"]["layers"]):
            self.assertNotEqual(done.code, 0)
        else:
            self.assertEqual((done.code, result["status"]), (137, "memory_limit"))
        policy = self.commands_policy(max_processes=5)
        done, result = self.run_json("run", "--policy", policy, "--json", "--", "sh", "-c",
                                     "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait")
        self.assertEqual((done.code, result["status"]), (137, "process_limit"))

    def test_stdin_is_passed(self):
        self.assertEqual(self.command("run", "--policy", self.allowed, "--stdin", "-", "--", "cat", stdin=b"ours").out, b"ours")
        self.assertEqual(self.native("cat", stdin=b"ours").out, b"")

    def test_output_comes_while_the_command_runs(self):
        process = self.start("run", "--policy", self.allowed, "--", "sh", "-c", "echo first; sleep 1000")
        self.assertEqual(process.stdout.readline(), b"first\n")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=support.HANG_SECONDS)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)

    def test_a_signal_reaches_the_command(self):
        # Python acts on a signal that comes right before a sleep when the sleep is over: so it sleeps often and not for long.
        process = self.start("run", "--policy", self.allowed, "--", "python3", "-uc",
                             "import signal, sys, time\n"
                             "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), print('tidied'), sys.exit(3)))\n"
                             "print('ready')\nwhile True: time.sleep(0.05)")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        # It had the time to put things in order.
        self.assertEqual(process.stdout.readline(), b"tidied\n")
        process.wait(timeout=support.HANG_SECONDS)
        self.assertEqual(process.returncode, 3)

    def test_a_command_that_ignores_signals_ends_all_the_same(self):
        for signals in (1, 2):
            with self.subTest(signals=signals):
                process = self.start("run", "--policy", self.allowed, "--", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done")
                self.assertEqual(process.stdout.readline(), b"ready\n")
                for _ in range(signals):
                    process.send_signal(signal.SIGTERM)
                    time.sleep(0.2)
                self.assertEqual(process.stdout.read(), b"")
                process.wait(timeout=support.HANG_SECONDS)
                self.assertEqual(process.returncode, 128 + signal.SIGTERM)

    def test_a_reader_that_goes_away_ends_the_command(self):
        process = self.start("run", "--policy", self.commands_policy(max_output_bytes="100MiB"), "--", "yes")
        process.stdout.read(10)
        process.stdout.close()
        process.wait(timeout=support.HANG_SECONDS)
        self.assertEqual(process.returncode, 1)

    def test_the_environment_is_not_ours(self):
        env = {**os.environ, "OUTER_SECRET": "value"}
        done = self.command("run", "--policy", self.allowed, "--env", "GIVEN=yes", "--", "sh", "-c", "echo ${OUTER_SECRET-none} $GIVEN", env=env)
        self.assertEqual(done.out, b"none yes\n")

    def test_call_exec_run(self):
        done = self.command("call", "--policy", self.allowed, "exec_run", "cat", "inside.txt")
        self.assertEqual((done.code, done.out), (0, b"inside\n"))
        self.assertEqual(self.command("call", "--policy", self.allowed, "exec_run", "sh", "-c", "exit 9").code, 9)

    def test_decision_and_outcome_are_recorded_once(self):
        for command in (["run"], ["call"]):
            audit = self.folder / f"{command[0]}.jsonl"
            extra = ["--", "cat", "inside.txt"] if command == ["run"] else ["exec_run", "cat", "inside.txt"]
            _, result = self.run_json(*command, "--policy", self.allowed, "--audit", str(audit), "--json", *extra)
            records = support.records(audit)
            self.assertEqual([record["event"] for record in records], ["decision", "outcome"], command)
            self.assertEqual({record["run_id"] for record in records}, {result["run_id"]})
            self.assertEqual((records[0]["answer"], records[1]["status"]), ("grant", "ok"))

    def test_audit_required_without_audit_runs_nothing(self):
        policy = self.commands_policy(audit_required=True)
        self.assertEqual(self.native("sh", "-c", "echo x > made", policy=policy).code, 125)
        self.assertFalse((self.folder / "work/made").exists())

    def test_doctor_tells_of_the_process_sandbox(self):
        done = self.command("doctor", "--json")
        answer = self.one_object(done)
        process = next(sandbox for sandbox in answer["sandboxes"] if sandbox["kind"] == "process")
        self.assertTrue(process["available"], process)
        self.assertIn("seccomp", process["detail"])


if __name__ == "__main__":
    support.main()
