"""The check of braced lists passes what is sound, and finds each way to lose what was made."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = sys.argv.pop(1)


class TryTest(unittest.TestCase):
    def check(self, text):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "src/a.cc"
            source.parent.mkdir()
            source.write_text(text)
            return subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)

    def test_passes_what_is_sound(self):
        for text in ("Made f() {\n  Made made;\n  made.one = TRY(one());\n  return made;\n}\n", "return Made{.one = TRY(one())};\n",
                     "int f() {\n  return g(a, TRY(b()));\n}\n", "int f() {\n  TRY(g(a, b));\n}\n", "// {a, TRY(b)}\n",
                     "auto made = std::make_unique<Made>(TRY(one()));\n", "Made* made = new Made(one());\nint two = TRY(two());\n"):
            self.assertEqual(self.check(text).returncode, 0, text)

    def test_finds_members_that_are_lost(self):
        for text in ("return Made{.one = one(),\n            .two = TRY(two())};\n", "list.push_back({one(), TRY(two())});\n",
                     "return Made{.one = {1, 2}, .two = TRY(two())};\n", "return Made{\n    .one = f({}, [] { return 1; }), .two = g(TRY(two()))};\n",
                     "Made made{one(), std::string(TRY(two()))};\n"):
            result = self.check(text)
            self.assertEqual(result.returncode, 1, text)
            self.assertRegex(result.stdout, r"src/a.cc:[12]: TRY after the first value")

    def test_finds_memory_that_is_lost(self):
        for text in ("return std::unique_ptr<Made>(new Made(TRY(one())));\n", "return new Made{TRY(one())};\n",
                     "return std::unique_ptr<Made<int>>(\n    new Made<int>(one(), f(TRY(two()))));\n"):
            result = self.check(text)
            self.assertEqual(result.returncode, 1, text)
            self.assertIn("given to `new`", result.stdout)


if __name__ == "__main__":
    unittest.main()
