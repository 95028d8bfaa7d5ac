#!/usr/bin/env python3
"""Runs the preview 1 part of the public wasi-testsuite through the command line, and counts what passes.

    wasi_preview1.py OMNISANDBOX SUITE [--isolation worker|in-process] [--only NAME] [--expect N]

SUITE is a checkout of WebAssembly/wasi-testsuite with built tests (its branch prod/testsuite-base). Every test runs in a copy of the
folder that its JSON asks for, opened for reading and writing as "/", and must end with the exit code and output that the JSON says.
With --expect the exit code is 1 when fewer pass.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HANG_SECONDS = 60
DEFAULTS = {"args": [], "env": {}, "root": None, "exit_code": 0, "stdout": None, "stderr": None}


def specification(module):
    """The test's JSON: the legacy form, or a list of operations."""
    path = module.with_suffix(".json")
    spec = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if "operations" not in spec:
        spec["root"] = spec.get("root") or (spec.get("dirs") or [None])[0]
        return {**DEFAULTS, **{key: value for key, value in spec.items() if key in DEFAULTS}}
    merged = dict(DEFAULTS)
    for step in spec["operations"]:
        if step["type"] == "run":
            merged |= {key: step[key] for key in ("args", "env", "root") if key in step}
        elif step["type"] == "wait":
            merged["exit_code"] = step.get("exit_code", 0)
        elif step["type"] == "read":
            merged[step.get("id", "stdout")] = step.get("payload", "")
        else:
            raise ValueError(f"{path}: unknown operation {step['type']!r}")
    return merged


def run(command, module, isolation):
    """None when the test passes, else what is wrong."""
    spec = specification(module)
    with tempfile.TemporaryDirectory(prefix="omnisandbox-wasi-") as scratch:
        policy = {"version": 1, "timeout": "30s", "memory_limit_mb": 64, "capabilities": ["fs_read", "fs_write"]}
        if spec["root"]:
            root = pathlib.Path(scratch) / "root"
            shutil.copytree(module.parent / spec["root"], root, symlinks=True)
            policy["allowed_paths"] = [{"path": str(root), "access": "read_write", "guest_path": "/"}]
        else:
            policy["capabilities"] = []
        policy_file = pathlib.Path(scratch) / "policy.json"
        policy_file.write_text(json.dumps(policy), encoding="utf-8")
        arguments = [command, "run", "--policy", str(policy_file), "--json"]
        arguments += ["--isolation", isolation] if isolation else []
        for name, value in spec["env"].items():
            arguments += ["--env", f"{name}={value}"]
        done = subprocess.run([*arguments, "--", str(module), *spec["args"]], capture_output=True, text=True,
                              timeout=HANG_SECONDS, check=False)
        if not done.stdout:
            return f"exit code {done.returncode}: {done.stderr.strip()}"
        result = json.loads(done.stdout)
    if result["exit_code"] != spec["exit_code"]:
        error = (result["error"] or {}).get("message", "")
        return f"exit code {result['exit_code']}, expected {spec['exit_code']}; {error} {result['stderr'].strip()[-400:]}"
    for stream in ("stdout", "stderr"):
        if spec[stream] is not None and result[stream] != spec[stream]:
            return f"{stream} is {result[stream][:200]!r}, expected {spec[stream][:200]!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command")
    parser.add_argument("suite", type=pathlib.Path)
    parser.add_argument("--isolation", choices=["worker", "in-process"])
    parser.add_argument("--only", help="tests whose path contains this")
    parser.add_argument("--expect", type=int, help="how many must pass")
    options = parser.parse_args()
    modules = sorted(options.suite.glob("tests/*/testsuite/wasm32-wasip1/*.wasm"))
    modules = [module for module in modules if options.only is None or options.only in str(module)]
    if not modules:
        sys.exit(f"{options.suite} holds no built preview 1 tests (tests/*/testsuite/wasm32-wasip1/*.wasm)")
    passed = 0
    for module in modules:
        problem = run(options.command, module, options.isolation)
        passed += problem is None
        if problem is not None:
            print(f"FAIL {module.relative_to(options.suite)}: {problem}")
    print(f"{passed} of {len(modules)} preview 1 tests pass")
    return 0 if options.expect is None or passed >= options.expect else 1


if __name__ == "__main__":
    sys.exit(main())
