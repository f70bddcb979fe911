"""Ports and processes of this machine: which are free, who listens, what runs."""

import contextlib
import os
import pathlib
import socket


class _Ports:
    """Free ports below the ephemeral range, so that no outgoing connection takes one between choice and use. A process has a
    range of its own: it claims one by an abstract socket, which no other run of the tests can bind meanwhile."""

    def __init__(self):
        self.claim, self.first, self.next = None, 0, 0

    def _claim(self):
        for number in range(16):
            claim = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(OSError):
                claim.bind(f"\0vibe-test-ports-{number}")
                return claim, 15000 + 1000 * number
            claim.close()
        raise RuntimeError("16 runs of the tests are in progress: there are no more port ranges")

    def take(self):
        if self.claim is None:
            self.claim, self.first = self._claim()
            self.next = self.first
        while True:
            self.next = self.first + (self.next + 1 - self.first) % 1000
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", self.next))
                    return self.next


free_port = _Ports().take


def listens(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((host, port)) == 0


def _stat(pid):
    """The fields of /proc/PID/stat after the command's name, from the state on."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def start_time(pid):
    """When a process started, in ticks since boot; None if there is none. With the pid it identifies a process."""
    try:
        return _stat(pid)[19]
    except OSError:
        return None


def command_name(pid):
    """What `ps` calls a process; None if there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def process_table():
    """pid → parent, of all processes that are not zombies."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                state, parent, *_ = _stat(entry)
                if state not in "ZX":
                    table[int(entry)] = int(parent)
    return table


def parent_of(pid):
    return process_table().get(pid)


def descendants_of(pids, table):
    """These processes and all below them."""
    found = set(pids) & table.keys()
    while more := {pid for pid, parent in table.items() if parent in found} - found:
        found |= more
    return found


def works_in(pid, folder):
    """Whether the working folder of a process is this folder or one below it. PostgreSQL's is its data folder."""
    with contextlib.suppress(OSError):
        return pathlib.Path(os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")).is_relative_to(folder)
    return False


def processes_in(folder):
    """The processes that work in the folder or have it among their arguments."""
    def is_told(pid):
        with contextlib.suppress(OSError):
            return str(folder).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return False

    return {pid for pid in process_table() if pid != os.getpid() and (works_in(pid, folder) or is_told(pid))}
