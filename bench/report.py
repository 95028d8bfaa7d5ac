#!/usr/bin/env python3
"""Writes a report of the benchmarks, or fails where one is worse than its bar.

    bench/report.py [BUILD] [--output docs/benchmarks]     everything: run.py, whole commands, footprint, docker_bench, the *_bench programs
    bench/report.py [BUILD] --quick                        under 3 minutes; exits with 1 where a ratio is worse than its bar

Within each round every program runs once, one after the other, so that a busy machine slows all of them alike. A ratio is made within
a round; what is shown is the median with its 95 % interval. A bar counts as missed when even the lower end of the interval is beyond it.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import chart
import intervals
import run
import whole_commands

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "docker"))
import container_engine  # noqa: E402
QUICK_SECONDS = 60
FULL_SECONDS = 240
QUICK_WORKLOADS = "echo,threads"
# Where Google Benchmark is asked to repeat, in random order, so that its medians are interleaved, too.
REPETITIONS = 7


def ratios_of_commands(measured):
    for workload, times in measured.items():
        title, ours, peers = whole_commands.WORKLOADS[workload]
        for peer, bar in peers.items():
            if peer in times:
                low, middle, high = intervals.interval(intervals.ratios(times[ours], times[peer]))
                yield {"what": title, "ours": ours, "against": peer, "low": low, "median": middle, "high": high, "bar": bar}


def ratios_of_runs(found):
    """The same from what run.py has measured, round by round."""
    for ratio in found["ratios"]:
        by_name = found["workloads"][ratio["workload"]]
        mine, other = by_name[ratio["ours"]], by_name[ratio["against"]]
        pair = (other["rounds"], mine["rounds"]) if other["unit"] == "runs_per_second" else (mine["rounds"], other["rounds"])
        low, middle, high = intervals.interval(intervals.ratios(*pair))
        yield {"what": run.WORKLOADS[ratio["workload"]]["title"], "ours": run.CONTESTANTS[ratio["ours"]][0],
               "against": run.CONTESTANTS[ratio["against"]][0], "low": low, "median": middle, "high": high, "bar": ratio["bar"]}


def verdict(ratio):
    if ratio["bar"] is None:
        return ""
    return f"≤ {ratio['bar']:.3g}: " + ("met" if ratio["median"] <= ratio["bar"] else "missed" if ratio["low"] > ratio["bar"] else "open")


def print_ratios(ratios):
    for ratio in ratios:
        print(f"{ratio['ours']} takes {ratio['median']:.2f} times [{ratio['low']:.2f} … {ratio['high']:.2f}] of {ratio['against']}: "
              f"{ratio['what']}  {verdict(ratio)}")


def run_comparison(build, quick, rounds):
    """run.py in a process of its own, as its user would run it."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "runs.json"
        command = [sys.executable, ROOT / "bench" / "run.py", build, "--json", file, "--no-micro", "--rounds", str(rounds)]
        command += ["--only", QUICK_WORKLOADS] if quick else []
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL if quick else None)
        if done.returncode != 0:
            sys.exit("bench/report.py: run.py failed")
        return json.loads(file.read_text(encoding="utf-8"))


