#!/usr/bin/env python3
"""What a guest wrote is not seen by the next one, also where the kernel has swapped it out meanwhile.

    swapped_memory_test.py TEST_PROGRAM

Runs the tests of TEST_PROGRAM that search memory, under a memory limit that they do not fit into, beside a swap file of its own. For
root, where control groups of the first version hold memory and nothing is swapped yet; ends with 77 elsewhere, and without
OMNISANDBOX_THOROUGH=1.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
GROUPS = pathlib.Path("/sys/fs/cgroup/memory")
TESTS = "ComponentExports.PagesOfAnEarlierCall*:ComponentExports.MemoryOfAnEarlierCall*"
# The test's program takes 29 MB.
LIMITS = (20 << 20, 10 << 20)
SWAP_BYTES = 128 << 20


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


@contextlib.contextmanager
def swap_file():
    with tempfile.NamedTemporaryFile(prefix="omnisandbox-swap-") as file:
        os.posix_fallocate(file.fileno(), 0, SWAP_BYTES)
        if any(subprocess.run([command, file.name], capture_output=True, check=False).returncode != 0
               for command in ("/sbin/mkswap", "/sbin/swapon")):
            skip("this file system takes no swap file")
        try:
            yield
        finally:
            subprocess.run(["/sbin/swapoff", file.name], check=True)


@contextlib.contextmanager
def memory_group(limit):
    group = GROUPS / f"omnisandbox-swap-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit))
        yield group
    finally:
        group.rmdir()


def main():
    if os.environ.get("OMNISANDBOX_THOROUGH") != "1" or os.geteuid() != 0:
        skip("for root, with OMNISANDBOX_THOROUGH=1")
    if not (GROUPS / "memory.limit_in_bytes").exists() or len(pathlib.Path("/proc/swaps").read_text().splitlines()) > 1:
        skip("memory is not held by control groups of the first version, or there is swap already")
    failed = False
    with swap_file():
        for limit in LIMITS:
            with memory_group(limit) as group:
                done = subprocess.run([sys.argv[1], f"--gtest_filter={TESTS}"], check=False,
                                      preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
                print(f"under {limit >> 20} MiB: {done.returncode}", flush=True)
                failed |= done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
