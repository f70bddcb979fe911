"""The sweeper: it completes what a phone left uncompleted, or removes it; and nothing else."""

import concurrent.futures
import contextlib
import http.client
import time
import uuid

import pytest

from helpers import images, s3, videos
from helpers.database import media_states, row, sql
from helpers.faults import Relay, Silence
from helpers.phone import Phone, upload_uuid
from helpers.sweeper import SOON, runs, swept, wait_for_runs
from helpers.waiting import quickest, wait_until


@pytest.fixture(scope="module")
def quick(module_vibe):
    """An instance that sweeps every second whatever is a second old."""
    return module_vibe(**SOON)


@pytest.fixture
def phone(quick):
    return Phone(quick)


# -- staged objects --

def test_uploads_that_nobody_completed_are_completed(quick, phone):
    activity, data = phone.new_activity(), images.jpeg(64, 48)
    phone.stage("profile-picture", data)
    phone.stage("activity-image", data, activityId=activity, slot="gallery", index=1)
    phone.stage("story-media", videos.mp4(), "video/mp4")
    wait_until(lambda: phone.keys("user-uploads") == [], "the completion of all three")
    assert set(media_states(quick, phone).values()) == {"ready"} and len(media_states(quick, phone)) == 3
    assert phone.me()["profilePictureS3Key"].startswith(f"profile-pictures/{phone.id}/avatar-")
    assert row(quick, "activities", activity, "image_urls[2] IS NOT NULL AS there") == {"there": True}
    [[key, published]] = sql(quick, "SELECT video_s3_key, published_at IS NOT NULL FROM vibe_stories WHERE user_id = :'id'",
                             id=phone.id)
    assert published == "t" and quick.request("GET", f"{quick.cdn_url}/{key}")[2][4:8] == b"ftyp"
    assert swept(quick, "completed") >= 3
    assert '"swept"' in quick.log() and '"completed"' in quick.log()


def test_a_ticket_without_a_file_leaves_nothing(quick, phone):
    ticket = phone.ticket("story-media", images.jpeg())
    wait_for_runs(quick)
    assert media_states(quick, phone) == {} and sql(quick, "SELECT FROM vibe_stories WHERE user_id = :'id'", id=phone.id) == []
    assert phone.put(ticket, images.jpeg())[0] == 200


@pytest.mark.parametrize("kind, data, place", [
    ("profile-picture", b"<html>" + bytes(100), {}),
    ("profile-picture", images.png(), {}),
    ("activity-image", images.jpeg(), {"activityId": "0199c0de-0000-7000-8000-00000000ffff", "slot": "hero"}),
    ("story-media", images.jpeg(), {"storyId": "0199c0de-0000-7000-8000-00000000ffff"})])
def test_an_upload_that_cannot_be_completed_is_deleted(quick, phone, kind, data, place):
    before = swept(quick, "rejected")
    phone.stage(kind, data, **place)
    wait_until(lambda: phone.keys("user-uploads") == [], "the deletion")
    assert media_states(quick, phone) == {}
    wait_until(lambda: swept(quick, "rejected") > before, "its count in the metrics")


def test_the_upload_of_a_deleted_account_is_deleted(quick, phone):
    data = images.jpeg()
    ticket = phone.ticket("profile-picture", data)
    assert phone.call("DELETE", "/api/users/me")[0] == 204
    assert phone.put(ticket, data)[0] == 200
    wait_until(lambda: phone.keys("user-uploads") == [], "the deletion")
    assert phone.keys("profile-pictures") == []


def test_a_cancelled_upload_that_arrives_late_is_deleted_and_not_published(quick, phone):
    data = images.jpeg()
    ticket = phone.ticket("profile-picture", data)
    assert phone.cancel(ticket)[0] == 204
    assert phone.put(ticket, data)[0] == 200
    wait_until(lambda: phone.keys("user-uploads") == [], "the deletion")
    assert phone.me()["profilePicture"] is None and phone.keys("profile-pictures") == []


def test_an_object_whose_target_was_not_sealed_is_deleted(quick, phone):
    ticket = phone.ticket("story-media", images.jpeg())
    quick.s3().put_object(Bucket=quick.bucket, Key=ticket["key"], Body=images.jpeg())
    wait_until(lambda: phone.keys("user-uploads") == [], "the deletion")
    assert media_states(quick, phone) == {}


def test_keys_without_a_valid_ticket_stay_for_a_day(quick, phone):
    strange = [f"user-uploads/{phone.id}/{name}" for name in ("x", "A" * 52 + "-1790000000000.jpg", "./..//")]
    for key in strange:
        quick.s3().put_object(Bucket=quick.bucket, Key=key, Body=images.jpeg())
    wait_for_runs(quick, 3)
    assert sorted(phone.keys("user-uploads")) == sorted(strange)


