"""The soak finds what it is there for: survivors, half-written files, lost and broken records, growth."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import machine
import soak


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = soak.Place(pathlib.Path(folder.name), "place")
        self.problems = soak.Problems()
        errors, sys.stderr = sys.stderr, open(os.devnull, "w", encoding="utf-8")
        self.addCleanup(lambda: (sys.stderr.close(), setattr(sys, "stderr", errors)))

    def test_an_orphan_is_a_survivor_until_it_ends(self):
        machine.adopt_orphans()
        parent = subprocess.Popen(["sh", "-c", "sleep 60 > /dev/null 2>&1 & echo $!"], stdout=subprocess.PIPE, text=True)
        orphan = int(parent.stdout.readline())
        parent.communicate()
        self.assertEqual(machine.survivors(set(), 0.1), [(orphan, "sleep")])
        self.assertEqual(machine.survivors({orphan}, 0.1), [])
        machine.kill(orphan)
        self.assertEqual(machine.survivors(set(), 5), [])

    def test_a_half_written_file_is_found(self):
        self.place.check_file(self.problems)
        self.assertEqual(self.problems.found, [])
        for content in ("a" * (soak.FILE_BYTES - 1), "a" * 1000 + "b" * (soak.FILE_BYTES - 1000), ""):
            (self.place.work / "file").write_text(content)
            self.place.check_file(self.problems)
        self.assertEqual(len(self.problems.found), 3)

    def test_records_are_read_from_every_file_and_broken_ones_found(self):
        (self.place.folder / "audit.jsonl").write_text(json.dumps({"event": "outcome", "run_id": "1"}) + "\n{\"event\": \"outc\n")
        (self.place.folder / "audit.jsonl.1").write_text(json.dumps({"event": "outcome", "run_id": "2"}) + "\n"
                                                         + json.dumps({"event": "decision", "run_id": "3"}) + "\n")
        self.assertEqual(self.place.recorded(self.problems), {"1", "2"})
        self.assertEqual(len(self.problems.found), 1)

    def test_temporary_files_are_found(self):
        self.assertEqual(machine.temporary_files(self.place.folder), set())
        (self.place.work / ".omnisandbox-0123.tmp").touch()
        (self.place.temporary / "omnisandbox-abcdef").mkdir()
        self.assertEqual(len(machine.temporary_files(self.place.folder)), 2)

    def test_growth_is_a_slope_and_a_peak_is_none(self):
        self.assertAlmostEqual(soak.slope([(second, 1000 + 2 * second, 9) for second in range(60)]), 120)
        flat = [(second, 1000 + (5000 if second == 30 else 0), 9) for second in range(60)]
        self.assertEqual(soak.slope(flat), 0)
        # Hours of it, of which all pairs would take hours as well.
        self.assertAlmostEqual(soak.slope([(second, 1000 + 2 * second, 9) for second in range(100_000)]), 120)

    def test_only_what_is_evaluated_or_confined_counts_as_that(self):
        kinds = [soak.kind_of(*call[:2]) for call in soak.Server.CALLS]
        self.assertEqual(kinds, ["evaluations"] * 10 + ["commands"] + ["others"] * 3)

    def test_an_answer_that_says_something_else_is_a_problem(self):
        def answer(fails, text):
            return {"result": {"isError": fails, "content": [{"type": "text", "text": text}]}}
        server = soak.Server.__new__(soak.Server)
        server.problems, server.answered = self.problems, {"evaluations": 0}
        call = soak.Server.CALLS[0]
        server.check(*call, answer(False, "499500"))
        self.assertEqual(self.problems.found, [])
        server.check(*call, answer(False, "499501"))
        server.check(*call, answer(True, "499500"))
        self.assertEqual(len(self.problems.found), 2)
        self.assertEqual(server.answered, {"evaluations": 3})


if __name__ == "__main__":
    unittest.main()
