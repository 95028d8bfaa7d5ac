#!/usr/bin/env python3
"""Checks docs/threat_model.md: every case has a row, and every test that a row names is there and is run.

    scripts/check_threat_model.py [ROOT] [--build BUILD]

A row of the table names its tests as `path/of/a/file`: `test`, `test`; … where a test is
  - in a *_test.cc: `Suite.Name` of a GoogleTest,
  - in a *_test.py: `Class.test_name`, or the name that ctest has for the script,
  - in a policy table (tests/policy_cases/*.txt): the title of a case,
  - of a fuzz target: `fuzz_replay_NAME`.
With --build each of them must be one that ctest lists for that build, or that is part of a program or script that it lists. A row
without tests has to say that what it is about is "not built yet".
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

# The cases are numbered from 1 without gaps; a new one raises this.
LAST_CASE = 59
UNIT_TEST = re.compile(r"^\s*TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)


def rows(text):
    """(line number, first case, last case, cells) of each row of the table; a row may stand for no case ("–")."""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        found = re.fullmatch(r"(\d+)(?:[–-](\d+))?", cells[0])
        if line.startswith("|") and found:
            yield number, int(found[1]), int(found[2] or found[1]), cells
        elif line.startswith("|") and cells[0] == "–":
            yield number, 1, 0, cells


class Listed:
    """What ctest lists: names of tests, and the programs and scripts that its other tests run."""

    def __init__(self, build):
        done = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"], capture_output=True, text=True, check=True)
        tests = json.loads(done.stdout)["tests"]
        self.names = {test["name"].removesuffix(".in_worker") for test in tests}
        commands = [test.get("command", []) for test in tests]
        self.words = {word for command in commands for word in command}
        # A program that ctest runs as a whole, or in parts of many tests, lists them itself.
        for command in commands:
            if command[:1] and command[0].endswith("_test") and all("--gtest_filter=" in word and "*" in word for word in command[1:]):
                self.names.update(self.tests_of(command))

    @staticmethod
    def tests_of(command):
        suite = ""
        done = subprocess.run([*command, "--gtest_list_tests"], capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            if line.startswith("  "):
                yield suite + line.split("#")[0].strip()
            else:
                suite = line.split("#")[0].strip()


def problem_with(root, file, test, listed):
    """What is wrong with `test` of `file`; empty when nothing is."""
    path = root / file
    if not path.exists():
        return f"there is no {file}"
    text = path.read_text(encoding="utf-8")
    if file.endswith("_test.cc"):
        known = {f"{suite}.{name}" for suite, name in UNIT_TEST.findall(text)}
        if test not in known:
            return f"{file} has no test {test}"
        return "" if listed is None or test in listed.names else f"ctest does not list {test}"
    if file.endswith("_fuzzer.cc"):
        if test != f"fuzz_replay_{path.stem}":
            return f"the test of {file} is called fuzz_replay_{path.stem}"
        return "" if listed is None or test in listed.names else f"ctest does not list {test}"
    if file.endswith(".txt"):
        return "" if f"case: {test}\n" in text else f"{file} has no case \"{test}\""
    if file.endswith(".py"):
        if "." not in test:
            return "" if listed is None or test in listed.names else f"ctest does not list {test}"
        kind, name = test.split(".")
        if not re.search(rf"^class {kind}\b.*?^    (?:async )?def {name}\(", text, re.M | re.S):
            return f"{file} has no test {test}"
        return "" if listed is None or str(path) in listed.words else f"ctest does not run {file}"
    return f"{file} is no file of tests"


def named_tests(cell):
    """(file, tests) of a cell."""
    found = []
    for name in re.findall(r"`([^`]+)`", cell):
        if "/" in name:
            found.append((name, []))
        elif found:
            found[-1][1].append(name)
        else:
            found.append((name, []))
    return found


def problems(root, listed):
    document = root / "docs" / "threat_model.md"
    seen = set()
    for line, first, last, cells in rows(document.read_text(encoding="utf-8")):
        where = f"{document.relative_to(root)}:{line}"
        seen.update(range(first, last + 1))
        if len(cells) != 5:
            yield f"{where}: a row has 5 cells; this one has {len(cells)}"
            continue
        files = named_tests(cells[3])
        if not files and "not built yet" not in cells[2]:
            yield f"{where}: case {cells[0]} names no test"
        for file, tests in files:
            if not tests:
                yield f"{where}: {file} stands there without a test of it"
            for test in tests:
                if problem := problem_with(root, file, test, listed):
                    yield f"{where}: {problem}"
    for case in sorted(set(range(1, LAST_CASE + 1)) - seen):
        yield f"{document.relative_to(root)}: case {case} has no row"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    parser.add_argument("--build", type=pathlib.Path)
    args = parser.parse_args()
    listed = Listed(args.build) if args.build else None
    found = list(problems(args.root.resolve(), listed))
    print("\n".join(found) if found else f"threat model: {LAST_CASE} cases have rows, and their tests exist")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
