"""`omnisandbox audit`: reads what `--audit` writes, and whatever else stands in such a file."""

import json
import os
import signal
import time

import support
from support import Case


class Audit(Case):
    def setUp(self):
        super().setUp()
        self.write("data/note.txt", "a note")
        self.policy_file = self.policy(capabilities=["fs_read"], allowed_paths=[str(self.folder / "data")])
        self.log = str(self.folder / "audit.jsonl")

    def read_file(self, path):
        self.command("call", "--policy", self.policy_file, "--audit", self.log, "fs_read", path)

    def use(self):
        """A granted read and a denied one; two runs, four records."""
        self.read_file(self.folder / "data" / "note.txt")
        self.read_file("/etc/shadow")

    def lines(self, *args):
        done = self.command("audit", *args)
        self.assertEqual(done.code, 0, str(done))
        return done.out.decode().splitlines()

    def records(self, *args):
        return [json.loads(line) for line in self.lines(*args, "--json", self.log)]


class Query(Audit):
    def test_all_records_in_their_order(self):
        self.use()
        written = support.records(self.log)
        self.assertEqual(self.records("query"), written)
        self.assertEqual(len(written), 4)
        text = "\n".join(self.lines("query", self.log))
        for part in ("grant", "denial", "fs_read", "/etc/shadow", "note.txt", f"run {written[0]['run_id']}"):
            self.assertIn(part, text)

    def test_filters(self):
        self.use()
        denied = self.records("query", "--answer", "denial")
        self.assertEqual([record["resource"] for record in denied], ["/etc/shadow"])
        self.assertEqual([r["answer"] for r in self.records("query", "--answer", "grant")], ["grant"])
        self.assertEqual(len(self.records("query", "--capability", "fs_read")), 2)
        self.assertEqual(self.records("query", "--capability", "net_http"), [])
        run = self.records("query", "--run", denied[0]["run_id"])
        self.assertEqual([record["event"] for record in run], ["decision", "outcome"])
        self.assertEqual(self.records("query", "--run", "0"), [])

    def test_times(self):
        self.use()
        first = support.records(self.log)[0]["time"]
        for since, count in (("1h", 4), (first[:10], 4), (first, 4), ("2000-01-01T00:00Z", 4), ("2999-01-01", 0)):
            self.assertEqual(len(self.records("query", "--since", since)), count, since)
        for until, count in (("2999-01-01", 4), ("2000-01-01", 0), ("1h", 0), (first, 1)):
            self.assertEqual(len(self.records("query", "--until", until)), count, until)

    def test_what_is_no_record_is_counted_and_passed_over(self):
        self.use()
        with open(self.log, "ab") as log:
            log.write(b'garbage\n\xff\xfe\x00\n{"event":"decision"}\n[]\n{}\n\n' + b"x" * 300000 + b"\n" + b"[" * 5000 + b"\n")
        self.read_file("/etc/shadow")
        with open(self.log, "ab") as log:
            log.write(b'{"time":"2026-11-27T00:00:00.000000Z","event":"dec')  # torn
        done = self.command("audit", "query", "--json", self.log)
        self.assertEqual((done.code, len(done.out.splitlines())), (0, 6), str(done))
        self.assertIn("8 lines of the log are no records", done.err)
        stats = self.one_object(self.command("audit", "stats", "--json", self.log))
        self.assertEqual((stats["records"], stats["unreadable_lines"]), (6, 8))

    def test_nothing_in_a_log_reaches_the_terminal(self):
        with open(self.log, "wb") as log:
            log.write(json.dumps({"time": "2026-11-27T00:00:00Z", "event": "decision", "answer": "denial", "capability": "fs_read",
                                  "resource": "/\x1b[2J\u202e\n/x"}, ensure_ascii=False).encode() + b"\n")
        for args in (["query"], ["query", "--json"], ["tail"], ["stats"], ["stats", "--json"]):
            out = self.command("audit", *args, self.log).out
            self.assertNotIn(b"\x1b", out, args)
            self.assertNotIn("\u202e".encode(), out, args)

    def test_a_rotated_log_is_read_as_a_whole(self):
        self.read_file("/etc/shadow")
        os.rename(self.log, self.log + ".1")
        self.read_file("/etc/passwd")
        denied = [record["resource"] for record in self.records("query", "--answer", "denial")]
        self.assertEqual(denied, ["/etc/shadow", "/etc/passwd"])

    def test_every_rotated_file_is_read_the_oldest_first(self):
        for number, path in ((9, "/etc/a"), (2, "/etc/b"), (1, "/etc/c")):
            self.read_file(path)
            os.rename(self.log, f"{self.log}.{number}")
        self.read_file("/etc/d")
        denied = [record["resource"] for record in self.records("query", "--answer", "denial")]
        self.assertEqual(denied, ["/etc/a", "/etc/b", "/etc/c", "/etc/d"])
        self.assertEqual([record["resource"] for record in self.records("tail", "-n", "3", "--answer", "denial")], denied[-3:])

    def test_how_many_files_are_kept(self):
        for number in range(5):
            with open(self.log, "ab") as log:
                log.truncate(64 * 1024 * 1024 - 1 + number)  # nothing fits in any more
            self.assertEqual(self.command("call", "--policy", self.policy_file, "--audit", self.log, "--audit-files", "2", "fs_read",
                                          "/etc/passwd").code, 126)
        sizes = [os.path.getsize(f"{self.log}.{number}") for number in (1, 2)]
        self.assertFalse(os.path.exists(self.log + ".3"))
        self.assertTrue(all(size > 60 * 1024 * 1024 for size in sizes), sizes)
        for count in ("0", "101", "-1", "x", "1x", ""):
            self.assert_ends(self.command("call", "--audit", self.log, "--audit-files", count, "fs_read", "/x"), 2, "--audit-files")
        self.assert_ends(self.command("call", "--audit-files", "2", "fs_read", "/x"), 2, "--audit")

    def test_usage(self):
        self.assert_ends(self.command("audit", "query", "absent.jsonl"), 1, "absent.jsonl")
        self.assert_ends(self.command("audit", "query", self.folder), 2, "not a regular file")
        self.use()
        for args in (["query"], ["query", "--since", "soon", self.log], ["query", "--answer", "maybe", self.log],
                     ["query", "--capability", "fly", self.log], ["tail", "-n", "x", self.log], ["tail", "-n", "-1", self.log], ["sum", self.log],
                     ["query", self.log, "extra"]):
            self.assertEqual(self.command("audit", *args).code, 2, args)


