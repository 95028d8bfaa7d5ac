"""Runs every snippet of docs/guide.md. `/home/you/project` in it stands for a scratch folder with the files that the guide speaks of.

A block of YAML must be a valid policy; when its first line is a comment with a name, it is written there, as are WebAssembly texts. In a console
block each line after "$ " is run by bash, and what it prints must be what follows; "…" stands for any text. C++ is compiled by the build, Python run by the package's own tests.
"""

import json
import pathlib
import re
import shutil
import subprocess

import support
from support import Case

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guide.md"
PLACE = "/home/you/project"
GUESTS = ("cat.wasm", "env_args.wasm", "hello_c.wasm", "endless_loop.wat")


def blocks():
    """(line number, language, text) of each fenced block."""
    return [(GUIDE.read_text()[:found.start()].count("\n") + 1, found[1], found[2])
            for found in re.finditer(r"^```(\w+)\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)]


def commands_of(text):
    """(command, what it prints) of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def pattern_of(output):
    # A line that is only "…" stands for any number of lines.
    lines = [r"(?:.*\n)*" if line == "…" else ".*".join(re.escape(part) for part in line.split("…")) + r"\n"
             for line in output.splitlines()]
    return "".join(lines)


class Guide(Case):
    def setUp(self):
        super().setUp()
        self.write("notes/todo.txt", "write the guide\n")
        self.write("notes/private/diary.txt", "secret\n")
        (self.folder / "out").mkdir()
        for name in GUESTS:
            shutil.copy(self.guest(name), self.folder)

    def here(self, text):
        return text.replace(PLACE, str(self.folder))

    def name_of(self, text):
        first = re.match(r"(?:#|;;) (\S+)\n", text)
        return first[1] if first else None

    def test_every_snippet(self):
        seen = {}
        for line, language, text in blocks():
            seen[language] = seen.get(language, 0) + 1
            with self.subTest(line=line):
                getattr(self, "check_" + language)(text)
        # A change of the fences must not make the test pass by finding nothing.
        for language, least in {"yaml": 5, "console": 10, "wat": 1, "cpp": 3}.items():
            self.assertGreaterEqual(seen.get(language, 0), least, language)

    def check_yaml(self, text):
        path = self.write(self.name_of(text) or "snippet.yaml", self.here(text))
        done = self.command("policy", "check", path)
        self.assertEqual(done.code, 0, str(done))

    def check_wat(self, text):
        path = self.write(self.name_of(text), text)
        # A component that is no program is only listed.
        command = "call-export" if "(component" in text else "run"
        self.assertEqual(self.command(command, path).code, 0)

    def check_json(self, text):
        self.assertIsInstance(json.loads(text), dict)

    def check_cpp(self, text):
        self.assertIn("int main()", text)

    def check_python(self, text):
        self.assertIn("import", text)  # run by bindings/python/tests/test_documentation.py

    def check_console(self, text):
        for command, expected in commands_of(text):
            environment = {"PATH": f"{pathlib.Path(support.COMMAND).parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                           "XDG_CACHE_HOME": str(self.folder / "caches")}
            done = subprocess.run(["bash", "-c", self.here(command)], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=support.HANG_SECONDS, check=False)
            printed = done.stdout.decode()
            self.assertRegex(printed, re.compile("^" + pattern_of(self.here(expected)) + "$"), f"$ {command}")


if __name__ == "__main__":
    support.main()
