#!/usr/bin/env python3
"""Compares OmniSandbox with wasmtime alone, with wazero and with native code, and runs the microbenchmarks.

    bench/run.py [BUILD] [--json FILE] [--rounds N] [--only WORKLOAD,...] [--no-micro] [--check]

Every round runs each program once for each workload, one after the other, so that whatever else the machine does hits all of
them alike. A ratio is made within a round; the table shows the median of the rounds and, in brackets, the lowest and highest.
"""

import argparse
import contextlib
import datetime
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

OURS = ("omnisandbox", "worker")
# Program, as it is called in tables, and its file under <build>/bench.
CONTESTANTS = {
    "omnisandbox": ("OmniSandbox", "omnisandbox_runs"),
    "worker": ("… in workers", "omnisandbox_worker_runs"),
    "bare": ("wasmtime C API", "bare_wasmtime_runs"),
    "wazero": ("wazero", "wazero_runs"),
    "native": ("native, -O2", "native_runs"),
}
# Kept on one core, and compared with the same program on all of them.
ON_ONE_CORE = {f"{name} one core": name for name in (*OURS, "wazero")}
CONTESTANTS |= {one_core: (f"{CONTESTANTS[name][0]} on one core", CONTESTANTS[name][1]) for one_core, name in ON_ONE_CORE.items()}
# What is measured: the programs' arguments (`extra` stands after the folder and the number of runs), and who takes part.
# An argument FILE is a file of 4 KiB in a folder of its own, CACHE a new folder for each program.
KERNELS = ("hash", "branches", "sieve", "nbody", "matrix", "json", "allocation")
IN_FLIGHT = (1, 4, 16, 64, 256, 1000)
SCALED = (4, 16)  # of them, those that are run on one core, too
WORKLOADS = {
    "echo": dict(title="warm run of a small guest, 200 bytes in and out", what="echo", extra=[], runs=3000,
                 who=[*OURS, "bare", "wazero"]),
    "threads": dict(title="a small guest on 2 threads", what="threads", extra=["2"], runs=10000, who=[*OURS, "bare", "wazero"]),
    # Many more runs than are in flight: what starts with the first ones is not what is compared.
    **{f"in flight {count}": dict(title=f"a small guest, {count:,} in flight", what="threads", extra=[str(count)], runs=20000,
                                 who=[*OURS, "wazero", *(ON_ONE_CORE if count in SCALED else [])]) for count in IN_FLIGHT},
    "first": dict(title="compiling the small guest and its first run, in everything new", what="first", extra=[], runs=10,
                  who=[*OURS, "bare", "wazero"]),
    "cached": dict(title="the first run of a small guest with a folder of compiled modules", what="cached", extra=["CACHE"], runs=20, who=[*OURS, "wazero"]),
    "files wasi": dict(title="a guest that reads 4 KiB a thousand times through WASI", what="files", extra=["file_reader", "FILE"], runs=5,
                       who=[*OURS, "bare", "wazero", "native"]),
    "files host": dict(title="a guest that reads 4 KiB a thousand times through the host function fs_read", what="files", extra=["host_file_reader", "FILE"], runs=5, who=[*OURS]),
    **{f"compute {kernel}": dict(title=f"compute-bound guest: {kernel}", what="compute", extra=[kernel], runs=3,
                                 who=[*OURS, "bare", "wazero", "native"])
       for kernel in KERNELS},
}
# The project's own bars: our time over the other's at most this much. Native code uses vectors for `matrix`, and another C library for
# `json` and `allocation`.
BARS = {("omnisandbox", "echo", "bare"): 1.5, ("omnisandbox", "echo", "wazero"): 0.5, ("worker", "echo", "wazero"): 1.5,
        ("worker", "in flight 64", "wazero"): 1.0,
        **{(mine, f"in flight {count}", f"{mine} one core"): 1 / 1.8 for mine in OURS for count in SCALED},
        **{("omnisandbox", f"compute {kernel}", "native"): 1.15 for kernel in ("hash", "branches", "sieve", "nbody")}}
