"""The check of exported symbols finds each fault that it is there for. Takes a C compiler and nm."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import check_symbols

HEADER = "/* old_call( */\nint omnisandbox_one(void);\nstatic inline int omnisandbox_text(void) { return 0; }\nint omnisandbox_two(int);\n"
SOURCE = "int omnisandbox_one(void) { return 1; }\nint omnisandbox_two(int a) { return a; }\nint inner(void) { return 2; }\n"
MAP = "/* why; */\nV_1 {\n  global:\n    omnisandbox_one;\n    omnisandbox_two;\n  local:\n    *;\n};\n"


class Check(unittest.TestCase):
    def found(self, header=HEADER, source=SOURCE, linked_map=MAP, listed_map=MAP):
        with tempfile.TemporaryDirectory() as folder:
            here = pathlib.Path(folder)
            for name, text in {"a.c": source, "linked.map": linked_map, "listed.map": listed_map, "a.h": header}.items():
                (here / name).write_text(text)
            options = [f"-Wl,--version-script={here / 'linked.map'}"] if linked_map else []
            subprocess.run([COMPILER, "-shared", "-fPIC", *options, "-o", here / "a.so", here / "a.c"], check=True)
            return list(check_symbols.problems(here / "a.so", here / "listed.map", here / "a.h", NM))

    def test_nothing_is_wrong(self):
        self.assertEqual(self.found(), [])

    def test_a_symbol_too_many(self):
        leaking = MAP.replace("    omnisandbox_two;\n", "    omnisandbox_two;\n    inner;\n")
        self.assertEqual(self.found(linked_map=leaking), ["inner is exported and not listed"])

    def test_a_symbol_that_went(self):
        self.assertEqual(self.found(source=SOURCE.replace("omnisandbox_two", "omnisandbox_three")),
                         ["omnisandbox_two is listed and not exported"])

    def test_a_version_that_changed(self):
        self.assertEqual(self.found(linked_map=MAP.replace("V_1", "V_2")),
                         ["omnisandbox_one has version V_2, not V_1", "omnisandbox_two has version V_2, not V_1"])

    def test_no_versions(self):
        self.assertIn("omnisandbox_one has version None, not V_1", self.found(linked_map=""))

    def test_the_header_knows_less_or_more(self):
        self.assertEqual(self.found(header=HEADER.replace("int omnisandbox_two(int);\n", "")),
                         ["omnisandbox_two is listed and not declared in the header"])
        self.assertEqual(self.found(header=HEADER + "int omnisandbox_three(void);\n"),
                         ["omnisandbox_three is declared in the header and not listed"])


if __name__ == "__main__":
    COMPILER, NM = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
