#!/usr/bin/env python3
"""Checks docs/threat_model.md: every case has a row, and every test that a row names is there.

    scripts/check_threat_model.py [ROOT]

A row of the table names its tests as `path/of/a/file`, `path/of/a/folder` or `Suite.Name` of a unit test. A row without
tests has to say that what it is about is "not built yet".
"""

import pathlib
import re
import sys

# The cases are numbered from 1 without gaps; a new one raises this.
LAST_CASE = 59
UNIT_TEST = re.compile(r"^\s*TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)


def rows(text):
    """(line number, first case, last case, cells) of each row of the table."""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        found = re.fullmatch(r"(\d+)(?:[–-](\d+))?", cells[0])
        if line.startswith("|") and found:
            yield number, int(found[1]), int(found[2] or found[1]), cells


def unit_tests(root):
    return {f"{suite}.{name}" for folder in ("src", "tests") for source in (root / folder).rglob("*_test.cc")
            for suite, name in UNIT_TEST.findall(source.read_text(encoding="utf-8"))}


def problems(root):
    document = root / "docs" / "threat_model.md"
    known = unit_tests(root)
    seen = set()
    for line, first, last, cells in rows(document.read_text(encoding="utf-8")):
        where = f"{document.relative_to(root)}:{line}"
        seen.update(range(first, last + 1))
        if len(cells) != 5:
            yield f"{where}: a row has 5 cells; this one has {len(cells)}"
            continue
        names = re.findall(r"`([^`]+)`", cells[3])
        if not names and "not built yet" not in cells[2]:
            yield f"{where}: case {cells[0]} names no test"
        for name in names:
            is_unit_test = re.fullmatch(r"\w+\.\w+", name) and not (root / name).exists()
            if is_unit_test and name not in known:
                yield f"{where}: there is no unit test {name}"
            elif not is_unit_test and not (root / name).exists():
                yield f"{where}: there is no {name}"
    for case in sorted(set(range(1, LAST_CASE + 1)) - seen):
        yield f"{document.relative_to(root)}: case {case} has no row"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    found = list(problems(root))
    print("\n".join(found) if found else f"threat model: {LAST_CASE} cases have rows, and their tests exist")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
