"""The layering check passes a small tree that keeps its layers, and finds each way to break them."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = sys.argv.pop(1)


class LayersTest(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "layers.txt").write_text(
                "include/omnisandbox: include/omnisandbox\nsrc/base: include/omnisandbox\nsrc/policy: src/base\n"
                "src/policy/host: src/base\n")
            base = {"include/omnisandbox/a.h": "", "src/base/b.h": '#include "omnisandbox/a.h"\n',
                    "src/policy/p.h": '#include "base/b.h"\n', "src/policy/host/h.h": '#include "base/b.h"\n'}
            for name, text in (base | files).items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)

    def test_passes_downward_includes(self):
        result = self.check({"src/policy/q.cc": '#include "policy/p.h"\n#include "policy/host/h.h"\n#include <vector>\n'})
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_finds_upward_include(self):
        result = self.check({"src/base/c.cc": '#include "policy/p.h"\n'})
        self.assertEqual(result.returncode, 1)
        self.assertIn("src/base/c.cc:1: src/base must not include src/policy", result.stdout)

    def test_finds_unlisted_folder_and_unknown_include(self):
        result = self.check({"src/new/n.cc": "", "src/base/d.cc": '#include "../policy/p.h"\n'})
        self.assertEqual(result.returncode, 1)
        self.assertIn("src/new/n.cc", result.stdout)
        self.assertIn("src/base/d.cc:1", result.stdout)

    def test_finds_inner_folder_including_its_parent(self):
        result = self.check({"src/policy/host/h.cc": '#include "policy/p.h"\n'})
        self.assertEqual(result.returncode, 1, result.stdout)


if __name__ == "__main__":
    unittest.main()
