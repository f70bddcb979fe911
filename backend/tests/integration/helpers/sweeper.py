"""The sweeper of an instance: settings that make it quick, and waiting for its runs."""

from helpers.metrics import metric
from helpers.waiting import wait_until

SOON = {"SWEEP_INTERVAL": "1", "SWEEP_UPLOADS_AFTER": "1", "SWEEP_REPLACED_AFTER": "1"}


def swept(vibe, outcome):
    """How many things the sweeper has completed, rejected, aborted, …"""
    return metric(vibe, "vibe_sweeper_total", outcome=outcome)


def runs(vibe, outcome="done"):
    return metric(vibe, "vibe_sweeper_runs_total", outcome=outcome)


def wait_for_runs(vibe, count=2):
    """Waits for whole runs: the first that ends may have begun before the call."""
    before = runs(vibe)
    wait_until(lambda: runs(vibe) >= before + count, f"{count} runs of the sweeper")
