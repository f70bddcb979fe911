"""The sweeper: what was left undone is finished as its owner would have done, or removed; and nothing else is."""

import base64
import concurrent.futures
import contextlib
import http.client
import time
import uuid

import pytest

import images
from conftest import free_port, wait_until
from relay import Relay, Silence
from test_faults import all_keys
from test_upload import sql
from test_upload_kinds import Owner, row

SOON = {"SWEEP_INTERVAL": "1", "SWEEP_UPLOADS_AFTER": "1", "SWEEP_REPLACED_AFTER": "1"}


@pytest.fixture(scope="module")
def quick(_scratch, binary):
    """An instance that sweeps every second what is a second old."""
    from conftest import Vibe
    instance = Vibe(_scratch / f"quick-{uuid.uuid4()}", environment=SOON).start()
    yield instance
    instance.stop()


@pytest.fixture
def owner(quick):
    return Owner(quick)


def counted(vibe, outcome, name="vibe_sweeper_total"):
    text = vibe.request("GET", "/metrics")[2].decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f'{name}{{outcome="{outcome}"}}'))


def wait_for_runs(vibe, runs=2):
    """Returns after whole runs: the first of them may have begun before."""
    before = counted(vibe, "done", "vibe_sweeper_runs_total")
    wait_until(lambda: counted(vibe, "done", "vibe_sweeper_runs_total") >= before + runs, 20, f"{runs} runs of the sweeper")


def states(vibe, owner):
    return dict(sql(vibe, "SELECT key, status FROM media WHERE user_id = :'id'", id=owner.id))


def upload_uuid(ticket):
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(ticket["uploadId"])[:16]))


# -- staged objects --

def test_what_a_phone_uploaded_and_never_completed_is_completed(quick, owner):
    activity, data = owner.activity(), images.jpeg(64, 48)
    owner.stage("profile-picture", data)
    owner.stage("activity-image", data, activityId=activity, slot="gallery", index=1)
    owner.stage("story-media", images.mp4(), "video/mp4")
    wait_until(lambda: owner.keys("user-uploads") == [], 20, "the completion of all three")
    assert set(states(quick, owner).values()) == {"ready"} and len(states(quick, owner)) == 3
    assert owner.me()["profilePictureS3Key"].startswith(f"profile-pictures/{owner.id}/avatar-")
    assert row(quick, "activities", activity, "image_urls[2] IS NOT NULL AS there") == {"there": True}
    [[key, published]] = sql(quick, "SELECT video_s3_key, published_at IS NOT NULL FROM vibe_stories WHERE user_id = :'id'",
                             id=owner.id)
    assert published == "t" and quick.request("GET", f"{quick.cdn_url}/{key}")[2][4:8] == b"ftyp"
    assert counted(quick, "completed") >= 3
    assert '"swept"' in quick.log() and '"completed"' in quick.log()


def test_what_never_arrived_leaves_nothing(quick, owner):
    _, ticket = owner.ask("story-media", images.jpeg())
    wait_for_runs(quick)
    assert states(quick, owner) == {} and sql(quick, "SELECT FROM vibe_stories WHERE user_id = :'id'", id=owner.id) == []
    assert owner.put(ticket, images.jpeg())[0] == 200


@pytest.mark.parametrize("kind, data, place", [
    ("profile-picture", b"<html>" + bytes(100), {}),
    ("profile-picture", images.png(), {}),
    ("activity-image", images.jpeg(), {"activityId": "0199c0de-0000-7000-8000-00000000ffff", "slot": "hero"}),
    ("story-media", images.jpeg(), {"storyId": "0199c0de-0000-7000-8000-00000000ffff"})])
def test_what_cannot_be_completed_is_deleted(quick, owner, kind, data, place):
    before = counted(quick, "rejected")
    owner.stage(kind, data, **place)
    wait_until(lambda: owner.keys("user-uploads") == [], 20, "the deletion")
    assert states(quick, owner) == {}
    wait_until(lambda: counted(quick, "rejected") > before, 20, "the count of it")


