#!/usr/bin/env python3
"""Writes the C++ programs of a Markdown file to a folder, for the build: extract_guide.py GUIDE FOLDER

The n-th one becomes snippet_<n>.cc with its main() renamed to snippet_<n>, and main.cc calls them all. A file that did not change is left
alone, so that nothing is compiled again. Prints the names of the files.
"""

import pathlib
import re
import sys

guide, folder = map(pathlib.Path, sys.argv[1:3])
text = guide.read_text(encoding="utf-8")
files = {}
for number, found in enumerate(re.finditer(r"^```cpp\n(.*?)^```$", text, re.M | re.S), 1):
    line = text[:found.start()].count("\n") + 2
    code, replaced = re.subn(r"\bint main\(\)", f"int snippet_{number}()", found[1])
    if replaced != 1:
        sys.exit(f"{guide}:{line}: a C++ snippet is a program with one `int main()`")
    files[f"snippet_{number}.cc"] = f'int snippet_{number}();\n#line {line} "{guide}"\n{code}'
calls = "".join(f'  failures += check({n}, &snippet_{n});\n' for n in range(1, len(files) + 1))
declarations = "".join(f"int snippet_{n}();\n" for n in range(1, len(files) + 1))
files["main.cc"] = f"""#include <cstdio>

{declarations}
namespace {{
int check(int number, int (*snippet)()) {{
  const int code = snippet();
  std::printf("snippet %d of the guide ended with %d\\n", number, code);
  return code == 0 ? 0 : 1;
}}
}}  // namespace

int main() {{
  int failures = 0;
{calls}  return failures;
}}
"""
folder.mkdir(parents=True, exist_ok=True)
for name, content in files.items():
    path = folder / name
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")
print(";".join(str(folder / name) for name in sorted(files)), end="")
