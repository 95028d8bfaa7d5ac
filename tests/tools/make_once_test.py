"""scripts/make_once.sh: what is kept is used for the same inputs, and for no others.

make_once_test.py MAKE_ONCE
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

MAKE_ONCE = sys.argv[1]


class MakeOnce(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.input = self.folder / "input"
        self.input.write_text("one")
        self.kept = self.folder / "kept"

    def made(self, build, *inputs, command='echo ran >>runs; cp input "$0/a"; echo more >"$0/b"'):
        """The outputs in the folder `build`, made of `inputs`."""
        out = self.folder / build
        out.mkdir(exist_ok=True)
        done = subprocess.run([MAKE_ONCE, self.kept, out / "a", out / "b", "--", *inputs, "--", "sh", "-ec", command, out],
                              cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None
        return (out / "a").read_text(), (out / "b").read_text()

    def runs(self):
        file = self.folder / "runs"
        return len(file.read_text().split()) if file.exists() else 0

    def test_a_second_build_gets_what_the_first_one_made(self):
        self.assertEqual(self.made("first", self.input), ("one", "more\n"))
        self.assertEqual(self.made("second", self.input), ("one", "more\n"))
        self.assertEqual(self.runs(), 1)

    def test_other_inputs_make_other_outputs(self):
        self.made("first", self.input, "text")
        self.input.write_text("two")
        self.assertEqual(self.made("first", self.input, "text"), ("two", "more\n"))
        self.assertEqual(self.made("first", self.input, "other text"), ("two", "more\n"))
        self.assertEqual(self.runs(), 3)
        self.input.write_text("one")
        self.assertEqual(self.made("second", self.input, "text"), ("one", "more\n"))
        self.assertEqual(self.runs(), 3)

    def test_a_command_that_fails_leaves_nothing_to_use(self):
        self.assertIsNone(self.made("first", self.input, command='echo ran >>runs; echo half >"$0/a"; exit 1'))
        self.assertIsNone(self.made("first", self.input, command='echo ran >>runs; echo half >"$0/a"'))  # and no b
        self.assertEqual(self.made("first", self.input), ("one", "more\n"))
        self.assertEqual(self.runs(), 3)

    def test_the_last_three_are_kept(self):
        for number in range(5):
            self.input.write_text(str(number))
            self.made("first", self.input)
        self.assertEqual(len(list(self.kept.iterdir())), 3)
        self.assertEqual(self.made("second", self.input), ("4", "more\n"))
        self.assertEqual(self.runs(), 5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