def micro_benchmarks(build):
    """Every *_bench program: {program: [(name, unit, [time of each repetition])]}; a program that fails is named with its error."""
    found = {}
    for program in sorted((build / "bench").glob("*_bench")):
        done = subprocess.run([program, "--benchmark_format=json", "--benchmark_min_time=0.05", f"--benchmark_repetitions={REPETITIONS}",
                               "--benchmark_enable_random_interleaving=true"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            found[program.name] = {"error": done.stderr.strip()[-300:]}
            continue
        times = {}
        for entry in json.loads(done.stdout)["benchmarks"]:
            if entry.get("run_type") == "iteration" and not entry.get("error_occurred"):
                times.setdefault((entry["run_name"], entry["time_unit"]), []).append(entry["real_time"])
        found[program.name] = {"benchmarks": [{"name": name, "unit": unit, "times": values} for (name, unit), values in times.items()]}
    return found


@contextlib.contextmanager
def an_engine():
    """The container engine that DOCKER_HOST names or, where there is none and root asks, one of our own."""
    if "DOCKER_HOST" in os.environ or container_engine.why_not() is not None:
        yield
        return
    with container_engine.container_engine() as engine:
        os.environ["DOCKER_HOST"] = engine.address
        try:
            yield
        finally:
            del os.environ["DOCKER_HOST"]


def json_lines(program, *args):
    """What a program prints, line by line; nothing where it is not built or fails."""
    if not program.exists():
        return []
    done = subprocess.run([program, *args], capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def memory_table(footprint):
    rows = [[line["what"], f"{line['count']:,}", f"{line['memory_kib_each']:,.0f} KiB", f"{line['private_kib_each']:,.0f} KiB",
             *(f"{line[what + '_each']:.1f}" for what in ("descriptors", "threads", "processes"))] for line in footprint]
    return table(rows, ["one more", "measured with", "memory", "private", "descriptors", "threads", "processes"])


def in_flight_table(workloads):
    """Throughput by how many runs are in flight, with what the process had meanwhile."""
    rows = []
    for count in run.IN_FLIGHT:
        for name, measured in workloads.get(f"in flight {count}", {}).items():
            low, middle, high = intervals.interval(measured["rounds"])
            rows.append([f"{count:,}", run.CONTESTANTS[name][0], f"{middle:,.0f} [{low:,.0f} … {high:,.0f}]", f"{measured['threads']:,}",
                         f"{measured['descriptors']:,}"])
    return table(rows, ["in flight", "", "runs a second", "threads", "descriptors"])


def table(lines, head):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in lines), ""]


def container_tables(lines):
    """What docker_bench measured, in an engine of its own."""
    times = [[line["part"], line["name"], f"{line['median_ms']:.1f} ms", f"{line['lowest_ms']:.1f} … {line['highest_ms']:.1f}"]
             for line in lines if "name" in line]
    figures = [[line["part"], line["what"], f"{line['value']:.3g}", f"{line['relation']} {line['bar']:g}: {'met' if line['met'] else 'missed'}"
                if "bar" in line else ""] for line in lines if "what" in line]
    return table(times, ["", "", "median", "lowest … highest"]) + table(figures, ["", "", "", "bar"])


def page(results):
    machine = results["machine"]
    lines = ["# Benchmarks", "",
             f"Made by `make bench-report` ({results['time']}): {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; load "
             f"{machine['load'][0]:.1f}. Every figure is a median with its 95 % interval, of rounds in which each program ran once. "
             "Absolute times belong to the machine; ratios are what to compare. Everything that was measured: [results.json](results.json).", "",
             "## Ratios", "", "Our time over the other's. A bar is *missed* when the whole interval is beyond it, and *open* when only the median is.", ""]
    lines += table([[ratio["what"], ratio["ours"], ratio["against"], f"{ratio['median']:.2f} [{ratio['low']:.2f} … {ratio['high']:.2f}]",
                     verdict(ratio)] for ratio in results["ratios"]], ["what", "ours", "against", "times", "bar"])
    if results["left_out"]:
        lines += ["Left out: " + "; ".join(f"{name} ({why})" for name, why in sorted(results["left_out"].items())) + ".", ""]
    lines += ["## Times", ""] + [f"![{name}]({name}.svg)\n" for name in results["charts"]]
    lines += ["## Many at once", "", "Threads and descriptors are those of the process that asks, in the middle of it.", "",
              *in_flight_table(results["runs"])] if results["runs"] else []
    lines += ["## Memory", "", "Each with all processes that belong to it; *private* is what no other process shares.", "",
              *memory_table(results["footprint"])] if results["footprint"] else []
    lines += ["## Containers", "", *container_tables(results["containers"])] if results["containers"] else []
    for program, found in results["micro"].items():
        lines += [f"### {program}", ""]
        if "error" in found:
            lines += [f"It failed: {found['error']}", ""]
            continue
        rows = []
        for entry in found["benchmarks"]:
            low, middle, high = intervals.interval(entry["times"])
            rows.append([f"`{entry['name']}`", f"{run.number(middle)} {entry['unit']}", f"{run.number(low)} … {run.number(high)}"])
        lines += table(rows, ["benchmark", "median", "95 % interval"])
    return "\n".join(lines)


def charts(output, commands, runs):
    """One for each workload of whole commands and of guests; their names."""
    measured = {workload: (title, [ours], "ms", commands[workload])
                for workload, (title, ours, _) in whole_commands.WORKLOADS.items() if workload in commands}
    for workload, by_name in runs.items():
        unit = run.UNITS[next(iter(by_name.values()))["unit"]]
        measured[workload] = (run.WORKLOADS[workload]["title"], [run.CONTESTANTS[name][0] for name in run.OURS], unit,
                              {run.CONTESTANTS[name][0]: found["rounds"] for name, found in by_name.items()})
    for workload, (title, ours, unit, times) in measured.items():
        entries = []
        for name, values in times.items():
            low, middle, high = intervals.interval(values)
            entries.append((name, low, middle, high, name in ours))
        name = re.sub(r"\W+", "_", workload)
        (output / f"{name}.svg").write_text(chart.bars(title, unit, sorted(entries, key=lambda entry: entry[2])), encoding="utf-8")
        yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, nargs="?", default=ROOT / "build" / "release")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--rounds", type=int, default=9, help="of run.py; the intervals are made of them")
    parser.add_argument("--only-commands", action="store_true", help="leave run.py and the *_bench programs out")
    args = parser.parse_args()
    args.build = args.build.resolve()
    with contextlib.nullcontext() if args.quick else an_engine():
        measured, left_out = whole_commands.measure(args.build, QUICK_SECONDS if args.quick else FULL_SECONDS)
    runs = {"ratios": [], "workloads": {}} if args.only_commands else run_comparison(args.build, args.quick, args.rounds)
    ratios = [*ratios_of_runs(runs), *ratios_of_commands(measured)]
    print_ratios(ratios)
    for name, why in sorted(left_out.items()):
        print(f"left out: {name} ({why})")
    if args.quick:
        missed = [ratio for ratio in ratios if ratio["bar"] is not None and ratio["low"] > ratio["bar"]]
        print(f"{len(missed)} bars missed")
        return 1 if missed else 0
    args.output.mkdir(parents=True, exist_ok=True)
    results = {"time": run.datetime.datetime.now(run.datetime.timezone.utc).isoformat(timespec="minutes"),
               "machine": {"cpu": run.cpu_name(), "cores": os.cpu_count(), "kernel": os.uname().release, "load": os.getloadavg()},
               "ratios": ratios, "left_out": left_out, "commands_ms": measured, "runs": runs["workloads"],
               "footprint": [] if args.only_commands else json_lines(args.build / "bench" / "footprint"),
               "containers": [] if args.only_commands else json_lines(args.build / "bench" / "docker" / "docker_bench", "--json"),
               "micro": {} if args.only_commands else micro_benchmarks(args.build),
               "charts": list(charts(args.output, measured, runs["workloads"]))}
    (args.output / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (args.output / "README.md").write_text(page(results) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