UNITS = {"us": "µs", "ms": "ms", "runs_per_second": "runs/s"}


def progress(text):
    """What is being measured, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_once(build, name, workload, folder):
    """One program's samples for one workload; `folder` is for what it reads and keeps."""
    runs = workload["runs"]
    if name == "wazero" and workload["what"] == "compute":
        runs = 1  # takes more than ten times as long
    places = {"FILE": folder / "readable" / "file", "CACHE": folder / name}
    extra = [str(places.get(argument, argument)) for argument in workload["extra"]]
    command = [str(build / "bench" / CONTESTANTS[name][1]), workload["what"], str(build / "guests"), str(runs), *extra]
    cores = os.sched_getaffinity(0)
    if name in ON_ONE_CORE:
        os.sched_setaffinity(0, {min(cores)})  # the program inherits it
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    finally:
        os.sched_setaffinity(0, cores)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with exit code {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def readable_file():
    """A folder with the file that guests read."""
    with tempfile.TemporaryDirectory(prefix="bench-runs-") as folder:
        file = pathlib.Path(folder) / "readable" / "file"
        file.parent.mkdir()
        file.write_bytes(bytes(range(256)) * 16)
        yield pathlib.Path(folder)


def measure(build, names, workloads, rounds):
    with readable_file() as folder:
        return measure_in(folder, build, names, workloads, rounds)


def measure_in(folder, build, names, workloads, rounds):
    """{workload: {contestant: {"unit", "rounds": [median of each round], and what else the program counts}}}; stops when two programs computed different answers."""
    results = {w: {n: {"unit": "", "rounds": []} for n in names if n in WORKLOADS[w]["who"]} for w in workloads}
    answers = {}
    for number in range(rounds):
        for workload in workloads:
            order = list(results[workload])
            order = order[number % len(order):] + order[:number % len(order)]
            for name in order:
                progress(f"round {number + 1}/{rounds}: {workload}, {name}")
                report = run_once(build, name, WORKLOADS[workload], folder)
                results[workload][name].update({key: value for key, value in report.items() if key in ("unit", "descriptors", "threads")})
                results[workload][name]["rounds"].append(statistics.median(report["samples"]))
                answer = report.get("answer", "")
                if answers.setdefault(workload, answer) != answer:
                    sys.exit(f"{name} answered {answer!r} to {workload}, where another answered {answers[workload]!r}")
    progress("")
    return results


def spread(values):
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def ratio_of(workload, mine, measured, name, other):
    is_rate = other["unit"] == "runs_per_second"
    times = [theirs / ours if is_rate else ours / theirs for ours, theirs in zip(measured["rounds"], other["rounds"])]
    bar = BARS.get((mine, workload, name))
    ratio = {"workload": workload, "ours": mine, "against": name, "time_ratio": spread(times), "bar": bar}
    if bar is not None:
        ratio["met"] = ratio["time_ratio"]["median"] <= bar
    return ratio


def compare(results):
    """Our time over each other program's, round by round, beside the bar where there is one."""
    ratios = []
    for workload, by_name in results.items():
        for mine in OURS:
            if mine in by_name:
                ratios += [ratio_of(workload, mine, by_name[mine], name, other)
                           for name, other in by_name.items() if name not in OURS and ON_ONE_CORE.get(name, mine) == mine]
    return ratios


def number(value):
    """Three significant digits, or whole numbers with thousands separated."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def print_comparison(results, ratios):
    for workload, by_name in results.items():
        print(f"\n{WORKLOADS[workload]['title']}")
        for name, measured in by_name.items():
            s = spread(measured["rounds"])
            line = f"  {CONTESTANTS[name][0]:<25} {number(s['median']):>8} {UNITS[measured['unit']]:<6} " \
                   f"[{number(s['lowest'])} … {number(s['highest'])}]"
            if "threads" in measured:
                line += f"  {measured['threads']} threads, {measured['descriptors']} descriptors in the process"
            print(line)
        for ratio in (r for r in ratios if r["workload"] == workload):
            r = ratio["time_ratio"]
            line = f"    {CONTESTANTS[ratio['ours']][0]} takes {r['median']:.2f}× the time of {CONTESTANTS[ratio['against']][0]} " \
                   f"[{r['lowest']:.2f} … {r['highest']:.2f}]"
            if ratio["bar"] is not None:
                line += f"  bar ≤ {ratio['bar']:.2f}×: {'met' if ratio['met'] else 'NOT met'}"
            print(line)


def run_micro(build):
    """Every Google Benchmark program that was built: its JSON results."""
    found = []
    for program in sorted((build / "bench").glob("*_bench")):
        progress(program.name)
        done = subprocess.run([str(program), "--benchmark_format=json", "--benchmark_min_time=0.2"], capture_output=True, text=True,
                              timeout=900, check=False)
        if done.returncode != 0:
            sys.exit(f"{program} failed with exit code {done.returncode}: {done.stderr.strip()}")
        found.append({"program": program.name, "benchmarks": json.loads(done.stdout)["benchmarks"]})
    progress("")
    return found


def print_micro(programs):
    for program in programs:
        print(f"\n{program['program']}")
        for entry in program["benchmarks"]:
            if entry.get("error_occurred"):
                print(f"  {entry['name']:<50} FAILED: {entry['error_message']}")
                continue
            rate = f"  {number(entry['items_per_second'])} items/s" if "items_per_second" in entry else ""
            print(f"  {entry['name']:<50} {number(entry['real_time']):>10} {entry['time_unit']}{rate}")


def build_wazero(build):
    """wazero is no part of an ordinary build, as it is the one program whose source may have to be fetched."""
    done = subprocess.run(["cmake", "--build", str(build), "--target", "bench_wazero"], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        print(f"wazero could not be built:\n{done.stdout.strip()[-2000:]}", file=sys.stderr)


def cpu_name():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, nargs="?", default=root / "build" / "release", help="default: build/release")
    parser.add_argument("--json", type=pathlib.Path, help="also write everything that was measured to this file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help=f"some of: {', '.join(WORKLOADS)}")
    parser.add_argument("--no-micro", action="store_true", help="leave the *_bench programs out")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is not met")
    args = parser.parse_args()
    args.build = args.build.resolve()

    workloads = args.only.split(",") if args.only else list(WORKLOADS)
    if unknown := [w for w in workloads if w not in WORKLOADS]:
        parser.error(f"no workload {unknown[0]!r}; choose from: {', '.join(WORKLOADS)}")
    build_wazero(args.build)
    names = [n for n, (_, program) in CONTESTANTS.items() if (args.build / "bench" / program).exists()]
    missing = [CONTESTANTS[n][1] for n in CONTESTANTS if n not in names]
    if not set(OURS) <= set(names):
        sys.exit(f"{args.build}/bench has not both of {', '.join(CONTESTANTS[n][1] for n in OURS)}; build the preset `release` first")
    if missing:
        print(f"left out, because not built: {', '.join(missing)}", file=sys.stderr)

    print(f"{cpu_name()}, {os.cpu_count()} cores, Linux {platform.release()}; {args.rounds} rounds, median [lowest … highest]")
    results = measure(args.build, names, workloads, args.rounds)
    ratios = compare(results)
    print_comparison(results, ratios)
    micro = [] if args.no_micro else run_micro(args.build)
    print_micro(micro)

    if args.json:
        report = {
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()},
            "rounds": args.rounds, "workloads": results, "ratios": ratios, "micro": micro,
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if args.check and any(r.get("met") is False for r in ratios):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
