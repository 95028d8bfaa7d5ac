#!/usr/bin/env python3
"""Checks that includes go downwards only, as layers.txt says, and that each names a file of the project.

    scripts/check_layers.py [ROOT]
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def read_layers(path):
    layers = {}
    for line in path.read_text().splitlines():
        line = line.split("#", 1)[0].strip()
        if line:
            folder, allowed = line.split(":", 1)
            layers[folder.strip()] = allowed.split()
    return layers


def layer_of(name, layers):
    """The longest listed folder (or file) that holds the file."""
    matches = [layer for layer in layers if name == layer or name.startswith(layer + "/")]
    return max(matches, key=len, default=None)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    layers = read_layers(root / "layers.txt")
    problems = []
    checked = 0
    for file in sorted(p for top in ("include", "src") for p in (root / top).rglob("*") if p.suffix in (".h", ".hh", ".cc")):
        name = file.relative_to(root).as_posix()
        own = layer_of(name, layers)
        if own is None:
            problems.append(f"{name}: its folder is not in layers.txt")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            checked += 1
            included = match.group(1)
            candidates = [p for p in (f"include/{included}", f"src/{included}") if (root / p).is_file()]
            if not candidates:
                problems.append(f"{name}:{number}: \"{included}\" is found neither in include/ nor in src/")
                continue
            target = layer_of(candidates[0], layers)
            if not any(target == layer or (target or "").startswith(layer + "/") for layer in [own, *layers[own]]):
                problems.append(f"{name}:{number}: {own} must not include {target} (\"{included}\")")
    for problem in problems:
        print(problem)
    if checked == 0:
        problems.append("no include was checked")
    print(f"layers: {checked} includes checked, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
