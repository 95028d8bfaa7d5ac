#!/usr/bin/env python3
"""Runs the guest licence_report under policy.yaml, shows what it did, and checks that nothing else happened.

    demo.py OMNISANDBOX GUESTS

Ends with 0 when the report is right, every attempt beyond the policy was refused without effect, and the audit says so.
"""

import collections
import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading

HERE = pathlib.Path(__file__).resolve().parent
DOC_FOLDER = pathlib.Path("/usr/share/doc")
TEXT_FOLDER = pathlib.Path("/usr/share/common-licenses")
SECRET = "this line must never leave its folder"


class Checks:
    """Claims and whether they hold; the demo fails when one does not."""

    def __init__(self):
        self.failed = []

    def that(self, claim, holds, details=""):
        if not holds:
            self.failed.append(f"{claim}{': ' if details else ''}{details}")


class Paint:
    """Colours on a terminal, unless NO_COLOR is set to something (https://no-color.org)."""

    def __init__(self):
        self.on = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def __call__(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.on else text


def serve(pages):
    """An HTTP server on a free port of 127.0.0.1, and the list of requests that reach it. `pages`: path → (status, headers, body)."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 (the name that http.server looks for)
            requests.append(self.path)
            status, headers, body = pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, requests


def count_connections(server):
    """Counts connections before any request is read: a refused fetch must not even connect."""
    connections = []
    accept = server.get_request

    def counted():
        connection = accept()
        connections.append(connection[1])
        return connection

    server.get_request = counted
    return connections


def names_in(expression):
    """As licences.c reads it: "GPL-2+ with OpenSSL-exception or MIT" → GPL-2+, MIT."""
    names, in_exception = [], False
    for word in re.split(r"[ \t\r\n,]+", expression):
        if word in ("or", "and"):
            in_exception = False
        elif word == "with":
            in_exception = True
        elif word and not in_exception:
            names.append(word)
    return names


def expected_table():
    """What licences.csv must say, worked out here a second time: {licence: number of packages}, and the number of packages."""
    table, packages = collections.Counter(), 0
    for folder in DOC_FOLDER.iterdir():
        copyright_file = folder / "copyright"
        # A link that leads out of the folder is refused to the guest.
        if not copyright_file.resolve().is_relative_to(DOC_FOLDER) or not copyright_file.is_file():
            continue
        text = copyright_file.read_bytes().decode("latin-1")
        packages += 1
        lines = text.split("\n")
        first = next((line for line in lines if line), "")
        if first.startswith("Format:"):
            names = {name for line in lines if line.startswith("License:") for name in names_in(line[len("License:"):])}
        else:
            found = re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*)", text)
            names = {name.rstrip(".-") for name in found}
        table.update(name for name in names if 0 < len(name) < 64)
    return dict(table), packages


def written_table(path):
    rows = [line.rsplit(",", 2) for line in path.read_text(encoding="latin-1").splitlines()[1:]]
    return {name[1:-1]: int(packages) for name, packages, _ in rows}


def run(command, policy, audit, guest, *args):
    call = [command, "run", *(["--policy", str(policy)] if policy else []), "--json", "--audit", str(audit), "--", str(guest), *args]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
    try:
        result = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"demo: {' '.join(call)}\nended with {done.returncode} and printed no JSON: {done.stdout[:500]}{done.stderr[:2000]}")
    records = [json.loads(line) for line in audit.read_text(encoding="ascii").splitlines()] if audit.exists() else []
    return done.returncode, result, records


def check_work(checks, out, result, exit_code):
    """The report is right, by a count of our own."""
    table, packages = expected_table()
    checks.that("the guest ends with 0", exit_code == 0 and result["status"] == "ok",
                f"exit code {exit_code}, {result['status']}, {result['stderr']} {result['error']}")
    report = out / "report.md"
    if not report.exists() or not (out / "licences.csv").exists():
        checks.that("the report is written", False)
        return
    text = report.read_text(encoding="latin-1")
    checks.that("the report counts every package", f"- packages: {packages}\n" in text, f"{packages} packages expected")
    checks.that("licences.csv is what this script counts itself", written_table(out / "licences.csv") == table)
    for name in os.listdir(TEXT_FOLDER):
        checks.that(f"the report has {name}", f"| {name} " in text)
    ran = re.search(r"wc ran and printed: (\d+)", result["stdout"])
    checks.that("wc ran and counted the report's lines", ran and int(ran.group(1)) == text.count("\n"), result["stdout"])


def check_refusals(checks, result, records, work, other_connections, attempts):
    """Every attempt (capability, part of its resource, part of the reason) was refused, in this order, is in the audit, and had no effect."""
    denials = [d for d in result["denials"] if not d["resource"].startswith(str(DOC_FOLDER))]
    recorded = [r for r in records if r.get("answer") == "denial" and not r["resource"].startswith(str(DOC_FOLDER))]
    for name, list_of in (("result", denials), ("audit", recorded)):
        checks.that(f"the {name} has as many denials as there were attempts", len(list_of) == len(attempts),
                    "; ".join(f"{d['capability']} {d['resource']}" for d in list_of))
        for (capability, resource, reason), denial in zip(attempts, list_of):
            checks.that(f"the {name} has {capability} {resource} refused, with a reason",
                        denial["capability"] == capability and resource in denial["resource"] and denial["reason"] and
                        reason in denial["reason"], str(denial))
    checks.that("nothing was written outside", not (work / "outside.txt").exists() and sorted(os.listdir(work)) == WORK_CONTENT,
                str(sorted(os.listdir(work))))
    checks.that("the secret was not read", SECRET not in json.dumps(result))
    checks.that("nothing connected to the other port", not other_connections)
    checks.that("the guest saw every refusal", "NOT REFUSED" not in result["stdout"] and
                result["stdout"].count("refused: ") == len(attempts), result["stdout"])
    outcomes = [r for r in records if r["event"] == "outcome" and r["run_id"] == result["run_id"]]
    checks.that("the audit has the run's outcome", len(outcomes) == 1 and outcomes[0]["status"] == "ok")


WORK_CONTENT = ["audit.jsonl", "out", "policy.yaml", "private"]


def print_table(paint, result, records):
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    print("\n" + paint("1", "Allowed, as the audit recorded it"))
    grants = collections.Counter((r["operation"], r["rule"]) for r in records if r.get("answer") == "grant")
    for (operation, rule), times in grants.items():
        print(f"  {paint('32', 'allowed')}  {operation:<16} {times:>5} ×  {rule}")
    print("\n" + paint("1", "Refused, and why"))
    for denial in result["denials"]:
        print(f"  {paint('31', 'refused')}  {denial['capability']:<9} {denial['resource']}")
        print(textwrap.fill(denial["reason"], width, initial_indent=" " * 11, subsequent_indent=" " * 11))
    decisions = sum(r["event"] == "decision" for r in records)
    print("\n" + paint("1", "The run"))
    print(f"  outcome      {result['status']}, exit code {result['exit_code']}")
    print(f"  time         {result['duration_ms']:.1f} ms")
    print(f"  peak memory  {result['peak_memory_bytes'] / 2**20:.1f} MiB of 16 MiB")
    print(f"  confined by  {result['sandbox']['kind']}: {', '.join(result['sandbox']['layers'])}")
    print(f"  audit        {len(records)} records: {decisions} decisions ({result['denial_count']} denials) and the outcome")


def report(paint, checks):
    if checks.failed:
        print("\n" + paint("31;1", f"{len(checks.failed)} of the demo's checks failed:"))
        for failure in checks.failed:
            print(f"  - {failure}")
        return 1
    print("\n" + paint("32;1", "Every check holds: ") + "the report is right, and nothing beyond the policy had any effect.")
    return 0


def demo(command, guests, work):
    out, private = work / "out", work / "private"
    out.mkdir()
    private.mkdir()
    (private / "secret.txt").write_text(SECRET + "\n", encoding="ascii")
    (out / "shortcut").symlink_to("../private")
    guest = guests / "licence_report.wasm"
    if not guest.exists():
        sys.exit(f"demo: {guest} is missing; build the target `guests` first")

    with contextlib.ExitStack() as stack:
        other, _ = serve({"/": (200, {}, b"reached\n")})
        stack.callback(other.shutdown)
        other_connections = count_connections(other)
        other_url = f"http://127.0.0.1:{other.server_port}/"
        server, _ = serve({"/licences/approved.txt": (200, {"Content-Type": "text/plain"}, (HERE / "approved.txt").read_bytes()),
                           "/licences/elsewhere": (302, {"Location": other_url}, b"")})
        stack.callback(server.shutdown)
        list_url = f"http://127.0.0.1:{server.server_port}/licences/approved.txt"

        policy = work / "policy.yaml"
        template = (HERE / "policy.yaml").read_text(encoding="utf-8")
        policy.write_text(template.replace("@OUT@", str(out)).replace("@PORT@", str(server.server_port)), encoding="utf-8")
        exit_code, result, records = run(command, policy, work / "audit.jsonl", guest, str(out), list_url, other_url)

        paint, checks = Paint(), Checks()
        print(paint("1", "What the guest says"))
        print(textwrap.indent(result["stdout"] + result["stderr"], "  "), end="")
        print_table(paint, result, records)

        check_work(checks, out, result, exit_code)
        check_refusals(checks, result, records, work, other_connections,
                       [("fs_read", "/etc/shadow", ""), ("fs_read", "shortcut/secret.txt", ""), ("fs_write", "outside.txt", ""),
                        ("net_http", other_url, ""), ("net_http", other_url, "redirect"), ("exec_run", "sh", "")])

        # The same guest without a policy may do nothing at all.
        before = (out / "report.md").read_bytes() if (out / "report.md").exists() else b""
        exit_code, result, _ = run(command, None, work / "out" / "audit_without_policy.jsonl", guest, str(out), list_url, other_url)
        checks.that("without a policy the guest cannot begin", exit_code == 1 and result["denial_count"] == 1,
                    f"exit code {exit_code}, {result['denial_count']} denials")
        checks.that("without a policy nothing is written", not before or (out / "report.md").read_bytes() == before)
        return report(paint, checks)


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    if not TEXT_FOLDER.is_dir() or not any(DOC_FOLDER.glob("*/copyright")):
        print(f"demo: this machine has no {TEXT_FOLDER} or no {DOC_FOLDER}/*/copyright; the demo reads what Debian and its "
              "derivatives install there", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="omnisandbox-demo-") as work:
        return demo(os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(work).resolve())


if __name__ == "__main__":
    sys.exit(main())
