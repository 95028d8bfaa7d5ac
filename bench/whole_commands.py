"""Whole commands beside the programs that people would use instead, one after the other within each round."""

import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

# What is compared: title, ours, {peer: bar or None}. A bar is the most that our time may be of the peer's, at the median.
# The bars are wide enough for two busy cores and narrow enough to show a lost cache, a worker too many, or a wait.
WORKLOADS = {
    "python": ("a snippet of Python, from the start of a process to its end", "omnisandbox eval",
               {"python3 -c": 4.0, "docker run python3 -c": None}),
    "javascript": ("a snippet of JavaScript, from the start of a process to its end", "omnisandbox eval --lang javascript",
                   {"node -e": 1.0}),
    "command": ("a native command (true), confined", "omnisandbox run",
                {"bare": None, "bwrap": 6.0, "crun": None, "docker run": None, "docker exec": None}),
    "container": ("a command (true) in a new container", "omnisandbox run --image", {"docker run": None}),
}
# Confinement of the same kind: own namespaces, a read-only system, no network.
BWRAP = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64",
         "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "/usr/bin/true"]
DOCKER_IMAGES = ("busybox", "alpine", "test")
PYTHON_IMAGE = "omnisandbox-bench-python"
WAITING_CONTAINER = "omnisandbox-bench-waits"


class Commands:
    """The command lines of one machine; what is not installed is left out, with the reason in `left_out`."""

    def __init__(self, build, folder):
        self.folder = pathlib.Path(folder)
        self.left_out = {}
        program = str(build / "bin" / "omnisandbox")
        policy = self.folder / "policy.yaml"
        # A command in an image is named as the image finds it.
        policy.write_text("version: 1\ncapabilities: [exec_run]\nallowed_commands: [/usr/bin/true, \"true\"]\n", encoding="utf-8")
        self.lines = {"omnisandbox eval": [program, "eval", "6 * 7"],
                      "omnisandbox eval --lang javascript": [program, "eval", "--lang", "javascript", "6 * 7"],
                      "omnisandbox run": [program, "run", "--policy", str(policy), "--", "/usr/bin/true"], "bare": ["/usr/bin/true"]}
        self.add("python3 -c", ["/usr/bin/python3", "-c", "print(6 * 7)"])
        self.add("node -e", ["node", "-e", "console.log(6 * 7)"])
        self.add("bwrap", BWRAP)
        self.add_crun()
        self.add_docker()

    def add(self, name, line):
        program = shutil.which(line[0])
        if program is None:
            self.left_out[name] = "it is not installed"
        elif (done := subprocess.run([program, *line[1:]], capture_output=True, text=True, check=False)).returncode != 0:
            self.left_out[name] = f"it fails here: {done.stderr.strip()[:200]}"
        else:
            self.lines[name] = [program, *line[1:]]

    def add_crun(self):
        """A bundle whose root is a copy of nothing but what `true` needs, without a network."""
        if shutil.which("crun") is None:
            self.left_out["crun"] = "it is not installed"
            return
        bundle = self.folder / "bundle"
        bundle.mkdir()
        subprocess.run(["crun", "spec"], cwd=bundle, check=True)
        settings = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
        settings["process"].update(args=["/usr/bin/true"], terminal=False)
        root = bundle / "rootfs"
        for name in ("usr", "lib", "lib64", "proc", "dev", "sys", "tmp"):
            (root / name).mkdir(parents=True)
        settings["mounts"] += [{"destination": place, "source": place, "type": "bind", "options": ["rbind", "ro"]}
                               for place in ("/usr", "/lib", "/lib64")]
        (bundle / "config.json").write_text(json.dumps(settings), encoding="utf-8")
        self.add("crun", ["crun", "run", "--bundle", str(bundle), "omnisandbox-bench"])

    def add_docker(self):
        found = subprocess.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True,
                               check=False) if shutil.which("docker") else None
        images = [] if found is None or found.returncode != 0 else [name for name in found.stdout.split() if name.startswith(DOCKER_IMAGES)]
        if not images:
            for name in ("docker run", "docker exec", "docker run python3 -c", "omnisandbox run --image"):
                self.left_out[name] = "no engine is reachable, or it has neither busybox nor alpine"
            return
        self.add("docker run", ["docker", "run", "--rm", "--network", "none", images[0], "true"])
        self.add("omnisandbox run --image", [*self.lines["omnisandbox run"][:4], "--image", images[0], "--", "true"])
        subprocess.run(["docker", "rm", "--force", WAITING_CONTAINER], capture_output=True, check=False)
        subprocess.run(["docker", "run", "--detach", "--name", WAITING_CONTAINER, "--network", "none", images[0], "sleep", "3600"],
                       capture_output=True, check=False)
        self.add("docker exec", ["docker", "exec", WAITING_CONTAINER, "true"])
        self.make_python_image()
        self.add("docker run python3 -c", ["docker", "run", "--rm", "--network", "none", PYTHON_IMAGE, "/usr/bin/python3", "-c", "print(6 * 7)"])

    @staticmethod
    def make_python_image():
        """This machine's own interpreter and what it loads."""
        linked = subprocess.run(["ldd", "/usr/bin/python3"], capture_output=True, text=True, check=False).stdout
        files = ["/usr/bin/python3", os.path.realpath("/usr/bin/python3"), *re.findall(r"/\S+", linked), *glob.glob("/usr/lib/python3.*")]
        with subprocess.Popen(["tar", "--create", "--dereference", "--absolute-names", "--exclude=__pycache__", "--exclude=dist-packages", *files],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as packed:
            subprocess.run(["docker", "import", "-", PYTHON_IMAGE], stdin=packed.stdout, capture_output=True, check=False)

    def close(self):
        if "docker exec" in self.lines:
            subprocess.run(["docker", "rm", "--force", WAITING_CONTAINER], capture_output=True, check=False)
            subprocess.run(["docker", "rmi", "--force", PYTHON_IMAGE], capture_output=True, check=False)

    def time_ms(self, name):
        began = time.perf_counter()
        done = subprocess.run(self.lines[name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        taken = (time.perf_counter() - began) * 1000
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(self.lines[name])} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
        return taken


def measure(build, seconds):
    """({workload: {name: [ms of each round]}}, {peer: why it is left out}), in about so many seconds."""
    with tempfile.TemporaryDirectory(prefix="bench-commands-") as folder:
        with contextlib.closing(Commands(build, folder)) as commands:
            return measure_commands(commands, seconds), commands.left_out


def measure_commands(commands, seconds):
    """{workload: {name: [ms of each round]}}."""
    workloads = {workload: parts for workload, parts in WORKLOADS.items() if parts[1] in commands.lines}
    measured = {}
    for workload, (_, ours, peers) in workloads.items():
        names = [ours, *(name for name in peers if name in commands.lines)]
        for name in names:
            commands.time_ms(name)  # caches, and the module cache, are warm
        times = {name: [] for name in names}
        deadline = time.monotonic() + seconds / len(workloads)
        turn = 0
        while time.monotonic() < deadline or len(times[ours]) < 5:
            order = names[turn % len(names):] + names[:turn % len(names)]
            for name in order:
                times[name].append(commands.time_ms(name))
            turn += 1
        measured[workload] = times
    return measured