def test_the_upload_of_a_deleted_account_is_deleted(quick, owner):
    data = images.jpeg()
    status, ticket = owner.ask("profile-picture", data)
    assert owner.call("DELETE", "/api/users/me")[0] == 204
    assert owner.put(ticket, data)[0] == 200
    wait_until(lambda: owner.keys("user-uploads") == [], 20, "the deletion")
    assert owner.keys("profile-pictures") == []


def test_a_cancelled_upload_that_arrives_late_is_deleted_and_not_published(quick, owner):
    data = images.jpeg()
    status, ticket = owner.ask("profile-picture", data)
    assert owner.cancel(ticket)[0] == 204
    assert owner.put(ticket, data)[0] == 200
    wait_until(lambda: owner.keys("user-uploads") == [], 20, "the deletion")
    assert owner.me()["profilePicture"] is None and owner.keys("profile-pictures") == []


def test_an_object_whose_target_was_not_sealed_is_deleted(quick, owner):
    _, ticket = owner.ask("story-media", images.jpeg())
    quick.s3().put_object(Bucket=quick.bucket, Key=ticket["key"], Body=images.jpeg())
    wait_until(lambda: owner.keys("user-uploads") == [], 20, "the deletion")
    assert states(quick, owner) == {}


def test_keys_that_are_no_ticket_of_ours_are_left_alone_for_a_day(quick, owner):
    strange = [f"user-uploads/{owner.id}/{name}" for name in ("x", "A" * 52 + "-1790000000000.jpg", "./..//")]
    for key in strange:
        quick.s3().put_object(Bucket=quick.bucket, Key=key, Body=images.jpeg())
    wait_for_runs(quick, 3)
    assert sorted(owner.keys("user-uploads")) == sorted(strange)


def test_a_fresh_upload_is_left_to_its_phone(vibe_factory):
    vibe = vibe_factory(environment=SOON | {"SWEEP_UPLOADS_AFTER": "600"})
    owner = Owner(vibe)
    ticket = owner.stage("profile-picture", images.jpeg())
    wait_for_runs(vibe)
    assert owner.keys("user-uploads") == [ticket["key"]] and states(vibe, owner) == {}


# -- replaced and ended --

def test_a_replaced_picture_is_removed_and_the_new_one_stays(quick, owner):
    activity = owner.activity()
    old, new = [owner.send("activity-image", images.jpeg(seed=n), activityId=activity, slot="hero") for n in range(2)]
    wait_until(lambda: states(quick, owner) == {new["key"]: "ready"}, 20, "the removal")
    assert all_keys(quick, f"activity-images/{activity}/") == [new["key"]]
    assert images.shows(quick.request("GET", new["cdnUrl"])[2], images.jpeg(seed=1))


def test_a_replaced_picture_is_still_shown_for_a_while(vibe_factory):
    vibe = vibe_factory(environment=SOON | {"SWEEP_REPLACED_AFTER": "600"})
    owner = Owner(vibe)
    old = owner.send("profile-picture", images.jpeg())
    new = owner.send("profile-picture", images.jpeg())
    wait_for_runs(vibe)
    assert states(vibe, owner) == {old["key"]: "deleting", new["key"]: "ready"}
    assert sorted(owner.keys("profile-pictures")) == sorted([old["key"], new["key"]])


def test_what_a_row_still_names_is_never_deleted(quick, owner):
    activity, story = owner.activity(), owner.story()
    kept = [owner.send("profile-picture", images.jpeg()), owner.send("story-media", images.jpeg(), storyId=story),
            owner.send("activity-image", images.jpeg(), activityId=activity, slot="hero"),
            owner.send("activity-image", images.jpeg(), activityId=activity, slot="gallery", index=0)]
    sql(quick, "UPDATE media SET status = 'deleting', updated_at = now() - interval '1 day' WHERE user_id = :'id'", id=owner.id)
    wait_for_runs(quick)
    listed = all_keys(quick)
    assert all(media["key"] in listed for media in kept)
    assert len(states(quick, owner)) == 4


