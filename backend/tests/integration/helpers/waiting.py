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


def quickest(measure, limit_s, what, attempts=10):
    """Calls measure(), which returns seconds, until the result is below the limit. A busy machine makes a program slower and
    never quicker, so one good result shows what the program can do. Fails after so many attempts."""
    results = []
    while len(results) < attempts:
        results.append(measure())
        if results[-1] < limit_s:
            print(f"\n{what}: {', '.join(f'{seconds:.3f}' for seconds in results)} s")
            return
    pytest.fail(f"{what} took {', '.join(f'{seconds:.2f}' for seconds in results)} s, and never less than {limit_s} s")
