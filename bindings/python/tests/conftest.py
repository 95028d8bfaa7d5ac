import os
import pathlib
import sys

import pytest

import omnisandbox
from omnisandbox import Config, Sandbox

# The real container engine that tests of every language start.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tests" / "docker"))


@pytest.fixture
def data(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder that the policy opens, beside one that it does not."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "note.txt").write_text("a note")
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "secret.txt").write_text("a secret")
    return tmp_path


@pytest.fixture
def config(data: pathlib.Path) -> Config:
    return Config(
        capabilities=["fs_read", "fs_write", "exec_run"],
        allowed_paths=[data / "open"],
        allowed_commands=["cat", "sleep", "sh"],
        timeout=20,
    )


@pytest.fixture
def box(config: Config):
    with Sandbox(config) as made:
        yield made


@pytest.fixture(scope="session")
def guests() -> pathlib.Path:
    return pathlib.Path(os.environ["OMNISANDBOX_GUESTS"])


@pytest.fixture
def commands(box: Sandbox) -> Sandbox:
    """Where the machine can confine native commands."""
    available, _, missing = omnisandbox.probe_process_sandbox()
    if not available:
        pytest.skip(f"no process sandbox here: {missing}")
    return box