def test_stories_that_have_ended_go_with_their_media_and_others_stay(quick, owner):
    ended, lasting = owner.story(), owner.story()
    gone, kept = [owner.send("story-media", images.jpeg(), storyId=story) for story in (ended, lasting)]
    forever = sql(quick, "INSERT INTO vibe_stories (user_id) VALUES (:'id') RETURNING id", id=owner.id)[0][0]
    sql(quick, "UPDATE vibe_stories SET expires_at = now() WHERE id = :'id'", id=ended)
    wait_until(lambda: states(quick, owner) == {kept["key"]: "ready"}, 20, "the end of the story and its media")
    assert {story for [story] in sql(quick, "SELECT id FROM vibe_stories WHERE user_id = :'id'", id=owner.id)} == {lasting, forever}
    assert all_keys(quick, f"vibe-stories/images/{ended}-") == []


def test_more_than_a_batch_is_swept(quick, owner):
    sql(quick, "INSERT INTO vibe_stories (user_id, expires_at) SELECT id, now() FROM users, generate_series(1, 250) "
               "WHERE id = :'id'", id=owner.id)
    sql(quick, "INSERT INTO media (upload_id, user_id, purpose, key, content_type, status, updated_at) "
               "SELECT gen_random_uuid(), id, 'profile-picture', 'profile-pictures/' || id || '/' || n, 'image/jpeg', 'deleting', "
               "now() - interval '1 hour' FROM users, generate_series(1, 250) AS n WHERE id = :'id'", id=owner.id)
    wait_until(lambda: states(quick, owner) == {}, 20, "the end of all media")
    assert sql(quick, "SELECT FROM vibe_stories WHERE user_id = :'id'", id=owner.id) == []


def test_idempotency_keys_are_forgotten_after_a_day(quick):
    old, young = uuid.uuid4().hex, uuid.uuid4().hex
    for key, age in ((old, "24 hours"), (young, "23 hours")):
        sql(quick, "INSERT INTO idempotency_keys (user_id, key, operation, request_hash, status, body, created_at) "
                   "VALUES ('x', :'key', 'POST /', '', 201, '{}', now() - :'age'::interval)", key=key, age=age)
    wait_until(lambda: sql(quick, "SELECT key FROM idempotency_keys WHERE user_id = 'x'") == [[young]], 20, "the end of the old")


# -- half-promoted --

def half_promoted(vibe, owner, ticket, key, **more):
    sql(vibe, "INSERT INTO media (upload_id, user_id, purpose, key, content_type, bytes, status, created_at) VALUES "
              "(:'upload', :'user', 'profile-picture', :'key', 'image/jpeg', 100, 'pending', now() - interval '1 hour')",
        upload=upload_uuid(ticket), user=owner.id, key=key)


def test_a_copy_whose_row_was_never_published_is_published(quick, owner):
    _, ticket = owner.ask("profile-picture", images.jpeg())
    key = f"profile-pictures/{owner.id}/avatar-1790000000000.jpg"
    quick.s3().put_object(Bucket=quick.bucket, Key=key, Body=images.jpeg(), ContentType="image/jpeg")
    half_promoted(quick, owner, ticket, key)
    wait_until(lambda: states(quick, owner) == {key: "ready"}, 20, "the publication")
    assert owner.me()["profilePictureS3Key"] == key


def test_a_row_that_nothing_can_come_of_is_removed(quick, owner):
    _, ticket = owner.ask("profile-picture", images.jpeg())
    half_promoted(quick, owner, ticket, f"profile-pictures/{owner.id}/avatar-1790000000001.jpg")
    wait_until(lambda: states(quick, owner) == {}, 20, "the removal")
    assert owner.me()["profilePicture"] is None


