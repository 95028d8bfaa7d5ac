"""The bill of materials of a build is whole, is the same twice, and a check of it finds what is taken out."""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPTS, BUILD = pathlib.Path(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
sys.path.insert(0, str(SCRIPTS))
import check_sbom  # noqa: E402  (the folder is an argument)
import make_sbom  # noqa: E402


class Sbom(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "first")
            subprocess.run([sys.executable, SCRIPTS / "make_sbom.py", BUILD, "-o", file], check=True, capture_output=True)
            cls.first = file.read_text(encoding="utf-8")
        # In another process, whose sets have another order.
        cls.second = make_sbom.text_of(make_sbom.document(check_sbom.ROOT, BUILD))
        cls.sbom = json.loads(cls.first)

    def problems(self, sbom):
        return [*check_sbom.problems_of_form(sbom), *check_sbom.problems_of_content(sbom, check_sbom.ROOT, BUILD)]

    def without(self, purl):
        """The document without the components whose package URL begins so."""
        sbom = copy.deepcopy(self.sbom)
        sbom["components"] = [entry for entry in sbom["components"] if not entry["purl"].startswith(purl)]
        self.assertLess(len(sbom["components"]), len(self.sbom["components"]), purl)
        sbom["dependencies"] = []
        return sbom

    def test_nothing_is_missing(self):
        self.assertEqual(self.problems(self.sbom), [])

    def test_the_same_inputs_give_the_same_document(self):
        self.assertEqual(self.first, self.second)

    def test_what_is_taken_out_is_found(self):
        for purl in ("pkg:deb/debian/libc6@", "pkg:deb/debian/libcurl4@", "pkg:cargo/wasmtime-c-api-impl@", "pkg:pypi/componentize-py@",
                     "pkg:npm/%40bytecodealliance/componentize-js@", "pkg:golang/github.com/tetratelabs/wazero@"):
            found = self.problems(self.without(purl))
            self.assertTrue(any("missing" in problem for problem in found), f"{purl}: {found}")

    def test_a_part_of_the_product_needs_a_licence(self):
        sbom = copy.deepcopy(self.sbom)
        entry = next(entry for entry in sbom["components"] if entry["scope"] == "required")
        del entry["licenses"]
        self.assertTrue(any("no licence" in problem for problem in check_sbom.problems_of_form(sbom)))


if __name__ == "__main__":
    unittest.main()
