#!/usr/bin/env python3
"""Checks that no TRY stands in a braced list after its first value, or among what `new` is given.

    scripts/check_try.py [ROOT]

TRY returns from the middle of an expression, and compilers (GCC 12, Clang 14) then forget to destroy the members of an
aggregate that were made already, and to free the memory that `new` took before it looked at its arguments: memory, and
descriptors, are lost.
"""
import pathlib
import re
import sys

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
NEW = re.compile(r"\bnew\b[^;(){}]*\Z")


def is_lost(code, end):
    """Whether the text before `end` is in a braced list with a value before it, or in what `new` is given."""
    depth, after_a_value = 0, False
    for at in range(end - 1, -1, -1):
        character = code[at]
        if character in ")]}":
            depth += 1
        elif character in "([{":
            if depth > 0:
                depth -= 1
            elif NEW.search(code, max(0, at - 200), at):
                return True
            elif character == "{":
                return after_a_value
            else:
                after_a_value = False  # the arguments of a call, which are destroyed
        elif depth == 0 and character == ",":
            after_a_value = True
        elif depth == 0 and character == ";":
            return False
    return False


def faults(text):
    """The line of each."""
    code = COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    return [code[:found.start()].count("\n") + 1 for found in re.finditer(r"\bTRY\(", code) if is_lost(code, found.start())]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    files = sorted(path for top in ("include", "src", "bindings", "tests", "bench", "examples") for path in (root / top).rglob("*")
                   if path.suffix in (".h", ".hh", ".cc"))
    found = [f"{path.relative_to(root)}:{line}: TRY after the first value of a braced list, or given to `new`; take its value before"
             for path in files for line in faults(path.read_text())]
    print("\n".join(found) if found else f"{len(files)} files: no TRY within a braced list or a `new`")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
