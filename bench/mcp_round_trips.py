#!/usr/bin/env python3
"""The MCP server as the official Python SDK meets it, and whole commands beside node: bench/mcp_round_trips.py [BUILD] [--rounds N] [--check]

Round trips are those of `tools/call` over standard streams. `ping` costs what the client and the pipes cost; what a tool costs is the
rest. Runs itself again in the SDK's virtual environment (scripts/install_mcp_clients.sh). Absolute times belong to the machine; a
machine that does something else at the same time shows in the spread.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = ROOT / "build" / "mcp-clients" / "sdk" / "bin" / "python"
if pathlib.Path(sys.prefix) != PYTHON.parent.parent:
    if not PYTHON.exists():
        sys.exit("the MCP clients are not installed; scripts/install_dependencies.sh installs them")
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

# pylint: disable=wrong-import-position
import asyncio

from mcp import Client, StdioServerParameters

# The project's own bars, in milliseconds at the median.
BARS_MS = {"run_python": 8, "read_file": 2, "--help": 10, "eval": 60}
EVAL_OVER_NODE = 2.0
IN_FLIGHT = 64


async def round_trips(command, folder, rounds):
    """Milliseconds of each round trip, by what was asked."""
    note = folder / "note.txt"
    note.write_text("a note\n", encoding="utf-8")
    policy = folder / "policy.yaml"
    policy.write_text(f"version: 1\ncapabilities: [fs_read]\nallowed_paths: [{folder}]\n", encoding="utf-8")
    parameters = StdioServerParameters(command=command, args=["mcp", "--policy", str(policy)])
    samples = {"ping": [], "read_file": [], "run_python": []}
    async with Client(parameters, mode="legacy") as client:
        asks = {"ping": client.send_ping,
                "read_file": lambda: client.call_tool("read_file", {"path": str(note)}),
                "run_python": lambda: client.call_tool("run_python", {"code": "6 * 7"})}
        for number in range(rounds + 5):
            for name, ask in asks.items():
                started = time.perf_counter()
                await ask()
                if number >= 5:  # the first ones load what later ones have
                    samples[name].append((time.perf_counter() - started) * 1000)
        # As many at once as the server answers side by side.
        samples["64 at once"] = []
        for _ in range(max(rounds // 20, 3)):
            asks = [client.call_tool("run_python", {"code": f"{n} * {n}"}) for n in range(IN_FLIGHT)]
            started = time.perf_counter()
            answers = await asyncio.gather(*asks)
            samples["64 at once"].append((time.perf_counter() - started) * 1000)
            texts = [answer.content[0].text for answer in answers]
            if texts != [str(n * n) for n in range(IN_FLIGHT)]:
                sys.exit(f"not every call in flight was answered: {texts}")
    return samples


def commands(command, rounds):
    """Milliseconds of whole commands, one after the other in each round."""
    asks = {"--help": [command, "--help"], "eval": [command, "eval", "6 * 7"]}
    if node := shutil.which("node"):
        asks["eval javascript"] = [command, "eval", "--lang", "javascript", "6 * 7"]
        asks["node -e"] = [node, "-e", "console.log(6 * 7)"]
    samples = {name: [] for name in asks}
    for number in range(rounds + 1):
        for name, arguments in asks.items():
            started = time.perf_counter()
            subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)
            if number > 0:
                samples[name].append((time.perf_counter() - started) * 1000)
    return samples


def show(name, samples, bar):
    median = statistics.median(samples)
    verdict = "" if bar is None else f"  bar ≤ {bar:g} ms: {'met' if median <= bar else 'NOT met'}"
    print(f"  {name:<16} {median:8.2f} ms  [{min(samples):.2f} … {max(samples):.2f}]{verdict}")
    return bar is None or median <= bar


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, nargs="?", default=ROOT / "build" / "release", help="default: build/release")
    parser.add_argument("--rounds", type=int, default=200, help="round trips of each kind; whole commands a tenth of it")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is not met")
    args = parser.parse_args()
    command = str(args.build.resolve() / "bin" / "omnisandbox")
    with tempfile.TemporaryDirectory() as folder:
        calls = asyncio.run(round_trips(command, pathlib.Path(folder), args.rounds))
    whole = commands(command, max(3, args.rounds // 10))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median [lowest … highest]")
    print("round trips with the Python SDK over standard streams")
    met = [show(name, samples, BARS_MS.get(name)) for name, samples in calls.items()]
    print("whole commands")
    met += [show(name, samples, BARS_MS.get(name)) for name, samples in whole.items()]
    if "node -e" in whole:
        for name in ("eval", "eval javascript"):
            ratio = statistics.median(a / b for a, b in zip(whole[name], whole["node -e"]))
            met.append(ratio <= EVAL_OVER_NODE)
            print(f"    {name} takes {ratio:.2f}× the time of node -e  bar ≤ {EVAL_OVER_NODE:g}×: {'met' if met[-1] else 'NOT met'}")
    return 1 if args.check and not all(met) else 0


if __name__ == "__main__":
    sys.exit(main())
