"""Idempotency-Key: an activity or a story is made once, however often the phone sends the request."""

import collections
import concurrent.futures
import uuid

import pytest

from helpers.database import sql
from helpers.phone import Phone

Kind = collections.namedtuple("Kind", "path name table body other refused")
KINDS = [
    Kind("/api/activities", "activity", "activities", {"title": "Swim 🌊", "startsAt": "2099-01-01T10:00:00Z"},
         {"title": "Dive", "startsAt": "2099-01-01T10:00:00Z"}, {"title": "", "startsAt": "2099-01-01T10:00:00Z"}),
    Kind("/api/stories", "story", "vibe_stories", {"caption": "שלום 🌅"}, {"caption": "Later"}, {"caption": 5}),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


def send(person, kind, key, body=None):
    """One request: (status, whether the answer is a replay, body)."""
    status, headers, answer = person.ask_api("POST", kind.path, kind.body if body is None else body, {"Idempotency-Key": key})
    return status, headers.get("Idempotency-Replayed") == "true", answer


def rows(person, kind):
    statement = f"SELECT id FROM {kind.table} WHERE user_id = :'id'"
    return [row[0] for row in sql(person.vibe, statement, id=person.id)]


def test_a_repeated_request_gets_the_same_answer(ana, kind):
    key = str(uuid.uuid4())
    status, replayed, body = send(ana, kind, key)
    assert (status, replayed) == (201, False)
    assert send(ana, kind, key) == (201, True, body)
    assert rows(ana, kind) == [body[kind.name]["id"]]


def test_eight_simultaneous_requests_make_one_row(ana, kind):
    key = str(uuid.uuid4())
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: send(ana, kind, key), range(8)))
    assert {status for status, _, _ in answers} == {201}
    assert sorted(replayed for _, replayed, _ in answers) == [False] + 7 * [True]
    assert all(body == answers[0][2] for _, _, body in answers)
    assert rows(ana, kind) == [answers[0][2][kind.name]["id"]]


def test_a_key_is_refused_with_another_body(ana, kind):
    key = str(uuid.uuid4())
    made = send(ana, kind, key)[2]
    status, _, problem = send(ana, kind, key, kind.other)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert rows(ana, kind) == [made[kind.name]["id"]]


def test_a_key_is_refused_with_another_path(ana):
    key = str(uuid.uuid4())
    activity, story = KINDS
    assert send(ana, activity, key)[0] == 201
    status, _, problem = send(ana, story, key)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert rows(ana, story) == []


def test_the_keys_of_two_users_are_independent(vibe, ana, kind):
    key, ben = str(uuid.uuid4()), Phone(vibe, "Ben")
    first, second = send(ana, kind, key), send(ben, kind, key)
    assert (second[0], second[1]) == (201, False)
    assert first[2][kind.name]["id"] != second[2][kind.name]["id"]


def test_a_refused_request_does_not_use_up_its_key(ana, kind):
    key = str(uuid.uuid4())
    status, _, problem = send(ana, kind, key, kind.refused)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert send(ana, kind, key)[:2] == (201, False)
    assert len(rows(ana, kind)) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "é"])
def test_a_key_that_breaks_its_rule_is_refused(ana, kind, key):
    status, _, problem = send(ana, kind, key)
    assert (status, problem["code"]) == (400, "idempotency_key_invalid")
    assert rows(ana, kind) == []
