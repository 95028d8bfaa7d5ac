"""Every Python snippet of the guide and of the READMEs runs. `/home/you/project` stands for a scratch folder."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PLACE = "/home/you/project"


def snippets():
    for page in (ROOT / "README.md", ROOT / "docs" / "guide.md", ROOT / "bindings" / "python" / "README.md"):
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S):
            line = text[: found.start()].count("\n") + 2
            yield pytest.param(found[1], id=f"{page.name}:{line}")


SNIPPETS = list(snippets())


def test_there_are_snippets():
    assert len(SNIPPETS) >= 5


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippet(snippet: str, tmp_path: pathlib.Path):
    (tmp_path / "notes" / "private").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("write the guide\n")
    (tmp_path / "notes" / "private" / "diary.txt").write_text("secret\n")
    program = tmp_path / "snippet.py"
    program.write_text(snippet.replace(PLACE, str(tmp_path)))
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
