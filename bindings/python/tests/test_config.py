import dataclasses
import pathlib
from datetime import timedelta

import pytest

from omnisandbox import CommandRule, Config, HostRule, PathRule, Policy, errors, explain, lint


def test_a_default_config_grants_nothing():
    assert not explain(Config(), "fs_read", "/etc/hostname")


def test_every_source_says_the_same(tmp_path: pathlib.Path):
    text = f"""
version: 1
capabilities: [fs_read, net_http]
allowed_paths: [{{path: {tmp_path}, access: read}}, {{path: "**/.git", access: none}}]
allowed_hosts: [api.example.com, {{host: read.example.com, methods: [GET]}}]
timeout: 1500ms
max_output_bytes: 4MiB
environment: {{LANG: C.UTF-8}}
"""
    written = Config(
        capabilities=["fs_read", "net_http"],
        allowed_paths=[PathRule(tmp_path, "read"), PathRule("**/.git", "none")],
        allowed_hosts=["api.example.com", HostRule("read.example.com", methods=["GET"])],
        timeout=timedelta(seconds=1.5),
        max_output_bytes=4 * 1024 * 1024,
        environment={"LANG": "C.UTF-8"},
    )
    (tmp_path / "policy.yaml").write_text(text)
    loaded = Config.from_yaml(text)
    assert loaded.timeout == 1.5
    assert Config.from_file(tmp_path / "policy.yaml") == loaded
    assert Config.from_dict(loaded.to_dict()) == loaded
    assert Config.from_dict(written.to_dict()) == loaded


def test_command_rules_keep_every_field():
    rule = CommandRule("git", args=["status"], arg_globs=["--*"], timeout=2.0, memory_limit_mb=64, network=False)
    (back,) = Config.from_dict(Config(allowed_commands=[rule]).to_dict()).allowed_commands
    assert back == dataclasses.replace(rule, arg_regexes=[])


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"capabilties": ["fs_read"]}, "capabilities"),
        ({"allowed_paths": ["/tmp", {"path": "/tmp", "acess": "read"}]}, "allowed_paths[1]"),
        ({"timeout": "soon"}, "timeout"),
        ({"memory_limit_mb": -1}, "memory_limit_mb"),
        ({"version": 2}, "version"),
        ({"capabilities": ["fs_reed"]}, "capabilities"),
    ],
)
def test_a_mistake_names_the_key(keys, where):
    with pytest.raises(errors.InvalidArgumentError) as caught:
        Config.from_dict(keys)
    assert where in str(caught.value)
    assert "Config:" not in str(caught.value)


def test_mistakes_of_keyword_arguments_and_of_text():
    with pytest.raises(ValueError, match="timeout"):
        Config(timeout="soon")
    with pytest.raises(TypeError):
        Config(capabilties=["fs_read"])  # type: ignore[call-arg]
    with pytest.raises(errors.InvalidArgumentError, match=r"^p\.yaml:2:1: "):
        Config.from_yaml("version: 1\ncapabilties: []\n", name="p.yaml")
    with pytest.raises(FileNotFoundError):
        Config.from_file("/does/not/exist.yaml")
    for policy in ("python", ["fs_read"], 7):
        with pytest.raises(TypeError, match="a policy is a Config"):
            Policy(policy)  # type: ignore[arg-type]


def test_text_of_any_kind_arrives_whole(tmp_path: pathlib.Path):
    odd = tmp_path / 'quote " \\ # : ünï 🦀'
    odd.mkdir()
    assert Policy(Config(capabilities=["fs_read"], allowed_paths=[odd])).explain("fs_read", odd / "x")


def test_explain_narrow_warnings_and_lint(data: pathlib.Path):
    policy = Policy(Config(capabilities=["fs_read", "fs_write"], allowed_paths=[data / "open"]))
    answer = policy.explain("fs_read", data / "closed" / "secret.txt")
    assert not answer and answer.reason and "allowed_paths" in answer.remedy
    narrower = policy.narrow(Config(capabilities=["fs_read"], allowed_paths=["*"]))
    assert narrower.explain("fs_read", data / "open" / "note.txt")
    assert not narrower.explain("fs_write", data / "open" / "note.txt")
    assert policy.explain("fs_write", data / "open" / "note.txt")
    assert lint(Config(capabilities=["fs_read"], allowed_paths=["*"]))
    assert Policy(Config(capabilities=["exec_run"], allowed_commands=["no-such-command"])).warnings
    with pytest.raises(errors.NotFoundError):
        Policy(Config(capabilities=["fs_read"], allowed_paths=["/does/not/exist"]))
    with pytest.raises(ValueError):
        policy.explain("fs_reed", "/")  # type: ignore[arg-type]