def test_kill_9_while_completing_is_finished_by_the_sweeper(vibe_factory):
    vibe = vibe_factory(environment=SOON | {"SWEEP_UPLOADS_AFTER": "600"})
    owner = Owner(vibe)
    activities = [owner.activity() for _ in range(40)]
    tickets = [owner.stage("activity-image", images.jpeg(size=300_000, seed=n), activityId=activity, slot="hero")
               for n, activity in enumerate(activities)]

    def complete(ticket):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            owner.complete(ticket)

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        for ticket in tickets:
            threads.submit(complete, ticket)
        wait_until(lambda: len(states(vibe, owner)) >= 5, 20, "some completions", interval_s=0.001)
        vibe.kill()
    vibe.environment = SOON
    vibe.start()
    wait_until(lambda: owner.keys("user-uploads") == [], 30, "the end of all uploads")
    wait_until(lambda: set(states(vibe, owner).values()) == {"ready"}, 20, "the end of all rows")
    assert len(states(vibe, owner)) == 40
    for n, activity in enumerate(activities):
        shown = row(vibe, "activities", activity, "hero_image_cdn_url")["hero_image_cdn_url"].split("/activity-images/")[1]
        assert images.shows(vibe.request("GET", f"{vibe.cdn_url}/activity-images/{shown}")[2], images.jpeg(seed=n))


# -- what is away --

@pytest.fixture
def behind_s3(vibe, serve_factory):
    """A `vibe serve` that sweeps every second, and the relay to its S3, which is cut."""
    relay = Relay(free_port(), vibe.s3_port)
    serve = serve_factory(S3_ENDPOINT=f"http://127.0.0.1:{relay.port}", S3_PUBLIC_ENDPOINT=vibe.s3_url, **SOON)
    yield serve, relay
    relay.cut()


def test_the_sweeper_goes_on_when_s3_is_back(behind_s3):
    serve, relay = behind_s3
    owner = Owner(serve)
    owner.stage("profile-picture", images.jpeg())
    wait_until(lambda: counted(serve, "failed", "vibe_sweeper_runs_total") >= 1, 30, "a failed run")
    assert states(serve, owner) == {}
    relay.restore()
    wait_until(lambda: owner.me()["profilePicture"], 30, "the completion")


def test_a_sweeper_without_its_s3_does_not_spin(behind_s3):
    serve, _ = behind_s3
    wait_until(lambda: counted(serve, "failed", "vibe_sweeper_runs_total") >= 2, 30, "two failed runs")
    first, since = counted(serve, "failed", "vibe_sweeper_runs_total"), time.monotonic()
    wait_until(lambda: counted(serve, "failed", "vibe_sweeper_runs_total") > first, 30, "one more")
    assert time.monotonic() - since > 1 and serve.log().count("sweep incomplete") < 6


def test_a_service_whose_s3_hangs_still_ends_promptly(vibe, serve_factory):
    silence = Silence()
    try:
        serve = serve_factory(S3_ENDPOINT=f"http://127.0.0.1:{silence.port}", S3_PUBLIC_ENDPOINT=vibe.s3_url, **SOON)
        wait_until(lambda: silence.clients, 20, "the sweeper's call")
        started = time.monotonic()
        serve.stop()
        assert time.monotonic() - started < 5
    finally:
        silence.close()


def test_many_copies_sweep_each_thing_once(vibe_factory, serve_factory):
    vibe = vibe_factory(environment={"SWEEP_INTERVAL": "3600"})
    copies = [serve_factory(beside=vibe, **SOON) for _ in range(3)]
    owner = Owner(copies[0])
    for n in range(10):
        owner.stage("profile-picture", images.jpeg(seed=n))
    wait_until(lambda: owner.keys("user-uploads") == [], 30, "the completion")
    wait_until(lambda: set(states(vibe, owner).values()) == {"ready"}, 30, "the removal of all but the last")
    assert len(states(vibe, owner)) == 1
    assert sum(counted(copy, "completed") for copy in copies) == 10
