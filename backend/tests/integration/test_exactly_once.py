"""PostgreSQL is killed under load while phones retry: every acknowledged activity is there, and none is there twice."""

import collections
import concurrent.futures
import http.client
import os
import signal
import threading
import time
import uuid

from helpers.database import sql
from helpers.phone import Phone
from helpers.waiting import DEADLINE_S, wait_until

CLIENTS = 8


def plan_until_acknowledged(person, title):
    """Retries with the same Idempotency-Key, as a phone does: the id of the activity."""
    body = {"title": title, "startsAt": "2099-01-01T10:00:00Z"}
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            status, headers, answer = person.ask_api("POST", "/api/activities", body, {"Idempotency-Key": title}, timeout_s=20)
        except (OSError, http.client.HTTPException):
            status = None
        if status == 201:
            return answer["activity"]["id"]
        if status is not None:
            assert status == 503 and int(headers["Retry-After"]) >= 1, (status, answer)
        assert time.monotonic() < deadline, f"{title} was never acknowledged"


def test_postgresql_killed_under_load_loses_nothing_and_does_nothing_twice(vibe_factory):
    vibe = vibe_factory()
    people = [Phone(vibe) for _ in range(CLIENTS)]
    acknowledged, stop = {}, threading.Event()

    def work(person):
        while not stop.is_set():
            title = str(uuid.uuid4())
            acknowledged[title] = plan_until_acknowledged(person, title)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(work, person) for person in people]
        try:
            for _ in range(3):
                before = len(acknowledged)
                wait_until(lambda: len(acknowledged) > before + 20, "acknowledged activities")
                server = int((vibe.data_dir / "postgres/data/postmaster.pid").read_text().split()[0])
                os.kill(server, signal.SIGKILL)
        finally:
            before = len(acknowledged)
            wait_until(lambda: len(acknowledged) > before + 20, "acknowledged activities after the last kill")
            stop.set()
        for one in running:
            one.result()

    rows = collections.Counter(title for title, in sql(vibe, "SELECT title FROM activities"))
    assert {title: count for title, count in rows.items() if count != 1} == {}
    assert acknowledged.keys() == rows.keys()
    assert dict(sql(vibe, "SELECT title, id FROM activities")) == acknowledged
