"""Runs a command of ./dev with its output in a log, and shows on standard error how far it is.

On a terminal one line moves; elsewhere a plain line comes every half minute. Failed tests are named as they happen. Knows
the output of ninja, of meson test and of pytest -v with pytest-xdist; the exit status is the command's.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

PLAIN_INTERVAL_S = 30
MOVING_INTERVAL_S = 0.2

NINJA = re.compile(r"^\[(?P<done>\d+)/(?P<total>\d+)\] (?P<what>.*)")
MESON = re.compile(r"^ *(?P<done>\d+)/(?P<total>\d+) (?P<what>.*?) +"
                   r"(?P<outcome>OK|FAIL|ERROR|TIMEOUT|SKIP|EXPECTEDFAIL|UNEXPECTEDPASS)\b")
PYTEST = re.compile(r"^\[gw\d+\] \[ *\d+%\] (?P<outcome>PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (?:\S*/)?(?P<what>.*?) *$")
PYTEST_TOTAL = re.compile(r"(?:\d+ workers|gw\d+) \[(?P<total>\d+)(?: items?)?\]")
BAD = {"FAIL", "FAILED", "ERROR", "TIMEOUT", "UNEXPECTEDPASS"}


class Progress:
    """What the output says so far."""

    def __init__(self):
        self.done = self.total = self.failed = 0
        self.what = ""

    def read(self, line):
        """Takes one line of the output; the name of the test if it says that one failed."""
        if found := PYTEST_TOTAL.search(line):
            self.total = int(found["total"])
        elif found := PYTEST.match(line):
            self.done += 1
        elif found := MESON.match(line) or NINJA.match(line):
            self.done, self.total = int(found["done"]), int(found["total"])
        else:
            return None
        fields = found.groupdict()
        self.what = fields.get("what") or self.what
        if fields.get("outcome") not in BAD:
            return None
        self.failed += 1
        return self.what

    def text(self, name, seconds):
        count = f"{self.done} of {self.total}" if self.total else "starting"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"  {name}: {count}{failed}, {int(seconds) // 60}:{int(seconds) % 60:02}"


class Display:
    """Writes it: over the same line on a terminal, as plain lines elsewhere."""

    def __init__(self, name, progress):
        self.name, self.progress = name, progress
        self.moving, self.started, self.shown = sys.stderr.isatty(), time.monotonic(), ""
        self.lock, self.over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        with self.lock:
            self._clear()

    def _run(self):
        while not self.over.wait(MOVING_INTERVAL_S if self.moving else PLAIN_INTERVAL_S):
            with self.lock:
                self._show()

    def _clear(self):
        if self.moving:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def _show(self):
        text = self.progress.text(self.name, time.monotonic() - self.started)
        if self.moving:
            text = f"{text}  {self.progress.what}"[:shutil.get_terminal_size().columns - 1]
            sys.stderr.write(f"\r{text}\033[K")
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def take(self, line):
        with self.lock:
            if failed := self.progress.read(line):
                self._clear()
                sys.stderr.write(f"  {self.name}: FAILED {failed}\n")
                sys.stderr.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="the suite, as it is shown")
    parser.add_argument("log", type=pathlib.Path, help="the file for the command's output")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    with open(options.log, "w", encoding="utf-8") as log, Display(options.name, Progress()) as display, \
            subprocess.Popen(options.command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace") as command:
        try:
            for line in command.stdout:
                log.write(line)
                log.flush()
                display.take(line)
        except KeyboardInterrupt:  # the terminal has sent it to the command, too, which ends by itself
            log.write(command.communicate()[0] or "")
            return None
    return command.returncode if command.returncode >= 0 else 128 - command.returncode


if __name__ == "__main__":
    status = main()
    if status is None:  # ends by the signal, so that the calling shell script ends as well
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(status)
