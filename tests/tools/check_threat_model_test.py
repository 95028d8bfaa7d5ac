"""The check of the threat model passes a whole table, and finds rows that are missing or name tests that are not there or not run."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = sys.argv.pop(1)
WHOLE = ("| 1–57 | all | a wall | `src/walls_test.cc`: `Walls.Hold`; `tests/walls_test.py`: `Walls.test_hold` | |\n"
         "| 58 | words | a wall | `tests/policy_cases/walls.txt`: `they hold`; `tests/fuzz/wall_fuzzer.cc`: `fuzz_replay_wall_fuzzer` | |\n"
         "| 59 | one | not built yet | | |\n")
FILES = {"src/walls_test.cc": "TEST_F(Walls, Hold) {}\nTEST_F(Walls, NotRun) {}\n",
         "tests/walls_test.py": "class Walls(Case):\n    def test_hold(self):\n        pass\n",
         "tests/policy_cases/walls.txt": "case: they hold\nask:\n", "tests/fuzz/wall_fuzzer.cc": ""}


class ThreatModelTest(unittest.TestCase):
    def check(self, table, listed=None):
        """`listed`: what ctest is to say, from a program of its name; None: ctest is not asked."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            for name, text in {**FILES, "docs/threat_model.md": "| case | attack | stops | shown | remains |\n|---|---|---|---|---|\n"
                               + table}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            command = [sys.executable, CHECK, str(root)]
            environment = dict(os.environ)
            if listed is not None:
                ctest = root / "bin" / "ctest"
                ctest.parent.mkdir()
                tests = [{"name": name, "command": [word.replace("ROOT", str(root)) for word in words]} for name, words in listed.items()]
                ctest.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({'tests': tests})}\nEND\n")
                ctest.chmod(0o755)
                walls = root / "bin" / "walls_test"
                walls.write_text("#!/bin/sh\necho Walls.\ncase $1 in *=-*) echo '  NotRun';; *) echo '  Hold';; esac\n")
                walls.chmod(0o755)
                environment["PATH"] = f"{ctest.parent}:{environment['PATH']}"
                command += ["--build", str(root)]
            return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def test_passes_a_whole_table(self):
        result = self.check(WHOLE)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_finds_a_missing_case(self):
        result = self.check(WHOLE.replace("1–57", "1–56"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("case 57 has no row", result.stdout)

    def test_finds_tests_that_are_not_there(self):
        for name, other in (("Walls.Hold", "Walls.Fall"), ("src/walls_test.cc", "src/other_test.cc"), ("Walls.test_hold", "Walls.test_fall"),
                            ("they hold", "they fall"), ("fuzz_replay_wall_fuzzer", "fuzz_replay_other_fuzzer")):
            result = self.check(WHOLE.replace(name, other))
            self.assertEqual(result.returncode, 1, other)
            self.assertIn("docs/threat_model.md:", result.stdout)

    def test_a_file_alone_is_no_test(self):
        result = self.check(WHOLE.replace(": `Walls.Hold`", ""))
        self.assertEqual(result.returncode, 1)
        self.assertIn("without a test of it", result.stdout)

    def test_finds_a_row_without_tests(self):
        result = self.check(WHOLE.replace("not built yet", "good intentions"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("case 59 names no test", result.stdout)

    def test_finds_tests_that_ctest_does_not_run(self):
        listed = {"Walls.Hold": ["/bin/walls"], "end_to_end.walls": ["python3", "ROOT/tests/walls_test.py"],
                  "fuzz_replay_wall_fuzzer": ["/bin/wall"]}
        result = self.check(WHOLE, listed)
        self.assertEqual(result.returncode, 0, result.stdout)
        for name in listed:
            result = self.check(WHOLE, {other: words for other, words in listed.items() if other != name})
            self.assertEqual(result.returncode, 1, name)
            self.assertIn("ctest does not", result.stdout)

    def test_asks_a_program_for_the_tests_of_its_part(self):
        others = {"end_to_end.walls": ["python3", "ROOT/tests/walls_test.py"], "fuzz_replay_wall_fuzzer": ["/bin/wall"]}
        for words, code in ((["ROOT/bin/walls_test"], 0), (["ROOT/bin/walls_test", "--gtest_filter=Walls.H*"], 0),
                            (["ROOT/bin/walls_test", "--gtest_filter=-Walls.H*"], 1)):
            result = self.check(WHOLE, {"walls": words, **others})
            self.assertEqual(result.returncode, code, words)


if __name__ == "__main__":
    unittest.main()
