#!/usr/bin/env python3
"""What Python adds to a call of the C++ interface, beside the C++ programs of the same build, in the same run.

    build/python-tools/venv/bin/python bench/python_bench.py [BUILD] [--rounds N] [--calls N] [--check]

A ratio is made within a round, of programs that ran one after the other; the median of the rounds counts. `--calls` are made for the
memory figure.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CODE = "print(sum(range(100)))"
BARS = {"run_python": 1.3, "fs_read_us": 10.0, "threads": 1.25, "growth_mib": 4.0}
THREADS = (1, 2, 8)  # that call run_python at once, where each number is held to the bar of one call


def seconds_each(call, count):
    """The best of five: what else the machine does only adds."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(count):
            call()
        best = min(best, (time.perf_counter() - started) / count)
    return best


def cpp_evaluations_per_second(build, isolation, threads):
    """Of the same snippet, by as many threads on one interpreter; the best of three."""
    case = "python_in_worker" if isolation == "worker" else "python"
    done = subprocess.run([build / "bench" / "interpreter_bench", f"--benchmark_filter=^evaluate_on_threads/{case}/real_time/threads:{threads}$",
                           "--benchmark_format=json", "--benchmark_repetitions=3", "--benchmark_min_time=0.5"],
                          capture_output=True, text=True, check=True)
    return max(entry["items_per_second"] for entry in json.loads(done.stdout)["benchmarks"] if entry["run_type"] == "iteration")


def python_evaluations_per_second(new_box, threads):
    """The same as the C++ benchmark does: three times a new sandbox, that many calls at once beforehand, the mean of the threads' times."""
    best = 0.0
    for _ in range(3):
        box = new_box()
        seconds_of_threads(lambda: box.run_python(CODE), 1, threads)
        each = max(int(0.5 / statistics.mean(seconds_of_threads(lambda: box.run_python(CODE), 3, threads)) * 3), 3)
        best = max(best, each * threads / statistics.mean(seconds_of_threads(lambda: box.run_python(CODE), each, threads)))
    return best


def cpp_runs_per_second(build, runs, threads):
    done = subprocess.run([build / "bench" / "omnisandbox_runs", "threads", build / "guests", str(runs), str(threads)],
                          capture_output=True, text=True, check=True)
    return statistics.median(json.loads(done.stdout)["samples"])


def seconds_of_threads(execute, runs, threads):
    """How long each of the threads takes to call it `runs` times, all at once."""
    barrier = threading.Barrier(threads)
    seconds = []

    def work():
        barrier.wait()
        started = time.perf_counter()
        for _ in range(runs):
            execute()
        seconds.append(time.perf_counter() - started)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return seconds


def python_runs_per_second(execute, runs, threads):
    """The echo guest, 200 bytes in and out, `runs` times in each thread."""
    return runs * threads / max(seconds_of_threads(execute, runs, threads))


def resident_mib():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(call, calls):
    """MiB that `calls` calls leave behind, after as many as fill pools and caches."""
    for _ in range(max(calls // 10, 1)):
        call()
    before = resident_mib()
    for _ in range(calls):
        call()
    return resident_mib() - before


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, nargs="?", default=root / "build" / "release")
    parser.add_argument("--package", type=pathlib.Path, help="where the package is; default: BUILD/python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is not met")
    args = parser.parse_args()
    build = args.build.resolve()
    sys.path.insert(0, str(args.package or build / "python"))
    from omnisandbox import Config, Runtime, Sandbox

    folder = pathlib.Path(tempfile.mkdtemp())
    file = folder / "file"
    file.write_bytes(b"x" * 4096)
    box = Sandbox(Config(capabilities=["fs_read"], allowed_paths=[folder]))
    in_process = Sandbox(Config(), isolation="in_process")
    runtime = Runtime(Config(), isolation="in_process")
    runtime.compile("echo", build / "guests" / "echo.wasm")
    payload = b"x" * 200
    cases = {
        "fs_read": lambda: box.fs_read(file),
        "Runtime.execute": lambda: runtime.execute("echo", stdin=payload),
        "run_python": lambda: box.run_python(CODE),
        "run_python in this process": lambda: in_process.run_python(CODE),
    }
    assert box.run_python(CODE).stdout == "4950\n" and runtime.execute("echo", stdin=payload).stdout_data == payload

    boxes = {"worker": lambda: Sandbox(Config()), "in_process": lambda: Sandbox(Config(), isolation="in_process")}
    scaling, reads = [], []
    at_once = {(isolation, threads): [] for isolation in boxes for threads in THREADS}
    gains = {isolation: [] for isolation in boxes}
    for _ in range(args.rounds):
        scaling.append(cpp_runs_per_second(build, 2000, 8) / python_runs_per_second(cases["Runtime.execute"], 2000, 8))
        reads.append(seconds_each(cases["fs_read"], 2000) * 1e6)
        for isolation, new_box in boxes.items():
            rates = {}
            for threads in THREADS:
                rates[threads] = python_evaluations_per_second(new_box, threads), cpp_evaluations_per_second(build, isolation, threads)
                at_once[isolation, threads].append(rates[threads][1] / rates[threads][0])
            gains[isolation].append([rates[THREADS[-1]][side] / rates[1][side] for side in (0, 1)])
    met = True

    def report(what, values, unit, bar):
        nonlocal met
        median = statistics.median(values)
        met = met and median <= bar
        print(f"{what:<58} {median:8.2f} {unit} [{min(values):.2f} … {max(values):.2f}]  bar ≤ {bar:g}: "
              f"{'met' if median <= bar else 'NOT met'}")

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {args.rounds} rounds, median [lowest … highest]")
    report("fs_read of 4 KiB", reads, "µs", BARS["fs_read_us"])
    report("echo guest on 8 threads: time of Python's over C++'s", scaling, "×", BARS["threads"])
    for isolation, where in (("worker", "in workers"), ("in_process", "in this process")):
        for threads in THREADS:
            report(f"run_python {where}, {threads} thread{'s' * (threads > 1)}: time over C++'s", at_once[isolation, threads], "×", BARS["run_python"])
        python, cpp = (statistics.median(values) for values in zip(*gains[isolation]))
        print(f"  {THREADS[-1]} threads get {python:.2f} times the calls of one from Python, {cpp:.2f} times from C++")
    for name, call in cases.items():
        calls = args.calls // 20 if name.startswith("run_python") else args.calls
        report(f"{name}: what {calls:,} calls leave", [growth(call, calls)], "MiB", BARS["growth_mib"])
    file.unlink()
    folder.rmdir()
    return 1 if args.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
