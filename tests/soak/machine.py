"""What is left on the machine, and how to look at processes: everything from /proc."""

import ctypes
import os
import pathlib
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Whatever a killed process leaves behind becomes a child of ours, so that nothing can hide."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def children_of(pid):
    found = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found  # it has ended; pathlib's glob fails there
    for task in tasks:
        try:
            found += [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
        except OSError:
            pass
    return found


def descendants_of(pid):
    found, left = [], [pid]
    while left:
        more = children_of(left.pop())
        found += more
        left += more
    return found


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def is_dead(pid):
    """Gone, or a zombie that its new parent has not read yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def reap_adopted(known):
    """Ends the zombies among the children that are not in `known`."""
    for pid in children_of(os.getpid()):
        if pid not in known and is_dead(pid):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def survivors(known, seconds):
    """Children that are not in `known` and still live after `seconds`, with their names."""
    deadline = time.monotonic() + seconds
    while True:
        reap_adopted(known)
        left = [pid for pid in children_of(os.getpid()) if pid not in known and not is_dead(pid)]
        if not left or time.monotonic() > deadline:
            return [(pid, name_of(pid)) for pid in left]
        time.sleep(0.02)


def resident_kib(pid):
    """Memory of the process and of all that it started: proportional where the kernel says so."""
    total = 0
    for one in [pid, *descendants_of(pid)]:
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def places_of_groups():
    """Where the runs of this process make their control groups: in its own, of version 2 also beside that."""
    places = set()
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        for name in controllers.split(",") if controllers else ("", "unified"):
            place = pathlib.Path("/sys/fs/cgroup", name, own.lstrip("/"))
            places |= {place} if controllers else {place, place.parent}
    return {place for place in places if place.is_dir()}


def control_groups():
    """Groups of our own name in which nothing runs; those of other runs on this machine are in use, or elsewhere."""
    found = set()
    # os.listdir passes over a group that ends while we look; glob fails there.
    for path in (place / name for place in places_of_groups() for name in os.listdir(place) if name.startswith("omnisandbox-")):
        try:
            if not any(processes.read_text().strip() for processes in path.rglob("cgroup.procs")):
                found.add(str(path))
        except OSError:
            pass  # it ends while we look
    return found


def mounts():
    return {line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()}


def temporary_files(folder):
    """What OmniSandbox names itself, in the folder for temporary files of this run and beneath the allowed ones."""
    return {str(path) for path in pathlib.Path(folder).glob("**/*omnisandbox-*")}
