"""The check of the threat model passes a whole table, and finds rows that are missing or name tests that are not there."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = sys.argv.pop(1)
WHOLE = "| 1–58 | all | a wall | `Walls.Hold`, `src/walls_test.cc` | |\n| 59 | one | not built yet | | |\n"


class ThreatModelTest(unittest.TestCase):
    def check(self, table):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {"docs/threat_model.md": "| case | attack | stops | shown | remains |\n|---|---|---|---|---|\n" + table,
                               "src/walls_test.cc": "TEST_F(Walls, Hold) {}\n", "tests/README.md": ""}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return subprocess.run([CHECK, folder], capture_output=True, text=True, check=False)

    def test_passes_a_whole_table(self):
        result = self.check(WHOLE)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_finds_a_missing_case(self):
        result = self.check(WHOLE.replace("1–58", "1–57"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("case 58 has no row", result.stdout)

    def test_finds_tests_that_are_not_there(self):
        for name in ("Walls.Fall", "src/other_test.cc"):
            result = self.check(WHOLE.replace("Walls.Hold", name))
            self.assertEqual(result.returncode, 1)
            self.assertIn(name, result.stdout)

    def test_finds_a_row_without_tests(self):
        result = self.check(WHOLE.replace("not built yet", "good intentions"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("case 59 names no test", result.stdout)


if __name__ == "__main__":
    unittest.main()