def test_a_fresh_upload_is_left_to_its_phone(vibe_factory):
    vibe = vibe_factory(environment=SOON | {"SWEEP_UPLOADS_AFTER": "600"})
    phone = Phone(vibe)
    ticket = phone.stage("profile-picture", images.jpeg())
    wait_for_runs(vibe)
    assert phone.keys("user-uploads") == [ticket["key"]] and media_states(vibe, phone) == {}


# -- replaced pictures and ended stories --

def test_a_replaced_picture_is_removed_and_the_new_one_stays(quick, phone):
    activity = phone.new_activity()
    old, new = [phone.send("activity-image", images.jpeg(seed=n), activityId=activity, slot="hero") for n in range(2)]
    wait_until(lambda: media_states(quick, phone) == {new["key"]: "ready"}, "the removal")
    assert s3.keys(quick, f"activity-images/{activity}/") == [new["key"]]
    assert images.shows(quick.request("GET", new["cdnUrl"])[2], images.jpeg(seed=1))


def test_a_replaced_picture_is_still_shown_for_a_while(vibe_factory):
    vibe = vibe_factory(environment=SOON | {"SWEEP_REPLACED_AFTER": "600"})
    phone = Phone(vibe)
    old = phone.send("profile-picture", images.jpeg())
    new = phone.send("profile-picture", images.jpeg())
    wait_for_runs(vibe)
    assert media_states(vibe, phone) == {old["key"]: "deleting", new["key"]: "ready"}
    assert sorted(phone.keys("profile-pictures")) == sorted([old["key"], new["key"]])


def test_media_that_a_row_names_are_never_deleted(quick, phone):
    activity, story = phone.new_activity(), phone.new_story()
    kept = [phone.send("profile-picture", images.jpeg()), phone.send("story-media", images.jpeg(), storyId=story),
            phone.send("activity-image", images.jpeg(), activityId=activity, slot="hero"),
            phone.send("activity-image", images.jpeg(), activityId=activity, slot="gallery", index=0)]
    sql(quick, "UPDATE media SET status = 'deleting', updated_at = now() - interval '1 day' WHERE user_id = :'id'", id=phone.id)
    wait_for_runs(quick)
    listed = s3.keys(quick)
    assert all(media["key"] in listed for media in kept)
    assert len(media_states(quick, phone)) == 4


def test_ended_stories_are_deleted_with_their_media_and_others_stay(quick, phone):
    ended, lasting = phone.new_story(), phone.new_story()
    gone, kept = [phone.send("story-media", images.jpeg(), storyId=story) for story in (ended, lasting)]
    forever = sql(quick, "INSERT INTO vibe_stories (user_id) VALUES (:'id') RETURNING id", id=phone.id)[0][0]
    sql(quick, "UPDATE vibe_stories SET expires_at = now() WHERE id = :'id'", id=ended)
    wait_until(lambda: media_states(quick, phone) == {kept["key"]: "ready"}, "the end of the story and its media")
    assert {story for [story] in sql(quick, "SELECT id FROM vibe_stories WHERE user_id = :'id'", id=phone.id)} == {lasting, forever}
    assert s3.keys(quick, f"vibe-stories/images/{ended}-") == []


def test_more_than_one_batch_is_swept(quick, phone):
    sql(quick, "INSERT INTO vibe_stories (user_id, expires_at) SELECT id, now() FROM users, generate_series(1, 250) "
               "WHERE id = :'id'", id=phone.id)
    sql(quick, "INSERT INTO media (upload_id, user_id, purpose, key, content_type, status, updated_at) "
               "SELECT gen_random_uuid(), id, 'profile-picture', 'profile-pictures/' || id || '/' || n, 'image/jpeg', 'deleting', "
               "now() - interval '1 hour' FROM users, generate_series(1, 250) AS n WHERE id = :'id'", id=phone.id)
    wait_until(lambda: media_states(quick, phone) == {}, "the end of all media")
    assert sql(quick, "SELECT FROM vibe_stories WHERE user_id = :'id'", id=phone.id) == []


def test_idempotency_keys_are_deleted_after_a_day(quick):
    old, young = uuid.uuid4().hex, uuid.uuid4().hex
    for key, age in ((old, "24 hours"), (young, "23 hours")):
        sql(quick, "INSERT INTO idempotency_keys (user_id, key, operation, request_hash, status, body, created_at) "
                   "VALUES ('x', :'key', 'POST /', '', 201, '{}', now() - :'age'::interval)", key=key, age=age)
    wait_until(lambda: sql(quick, "SELECT key FROM idempotency_keys WHERE user_id = 'x'") == [[young]], "the deletion of the old key")


# -- half-finished promotions --

def half_promoted(vibe, phone, ticket, key):
    sql(vibe, "INSERT INTO media (upload_id, user_id, purpose, key, content_type, bytes, status, created_at) VALUES "
              "(:'upload', :'user', 'profile-picture', :'key', 'image/jpeg', 100, 'pending', now() - interval '1 hour')",
        upload=upload_uuid(ticket), user=phone.id, key=key)


