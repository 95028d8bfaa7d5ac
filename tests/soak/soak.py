#!/usr/bin/env python3
"""Runs evaluations, confined commands and writes for a while, and kills their processes at random times.

    tests/soak/soak.py [BUILD] [--minutes N | --evaluations N --commands N] [--in-flight N] [--seed S] [--most-kib-per-minute N]

Two things go on at the same time. A server (`omnisandbox mcp`) answers evaluations, confined commands, reads and writes without
a pause: its memory and its open descriptors must not grow, with all its processes together. Beside it single commands run, each
of which loses one of its processes to SIGKILL at a random moment: no process, control group, mount or temporary
file may be left, no written file may be half old and half new, and every result that was given out must stand in the audit log.

It ends after so many minutes, or when the server has answered so many evaluations and confined commands.

Prints what was measured; ends with 1 where a promise is broken.
"""

import argparse
import itertools
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import machine

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SETTLE_SECONDS = 5  # within which everything of a killed command is gone
SAMPLE_SECONDS = 1
PROGRESS_SECONDS = 60
MOST_SAMPLES = 1000  # that a slope is made of: it looks at all pairs
# What a release should have stood once; the report says how long that takes here.
FULL_EVALUATIONS, FULL_COMMANDS = 1_000_000, 100_000
PATTERNS = ("a", "b")
FILE_BYTES = 300_000
# A process is killed this long after its command began, so that every phase of a run is hit.
LATEST_KILL_SECONDS = 0.6


class Problems:
    def __init__(self):
        self.found = []
        self.lock = threading.Lock()

    def add(self, text):
        with self.lock:
            self.found.append(text)
            print(f"PROBLEM: {text}", file=sys.stderr, flush=True)


class Place:
    """Folders, policy and audit log of one part of the soak."""

    def __init__(self, base, name):
        self.folder = base / name
        self.work = self.folder / "work"
        self.temporary = self.folder / "tmp"
        for path in (self.work, self.temporary):
            path.mkdir(parents=True)
        (self.work / "note.txt").write_text("a note\n")
        (self.work / "file").write_text(PATTERNS[0] * FILE_BYTES)
        self.policy = self.folder / "policy.yaml"
        self.policy.write_text(json.dumps({
            "version": 1, "capabilities": ["fs_read", "fs_write", "exec_run"], "allowed_paths": [str(self.work)],
            "allowed_commands": ["cat", "sh", "sleep"], "timeout": "20s", "audit_required": True}))
        self.audit = self.folder / "audit.jsonl"
        self.environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.temporary), "XDG_CACHE_HOME": str(base / "cache")}

    def recorded(self, problems):
        """The run ids that have an outcome. Each line of the log is whole, whoever was killed."""
        found = set()
        for file in sorted(self.folder.glob("audit.jsonl*")):
            for number, line in enumerate(file.read_bytes().splitlines(), 1):
                try:
                    record = json.loads(line)
                except ValueError:
                    problems.add(f"{file}:{number} is no whole record: {line[:100]!r}")
                    continue
                if record.get("event") == "outcome":
                    found.add(record["run_id"])
        return found

    def check_file(self, problems):
        content = (self.work / "file").read_text()
        if content not in [pattern * FILE_BYTES for pattern in PATTERNS]:
            problems.add(f"{self.work}/file is neither the old nor the new content: {len(content)} bytes")


