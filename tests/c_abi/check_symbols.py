#!/usr/bin/env python3
"""Checks that a library exports what its version script lists and its header declares, each with its version.

    check_symbols.py LIBRARY EXPORTS_MAP HEADER [NM]
"""

import pathlib
import re
import subprocess
import sys


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def listed(text):
    """{name: version} of a version script."""
    names = {}
    for version, body in re.findall(r"^(\w[\w.]*)\s*\{(.*?)^\}", without_comments(text), re.M | re.S):
        exported = body.split("global:", 1)[1].split("local:", 1)[0] if "global:" in body else ""
        for name in re.findall(r"(\w+)\s*;", exported):
            names[name] = version
    return names


def exported(library, nm):
    """{name: version or None} of a library's dynamic symbols."""
    lines = subprocess.run([nm, "--dynamic", "--defined-only", "--with-symbol-versions", library], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    names = {}
    for line in lines:
        _, kind, symbol = line.rsplit(maxsplit=2)
        name, _, version = symbol.partition("@")
        if kind == "A":  # the versions themselves
            continue
        names[name] = version.lstrip("@") or None
    return names


def declared(text):
    code = re.sub(r"^#.*?(?<!\\)$", "", without_comments(text), flags=re.M)
    return {name for name in re.findall(r"\b(omnisandbox_\w+)\s*\(", code)
            if not re.search(rf"static inline[^;{{]*\b{name}\s*\(", code)}


def problems(library, map_file, header, nm):
    in_map = listed(pathlib.Path(map_file).read_text())
    in_library = exported(library, nm)
    in_header = declared(pathlib.Path(header).read_text())
    if not in_map:
        yield f"{map_file} lists nothing"
    for name, version in sorted(in_map.items()):
        if name not in in_library:
            yield f"{name} is listed and not exported"
        elif in_library[name] != version:
            yield f"{name} has version {in_library[name]}, not {version}"
        if name not in in_header:
            yield f"{name} is listed and not declared in the header"
    for name in sorted(in_library.keys() - in_map.keys()):
        yield f"{name} is exported and not listed"
    for name in sorted(in_header - in_map.keys()):
        yield f"{name} is declared in the header and not listed"


def main():
    library, map_file, header = sys.argv[1:4]
    nm = sys.argv[4] if len(sys.argv) > 4 else "nm"
    found = list(problems(library, map_file, header, nm))
    print("\n".join(found) or "what is exported, listed and declared is the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