def test_a_copy_whose_row_was_never_published_is_published(quick, phone):
    ticket = phone.ticket("profile-picture", images.jpeg())
    key = f"profile-pictures/{phone.id}/avatar-1790000000000.jpg"
    quick.s3().put_object(Bucket=quick.bucket, Key=key, Body=images.jpeg(), ContentType="image/jpeg")
    half_promoted(quick, phone, ticket, key)
    wait_until(lambda: media_states(quick, phone) == {key: "ready"}, "the publication")
    assert phone.me()["profilePictureS3Key"] == key


def test_a_pending_row_without_an_object_is_removed(quick, phone):
    ticket = phone.ticket("profile-picture", images.jpeg())
    half_promoted(quick, phone, ticket, f"profile-pictures/{phone.id}/avatar-1790000000001.jpg")
    wait_until(lambda: media_states(quick, phone) == {}, "the removal")
    assert phone.me()["profilePicture"] is None


def test_kill_9_while_completing_is_finished_by_the_sweeper(vibe_factory):
    vibe = vibe_factory(environment=SOON | {"SWEEP_UPLOADS_AFTER": "600"})
    phone = Phone(vibe)
    activities = [phone.new_activity() for _ in range(40)]
    tickets = [phone.stage("activity-image", images.jpeg(size=300_000, seed=n), activityId=activity, slot="hero")
               for n, activity in enumerate(activities)]

    def complete(ticket):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            phone.complete(ticket)

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        for ticket in tickets:
            threads.submit(complete, ticket)
        wait_until(lambda: len(media_states(vibe, phone)) >= 5, "some completions", interval_s=0.001)
        vibe.kill()
    vibe.environment |= SOON
    vibe.start()
    wait_until(lambda: phone.keys("user-uploads") == [], "the end of all uploads")
    wait_until(lambda: set(media_states(vibe, phone).values()) == {"ready"}, "the publication of all rows")
    assert len(media_states(vibe, phone)) == 40
    for n, activity in enumerate(activities):
        shown = row(vibe, "activities", activity, "hero_image_cdn_url")["hero_image_cdn_url"].split("/activity-images/")[1]
        assert images.shows(vibe.request("GET", f"{vibe.cdn_url}/activity-images/{shown}")[2], images.jpeg(seed=n))


# -- an S3 that is unreachable --

@pytest.fixture
def behind_s3(vibe, serve_factory):
    """A `vibe serve` that sweeps every second, and the relay to its S3, which begins refusing."""
    with Relay(vibe.s3_port) as relay:
        yield serve_factory(S3_ENDPOINT=relay.url, S3_PUBLIC_ENDPOINT=vibe.s3_url, **SOON), relay


def test_the_sweeper_goes_on_when_s3_is_back(behind_s3):
    serve, relay = behind_s3
    phone = Phone(serve)
    phone.stage("profile-picture", images.jpeg())
    wait_until(lambda: runs(serve, "failed") >= 1, "a failed run")
    assert media_states(serve, phone) == {}
    relay.restore()
    wait_until(lambda: phone.me()["profilePicture"], "the completion")


def test_a_sweeper_whose_s3_is_unreachable_does_not_spin(behind_s3):
    serve, _ = behind_s3
    wait_until(lambda: runs(serve, "failed") >= 2, "two failed runs")
    first, since = runs(serve, "failed"), time.monotonic()
    wait_until(lambda: runs(serve, "failed") > first, "one more failed run")
    assert time.monotonic() - since > 1 and serve.log().count("sweep incomplete") < 6


def test_a_service_whose_s3_hangs_still_ends_promptly(vibe, serve_factory):
    with Silence() as silence:
        serve = serve_factory(S3_ENDPOINT=silence.url, S3_PUBLIC_ENDPOINT=vibe.s3_url, **SOON)

        def stop():
            if serve.process is None:
                serve.start()
            calls = len(silence.clients)
            wait_until(lambda: len(silence.clients) > calls, "the sweeper's call")
            started = time.monotonic()
            serve.stop()
            return time.monotonic() - started

        quickest(stop, 5, "stopping in the middle of a call to S3")


def test_many_copies_sweep_each_thing_once(vibe_factory, serve_factory):
    vibe = vibe_factory(environment={"SWEEP_INTERVAL": "3600"})
    copies = [serve_factory(beside=vibe, **SOON) for _ in range(3)]
    phone = Phone(copies[0])
    for n in range(10):
        phone.stage("profile-picture", images.jpeg(seed=n))
    wait_until(lambda: phone.keys("user-uploads") == [], "the completion")
    wait_until(lambda: set(media_states(vibe, phone).values()) == {"ready"}, "the removal of all but the last")
    assert len(media_states(vibe, phone)) == 1
    assert sum(swept(copy, "completed") for copy in copies) == 10