class Server(threading.Thread):
    """`omnisandbox mcp`, asked without a pause and watched."""

    # (tool, arguments, whether it fails, what its answer says). Ten evaluations for each confined command: so many a release
    # should have stood.
    CALLS = [*[("run_python", {"code": "sum(range(1000))"}, False, "499500"), ("run_javascript", {"code": "6 * 7"}, False, "42")] * 4,
             ("run_python", {"code": "open('/etc/passwd')"}, True, "FileNotFoundError"),
             ("run_javascript", {"code": "throw new Error('as wanted')"}, True, "Uncaught Error: as wanted"),
             ("run_command", {"command": "cat", "args": ["note.txt"]}, False, "a note"),
             ("read_file", {"path": "note.txt"}, False, "a note"), ("write_file", {"path": "file", "content": "c" * 1000}, False, "1000"),
             ("run_command", {"command": "rm", "args": ["-rf", "."]}, True, "not listed in allowed_commands")]

    def __init__(self, program, place, stop, problems, in_flight, wanted=None):
        super().__init__(daemon=True)
        self.in_flight = in_flight
        self.wanted = wanted  # how often each kind is asked for at most; None: without an end
        self.asked = {"evaluations": 0, "commands": 0, "others": 0}
        self.answered = dict(self.asked)
        self.turns = itertools.cycle(self.CALLS)
        self.seconds = 0.0
        self.place, self.stop, self.problems = place, stop, problems
        self.process = subprocess.Popen([program, "mcp", "--policy", place.policy, "--audit", place.audit], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=place.environment, cwd=place.work)
        self.calls = 0
        self.samples = []  # (seconds, KiB, descriptors)

    def send(self, method, parameters):
        """The number of the call."""
        self.calls += 1
        message = {"jsonrpc": "2.0", "id": self.calls, "method": method, "params": parameters}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        return self.calls

    def receive(self):
        """The next answer to a call."""
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise EOFError("the server ended")
            answer = json.loads(line)
            if "id" in answer and "method" not in answer:
                return answer

    def next_call(self):
        """What is to be asked next; None when all that is wanted was asked."""
        if self.wanted and all(self.asked[kind] >= number for kind, number in self.wanted.items()):
            return None
        for call in self.turns:
            kind = kind_of(*call[:2])
            if not self.wanted or self.asked[kind] < self.wanted.get(kind, float("inf")):
                self.asked[kind] += 1
                return call

    def run(self):
        try:
            self.send("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}})
            self.receive()
            self.process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
            began = last = told = time.monotonic()
            pending = {}
            while True:
                while len(pending) < self.in_flight and not self.stop.is_set() and (call := self.next_call()):
                    name, arguments, *_ = call
                    arguments = {key: str(self.place.work / value) if key == "path" else value for key, value in arguments.items()}
                    pending[self.send("tools/call", {"name": name, "arguments": arguments})] = call
                if not pending:
                    return
                answer = self.receive()
                self.check(*pending.pop(answer["id"]), answer)
                now = time.monotonic()
                self.seconds = now - began
                if now - last >= SAMPLE_SECONDS:
                    last = now
                    self.samples.append((now - began, machine.resident_kib(self.process.pid), machine.descriptors_of(self.process.pid)))
                if now - told >= PROGRESS_SECONDS:
                    told = now
                    self.tell_progress()
        except (OSError, EOFError, ValueError, KeyError) as error:
            self.problems.add(f"the server: {error!r}")

    def tell_progress(self):
        done = ", ".join(f"{self.answered[kind]:,}" + (f" of {self.wanted[kind]:,}" if self.wanted and kind in self.wanted else "") + f" {kind}"
                         for kind in ("evaluations", "commands"))
        print(f"{self.seconds / 60:.0f} min: {done}; {self.samples[-1][1]:,} KiB, {self.samples[-1][2]} descriptors", file=sys.stderr, flush=True)

    def check(self, name, arguments, fails, says, answer):
        if answer["result"].get("isError", False) != fails or says not in answer["result"]["content"][0]["text"]:
            self.problems.add(f"{name} {arguments}: {str(answer)[:300]}")
        self.answered[kind_of(name, arguments)] += 1

    def end(self):
        self.process.stdin.close()
        try:
            if self.process.wait(timeout=30) != 0:
                self.problems.add(f"the server ended with {self.process.returncode}")
        except subprocess.TimeoutExpired:
            self.problems.add("the server did not end when its input did")
            self.process.kill()


def kind_of(name, arguments):
    if name.startswith("run_") and name != "run_command":
        return "evaluations"
    # What the policy does not list is refused before anything is confined.
    return "commands" if name == "run_command" and arguments["command"] == "cat" else "others"


def slope(samples):
    """KiB a minute: the median of the slopes between all pairs of samples, which single peaks do not bend."""
    samples = samples[::-(-len(samples) // MOST_SAMPLES) or 1]
    pairs = [(after[1] - before[1]) / (after[0] - before[0]) * 60 for place, before in enumerate(samples) for after in samples[place + 1:]]
    return statistics.median(pairs) if pairs else 0.0


class Killer:
    """Single commands, one at a time, each of which is killed in part or as a whole."""

    def __init__(self, program, place, known, source, problems):
        self.program, self.place, self.known, self.source, self.problems = program, place, known, source, problems
        self.acknowledged = set()
        self.counts = {"whole": 0, "killed": 0, "ended before": 0}
        self.written = 0
        self.victims = {}

    def command(self):
        """(arguments, standard input)"""
        options = ["--policy", self.place.policy, "--audit", self.place.audit, "--json"]
        pattern = self.source.choice(PATTERNS)
        return self.source.choice([
            (["eval", *options, "sum(range(10 ** 6))"], b""),
            (["run", *options, "--", "sh", "-c", "sleep 0.1 & (sleep 0.2; cat note.txt) & cat; wait"], b"input"),
            (["run", *options, "--", "sleep", "0.2"], b""),
            (["call", *options, "fs_write", str(self.place.work / "file")], (pattern * FILE_BYTES).encode()),
            (["call", *options, "fs_write", str(self.place.work / "file")], (pattern * FILE_BYTES).encode())])

    def step(self):
        arguments, data = self.command()
        process = subprocess.Popen([self.program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=self.place.environment, cwd=self.place.work)
        self.known.add(process.pid)
        timer = None
        if self.source.random() < 0.8:
            timer = threading.Timer(self.source.random() ** 2 * LATEST_KILL_SECONDS, self.strike, [process])
            timer.start()
        try:
            output, _ = process.communicate(data, timeout=60)
        except subprocess.TimeoutExpired:
            self.problems.add(f"{arguments} did not end within a minute after a process of it was killed")
            process.kill()
            output, _ = process.communicate()
        if timer:
            timer.cancel()
            timer.join()
        self.known.discard(process.pid)
        self.note(output, process.returncode)
        if left := machine.survivors(self.known, SETTLE_SECONDS):
            self.problems.add(f"{arguments[0]} {arguments[-1][:40]}: these processes survived: {left}")
            for pid, _ in left:
                machine.kill(pid)
        self.place.check_file(self.problems)

    def strike(self, process):
        """Kills the command itself, or, a moment after there are some, one of those that it started."""
        below = []
        if self.source.random() < 0.7:
            while process.poll() is None and not below:
                time.sleep(0.005)
                below = machine.descendants_of(process.pid)
            time.sleep(self.source.random() * 0.2)
            below = machine.descendants_of(process.pid)
        if process.poll() is not None:
            self.counts["ended before"] += 1
            return
        self.counts["killed"] += 1
        victim = self.source.choice(below) if below else process.pid
        name = machine.name_of(victim)
        self.victims[name] = self.victims.get(name, 0) + 1
        machine.kill(victim)

    def note(self, output, code):
        """A whole answer on standard output is a promise: its run stands in the audit log."""
        try:
            answer = json.loads(output)
        except ValueError:
            if code >= 0:
                self.problems.add(f"a command ended with {code} and no JSON: {output[:200]!r}")
            return
        self.counts["whole"] += 1
        if answer.get("run_id"):
            self.acknowledged.add(answer["run_id"])


def report(server, killer, problems, most_kib_per_minute):
    calls_per_second = server.calls / max(server.seconds, 1)
    settled = server.samples[len(server.samples) // 4:]
    print(f"server: {server.calls} calls in {server.seconds:.0f} s, {calls_per_second:.0f} a second: "
          + ", ".join(f"{number} {kind}" for kind, number in server.answered.items()))
    if server.answered["evaluations"] and server.answered["commands"]:
        rounds = max(FULL_EVALUATIONS / server.answered["evaluations"], FULL_COMMANDS / server.answered["commands"])
        print(f"  {FULL_EVALUATIONS:,} evaluations and {FULL_COMMANDS:,} commands take {rounds * server.seconds / 3600:.1f} hours at this rate")
    if len(settled) < 8:
        problems.add("too few samples of the server's memory")
    else:
        growth = slope(settled)
        descriptors = [sample[2] for sample in settled]
        quarter = max(1, len(descriptors) // 4)
        more = statistics.median(descriptors[-quarter:]) - statistics.median(descriptors[:quarter])
        print(f"  memory of all its processes: {settled[0][1]} KiB after {settled[0][0]:.0f} s, {settled[-1][1]} KiB at the end, "
              f"{growth:+.0f} KiB a minute ({growth * 1024 / max(1, calls_per_second * 60):+.0f} bytes a call)")
        print(f"  open descriptors: {min(descriptors)} to {max(descriptors)}, {more:+.0f} over the time")
        if growth > most_kib_per_minute:
            problems.add(f"the server's memory grows by {growth:.0f} KiB a minute; at most {most_kib_per_minute} are expected")
        if more > 2:
            problems.add(f"the server's open descriptors grow: {more:+.0f}")
    print(f"commands: {killer.counts['whole']} whole answers, {killer.counts['killed']} kills ("
          + ", ".join(f"{count} {name}" for name, count in sorted(killer.victims.items())) + f"), {killer.counts['ended before']} too late")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--evaluations", type=int, default=0)
    parser.add_argument("--commands", type=int, default=0)
    parser.add_argument("--in-flight", type=int, default=4, help="calls that the server has at a time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--most-kib-per-minute", type=float, default=2048)
    args = parser.parse_args()
    program = args.build.resolve() / "bin" / "omnisandbox"
    if not program.exists():
        sys.exit(f"{program} is not built; run `make build` first")
    machine.adopt_orphans()
    problems = Problems()
    stop = threading.Event()
    base = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    groups, mounted = machine.control_groups(), machine.mounts()
    wanted = {kind: number for kind, number in (("evaluations", args.evaluations), ("commands", args.commands)) if number} or None
    minutes = args.minutes or (float("inf") if wanted else 10)
    end = ", ".join(f"{number} {kind}" for kind, number in (wanted or {}).items()) or f"{minutes:g} minutes"
    print(f"{end}, seed {args.seed}, {program}", flush=True)
    # Both are compiled once, so that no compile is taken for growth.
    served, killed = Place(base, "served"), Place(base, "killed")
    server = Server(program, served, stop, problems, args.in_flight, wanted)
    known = {server.process.pid}
    server.start()
    killer = Killer(program, killed, known, random.Random(args.seed), problems)
    deadline = time.monotonic() + minutes * 60
    while time.monotonic() < deadline and server.is_alive():
        killer.step()
    stop.set()
    server.join(timeout=60)
    server.end()
    known.discard(server.process.pid)
    if left := machine.survivors(known, SETTLE_SECONDS):
        problems.add(f"these processes survived the server: {left}")
    report(server, killer, problems, args.most_kib_per_minute)
    finish(killer, base, groups, mounted, problems)
    shutil.rmtree(base)
    print(f"{len(problems.found)} problems")
    return 1 if problems.found else 0


def finish(killer, base, groups, mounted, problems):
    """What is looked at once, at the end. One more write removes what a killed writer left, and one more command the control
    groups of killed ones, as it is documented."""
    options = ["--policy", killer.place.policy, "--audit", killer.place.audit]
    for arguments in (["call", *options, "fs_write", killer.place.work / "file"], ["run", *options, "--", "sleep", "0"]):
        subprocess.run([killer.program, *arguments], input=b"a" * FILE_BYTES, env=killer.place.environment, cwd=killer.place.work, check=True)
    killer.place.check_file(problems)
    recorded = killer.place.recorded(problems)
    lost = killer.acknowledged - recorded
    print(f"audit: {len(recorded)} outcomes, {len(killer.acknowledged)} acknowledged, {len(lost)} of them lost")
    if lost:
        problems.add(f"acknowledged and not in the audit log: {sorted(lost)[:5]}")
    for what, left in (("control groups", machine.control_groups() - groups), ("mounts", machine.mounts() - mounted),
                       ("temporary files", machine.temporary_files(base))):
        # Other runs on this machine come and go; what is left over stays.
        left = {name for name in left if what == "mounts" or os.path.exists(name)}
        print(f"{what} left: {len(left)}")
        if left:
            problems.add(f"{what} left: {sorted(left)[:5]}")


if __name__ == "__main__":
    sys.exit(main())
