"""Waiting in tests: for a condition, with a deadline; never for a time."""

import time

import pytest

DEADLINE_S = 60  # ends a test that is broken; measures nothing, because the machine may be busy with other things


def wait_until(condition, what, timeout_s=DEADLINE_S, interval_s=0.02):
    """Asks condition() until its result is true, and returns the result. Fails after the deadline, naming `what`."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {timeout_s} s")
        time.sleep(interval_s)