class Stats(Audit):
    def test_counts(self):
        self.use()
        self.read_file("/etc/shadow")
        stats = self.one_object(self.command("audit", "stats", "--json", self.log))
        self.assertEqual((stats["records"], stats["runs"], stats["unreadable_lines"]), (6, 3, 0))
        self.assertEqual(stats["decisions"], {"grant": 1, "denial": 2})
        self.assertEqual(stats["by_capability"], {"fs_read": {"grant": 1, "denial": 2}})
        self.assertEqual(stats["outcomes"], {"ok": 1, "denied": 2})
        self.assertEqual(stats["most_denied"], [{"capability": "fs_read", "resource": "/etc/shadow", "count": 2}])
        text = "\n".join(self.lines("stats", self.log))
        self.assertIn("6 records of 3 runs", text)
        self.assertRegex(text, r"fs_read +1 +2")
        denials = self.one_object(self.command("audit", "stats", "--json", "--answer", "denial", self.log))
        self.assertEqual((denials["records"], denials["decisions"]), (2, {"grant": 0, "denial": 2}))


class Tail(Audit):
    def test_the_last_ones(self):
        for _ in range(4):
            self.use()
        written = support.records(self.log)
        self.assertEqual(self.records("tail"), written[-10:])
        self.assertEqual(self.records("tail", "-n", "3"), written[-3:])
        self.assertEqual(self.records("tail", "-n", "0"), [])
        self.assertEqual(self.records("tail", "-n", "1", "--answer", "denial"), [written[-2]])

    def test_following_goes_on_through_rotations(self):
        self.use()
        process = self.start("audit", "tail", "--follow", "--json", "--answer", "denial", "-n", "1", self.log)
        self.assertEqual(json.loads(process.stdout.readline())["resource"], "/etc/shadow")
        self.read_file("/etc/first")
        self.assertEqual(json.loads(process.stdout.readline())["resource"], "/etc/first")
        os.rename(self.log, self.log + ".1")
        self.read_file("/etc/second")
        self.assertEqual(json.loads(process.stdout.readline())["resource"], "/etc/second")
        # A record that is written in two pieces, as another program could.
        line = json.dumps({**support.records(self.log)[0], "resource": "/etc/third"})
        with open(self.log, "a", encoding="ascii") as log:
            log.write(line[:40])
            log.flush()
            time.sleep(0.5)
            log.write(line[40:] + "\n")
        self.assertEqual(json.loads(process.stdout.readline())["resource"], "/etc/third")
        # Emptied in place, as copytruncate does.
        os.truncate(self.log, 0)
        time.sleep(0.5)
        self.read_file("/etc/fourth")
        self.assertEqual(json.loads(process.stdout.readline())["resource"], "/etc/fourth")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=support.HANG_SECONDS), -signal.SIGINT)

    def test_following_ends_with_its_reader(self):
        self.use()
        process = self.start("audit", "tail", "--follow", self.log)
        process.stdout.readline()
        process.stdout.close()
        for _ in range(100):
            self.use()
            if process.poll() is not None:
                break
        self.assertEqual(process.wait(timeout=support.HANG_SECONDS), 1)



class InAnOpenFolder(Case):
    """A log that lies where tools may write is still not theirs."""

    def setUp(self):
        super().setUp()
        self.log, self.victim = self.folder / "audit.jsonl", self.folder / "victim"
        self.victim.write_text("mine\n")
        self.policy_file = self.policy(capabilities=["fs_read", "fs_write", "exec_run"], allowed_paths=[str(self.folder)],
                                       allowed_commands=["ln", "cp", "cat"])

    def test_host_functions_neither_read_nor_write_it(self):
        for arguments in (("fs_write", self.log), ("fs_write", f"{self.log}.1"), ("fs_read", self.log), ("fs_write", self.policy_file)):
            done = self.command("call", "--policy", self.policy_file, "--audit", self.log, *arguments, stdin=b"{}")
            self.assertEqual(done.code, 126, str(done))
        self.assertEqual([record["answer"] for record in support.records(self.log) if record["event"] == "decision"], ["denial"] * 4)
        done = self.command("call", "--policy", self.policy_file, "--audit", self.log, "fs_write", self.folder / "other", stdin=b"x")
        self.assertEqual(done.code, 0, str(done))

    def test_a_command_cannot_lead_it_elsewhere(self):
        for command in (("ln", "-sf", self.victim, self.log), ("cp", self.victim, self.log), ("cat", self.log),
                        ("ln", "-sf", self.victim, self.policy_file)):
            done = self.command("run", "--policy", self.policy_file, "--audit", self.log, "--", *command)
            self.assertNotEqual(done.code, 0, str(done))
        self.assertEqual(self.victim.read_text(), "mine\n")
        self.assertFalse(self.log.is_symlink())
        self.assertEqual(sum(record["event"] == "outcome" for record in support.records(self.log)), 4)


if __name__ == "__main__":
    support.main()
