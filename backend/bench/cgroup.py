"""A control group with a share of one processor and bounded memory, like a small container. Versions 1 and 2."""

import contextlib
import os
import pathlib

import servers

ROOT = pathlib.Path("/sys/fs/cgroup")
PERIOD_US = 100_000


def _folders(name):
    """{folder of the group: (file of the processor limit, file of the memory limit)}"""
    if (ROOT / "cgroup.controllers").exists():
        return {ROOT / name: ("cpu.max", "memory.max")}
    return {ROOT / "cpu" / name: ("cpu.cfs_quota_us", None), ROOT / "memory" / name: (None, "memory.limit_in_bytes")}


@contextlib.contextmanager
def limited(cores, memory_bytes):
    """Yields the command prefix that runs a program in such a group. Raises servers.Failed where none may be made."""
    name, quota_us = f"vibe-bench-{os.getpid()}", round(cores * PERIOD_US)
    folders = _folders(name)
    try:
        for folder, (cpu, memory) in folders.items():
            folder.mkdir()
            if cpu:
                (folder / cpu).write_text(f"{quota_us} {PERIOD_US}" if cpu == "cpu.max" else str(quota_us))
            if memory:
                (folder / memory).write_text(str(memory_bytes))
    except OSError as problem:
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise servers.Failed(f"this machine allows no control group: {problem}") from problem
    joins = "; ".join(f"echo $$ > {folder}/cgroup.procs" for folder in folders)
    try:
        yield ["sh", "-c", f'{joins}; exec "$@"', "sh"]
    finally:
        for folder in folders:
            folder.rmdir()
