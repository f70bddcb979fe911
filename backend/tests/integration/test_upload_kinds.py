"""Uploads for activities and stories: each goes to its own place in the bucket and the database, only the owner can put it
there, and the picture that it replaces is deleted."""

import concurrent.futures
import uuid

import pytest

from helpers import images, videos
from helpers.api import status_and_code
from helpers.database import media_states, row, sql
from helpers.phone import Phone
from helpers.program import vibe_upload


# -- activities --

def test_a_hero_image_goes_to_its_activity(vibe, phone):
    data, activity = images.jpeg(640, 480), phone.new_activity()
    media = phone.send("activity-image", data, activityId=activity, slot="hero")
    assert media["key"].startswith(f"activity-images/{activity}/hero-") and media["key"].endswith(".jpg")
    assert (media["width"], media["height"]) == (640, 480) and "storyId" not in media
    assert row(vibe, "activities", activity, "hero_image_url, hero_image_s3_key, hero_image_cdn_url, image_urls") == {
        "hero_image_url": media["url"], "hero_image_s3_key": media["key"], "hero_image_cdn_url": media["cdnUrl"],
        "image_urls": None}
    assert images.shows(vibe.request("GET", media["cdnUrl"])[2], data)
    assert phone.keys("user-uploads") == []


def test_a_gallery_image_goes_to_its_index_and_the_others_stay(vibe, phone):
    activity = phone.new_activity()
    fourth = phone.send("activity-image", images.png(), "image/png", activityId=activity, slot="gallery", index=3)
    assert fourth["key"].startswith(f"activity-images/{activity}/gallery-3-") and fourth["key"].endswith(".jpg")
    second = phone.send("activity-image", images.jpeg(), activityId=activity, slot="gallery", index=1)
    assert row(vibe, "activities", activity, "image_urls, image_s3_keys, image_cdn_urls, array_lower(image_urls, 1)") == {
        "image_urls": [None, second["url"], None, fourth["url"]],
        "image_s3_keys": [None, second["key"], None, fourth["key"]],
        "image_cdn_urls": [None, second["cdnUrl"], None, fourth["cdnUrl"]], "array_lower": 1}


def test_a_gallery_image_leaves_what_an_adopted_activity_had(vibe, phone):
    activity = phone.new_activity()
    sql(vibe, "UPDATE activities SET image_urls = '{file:///a.jpg,file:///b.jpg,file:///c.jpg}' WHERE id = :'id'", id=activity)
    media = phone.send("activity-image", images.jpeg(), activityId=activity, slot="gallery", index=1)
    assert row(vibe, "activities", activity, "image_urls, image_s3_keys") == {
        "image_urls": ["file:///a.jpg", media["url"], "file:///c.jpg"], "image_s3_keys": [None, media["key"]]}


def test_a_whole_gallery_completed_at_once_is_whole(vibe, phone):
    activity = phone.new_activity()
    tickets = [phone.stage("activity-image", images.jpeg(seed=n), activityId=activity, slot="gallery", index=n)
               for n in range(10)]
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(phone.complete, tickets))
    assert [status for status, _ in answers] == [200] * 10
    kept = row(vibe, "activities", activity, "image_s3_keys, image_urls, image_cdn_urls")
    assert kept["image_s3_keys"] == [body["media"]["key"] for _, body in answers]
    assert kept["image_cdn_urls"] == [body["media"]["cdnUrl"] for _, body in answers]


def test_a_replaced_picture_is_marked_for_deletion_and_only_that(vibe, phone):
    activity = phone.new_activity()
    old, other, new = [phone.send("activity-image", images.jpeg(), activityId=activity, **place) for place in
                       ({"slot": "hero"}, {"slot": "gallery", "index": 0}, {"slot": "hero"})]
    assert row(vibe, "activities", activity, "hero_image_s3_key") == {"hero_image_s3_key": new["key"]}
    assert media_states(vibe, phone) == {old["key"]: "deleting", other["key"]: "ready", new["key"]: "ready"}


@pytest.mark.parametrize("kind", ["profile-picture", "activity-image", "story-media"])
def test_an_older_upload_completed_late_does_not_replace_a_newer_one(vibe, phone, kind):
    place = {"activity-image": {"activityId": phone.new_activity(), "slot": "hero"}, "story-media": {"storyId": phone.new_story()},
             "profile-picture": {}}[kind]
    old, new = [phone.stage(kind, images.jpeg(), **place) for _ in range(2)]
    newer, older = phone.complete(new), phone.complete(old)
    assert newer[0] == older[0] == 200
    assert media_states(vibe, phone) == {newer[1]["media"]["key"]: "ready", older[1]["media"]["key"]: "deleting"}
    shown = sql(vibe, "SELECT profile_picture_s3_key FROM users WHERE id = :'id' "
                      "UNION ALL SELECT hero_image_s3_key FROM activities WHERE user_id = :'id' "
                      "UNION ALL SELECT image_s3_key FROM vibe_stories WHERE user_id = :'id'", id=phone.id)
    assert [key for [key] in shown if key] == [newer[1]["media"]["key"]]
    assert phone.complete(old) == older


def test_nobody_puts_a_picture_into_the_activity_of_another(vibe, phone):
    thief, activity = Phone(vibe), phone.new_activity()
    answer = thief.upload("activity-image", images.jpeg(), activityId=activity, slot="hero")
    assert status_and_code(answer) == (403, "upload_forbidden")
    assert row(vibe, "activities", activity, "hero_image_s3_key") == {"hero_image_s3_key": None}
    assert thief.keys("user-uploads") == [] and media_states(vibe, thief) == {}


@pytest.mark.parametrize("activity", ["0199c0de-0000-7000-8000-00000000ffff", "12", "no-such-thing"])
def test_an_activity_that_is_not_there_is_named(phone, activity):
    answer = phone.upload("activity-image", images.jpeg(), activityId=activity, slot="hero")
    assert status_and_code(answer) == (404, "activity_not_found")
    assert phone.keys("user-uploads") == []


# -- stories --

@pytest.mark.parametrize("content_type, make, folder, extension", [
    ("image/jpeg", images.jpeg, "images", "jpg"), ("video/mp4", videos.mp4, "videos", "mp4"),
    ("video/quicktime", videos.mov, "videos", "mp4"), ("video/quicktime", videos.mp4, "videos", "mp4")])
def test_story_media_makes_its_story_and_publishes_it(vibe, phone, content_type, make, folder, extension):
    data = make()
    media = phone.send("story-media", data, content_type)
    assert media["key"].startswith(f"vibe-stories/{folder}/{media['storyId']}-") and media["key"].endswith("." + extension)
    kind, other = ("image", "video") if folder == "images" else ("video", "image")
    assert row(vibe, "vibe_stories", media["storyId"],
               f"user_id, {kind}_url AS url, {kind}_s3_key AS key, {kind}_cdn_url AS cdn, {other}_cdn_url AS other, "
               "published_at IS NOT NULL AS published, expires_at - created_at = '24 hours' AS ends") == {
        "user_id": phone.id, "url": media["url"], "key": media["key"], "cdn": media["cdnUrl"],
        "other": media["poster"]["cdnUrl"] if kind == "video" else None, "published": True, "ends": True}
    served = vibe.request("GET", media["cdnUrl"])[2]
    assert len(served) == media["bytes"] and (kind == "video" or images.shows(served, data))


def test_completing_a_new_story_many_times_at_once_makes_one(vibe, phone):
    ticket = phone.stage("story-media", images.jpeg(size=50_000))
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: phone.complete(ticket), range(8)))
    assert [status for status, _ in answers] == [200] * 8 and all(body == answers[0][1] for _, body in answers)
    assert sql(vibe, "SELECT id FROM vibe_stories WHERE user_id = :'id'", id=phone.id) == [[answers[0][1]["media"]["storyId"]]]


def test_media_for_a_story_that_is_there_publishes_that(vibe, phone):
    story = phone.new_story()
    media = phone.send("story-media", images.jpeg(), storyId=story)
    assert media["storyId"] == story
    assert row(vibe, "vibe_stories", story, "image_s3_key, published_at IS NOT NULL AS published") == {
        "image_s3_key": media["key"], "published": True}
    assert len(sql(vibe, "SELECT id FROM vibe_stories WHERE user_id = :'id'", id=phone.id)) == 1


def test_a_foreign_an_ended_and_an_unknown_story_take_nothing(vibe, phone):
    thief = Phone(vibe)
    for who, story, problem in ((thief, phone.new_story(), (403, "upload_forbidden")),
                                (phone, phone.new_story("-1 second"), (404, "story_not_found")),
                                (phone, str(uuid.uuid4()), (404, "story_not_found"))):
        assert status_and_code(who.upload("story-media", images.jpeg(), storyId=story)) == problem
        assert who.keys("user-uploads") == []


def test_a_story_that_cannot_be_published_is_not_made(vibe, phone):
    answer = phone.upload("story-media", b"<html>" + bytes(100), "video/mp4")
    assert status_and_code(answer) == (422, "unsupported_media")
    assert sql(vibe, "SELECT id FROM vibe_stories WHERE user_id = :'id'", id=phone.id) == []


# -- the target of a ticket is sealed --

def test_the_store_refuses_another_target_than_the_tickets(phone):
    data = images.jpeg()
    ticket = phone.ticket("activity-image", data, activityId="a", slot="gallery", index=1)
    assert ticket["headers"]["x-amz-meta-vibe-purpose"] == "activity-image"
    for name, value in (("activity", "b"), ("slot", "hero"), ("index", "2"), ("index", None), ("seal", "x" * 22)):
        assert phone.put(ticket, data, **{f"x_amz_meta_vibe_{name}": value})[0] == 403
    assert phone.put(ticket, data, x_amz_meta_vibe_story="s")[0] == 403
    assert phone.put(ticket, data)[0] == 200


@pytest.mark.parametrize("change", [{"vibe-activity": "other"}, {"vibe-slot": "gallery", "vibe-index": "1"},
                                    {"vibe-seal": None}, {"vibe-story": "s"}])
def test_an_object_without_a_valid_seal_is_refused(vibe, phone, change):
    data = images.jpeg()
    ticket = phone.ticket("activity-image", data, activityId=phone.new_activity(), slot="hero")
    sealed = {name[len("x-amz-meta-"):]: value for name, value in ticket["headers"].items() if name.startswith("x-amz-meta-")}
    metadata = {name: value for name, value in (sealed | change).items() if value}
    vibe.s3().put_object(Bucket=vibe.bucket, Key=ticket["key"], Body=data, Metadata=metadata)
    assert status_and_code(phone.complete(ticket)) == (422, "target_mismatch")


# -- cancel --

def test_a_cancelled_upload_is_gone_and_stays_so(vibe, phone):
    data = images.jpeg()
    ticket = phone.stage("profile-picture", data)
    assert phone.cancel(ticket) == (204, None)
    assert phone.keys("user-uploads") == []
    assert phone.cancel(ticket) == (204, None)
    assert phone.put(ticket, data)[0] == 200  # a PUT that was in flight
    assert status_and_code(phone.complete(ticket)) == (409, "upload_cancelled")
    assert phone.me()["profilePicture"] is None


def test_many_cancellations_at_once_are_all_answered_as_one(phone):
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for _ in range(12):
            ticket = phone.ticket("profile-picture", b"x")
            assert list(threads.map(phone.cancel, [ticket] * 8)) == [(204, None)] * 8


def test_an_upload_that_never_arrived_can_be_cancelled(phone):
    ticket = phone.ticket("story-media", images.jpeg())
    assert phone.cancel(ticket) == (204, None)


def test_a_completed_upload_cannot_be_cancelled(phone):
    ticket = phone.stage("profile-picture", images.jpeg())
    status, body = phone.complete(ticket)
    assert status_and_code(phone.cancel(ticket)) == (409, "upload_completed")
    assert phone.me()["profilePictureS3Key"] == body["media"]["key"]


def test_nobody_cancels_the_upload_of_another(vibe, phone):
    ticket = phone.stage("profile-picture", images.jpeg())
    assert status_and_code(Phone(vibe).cancel(ticket)) == (403, "upload_forbidden")
    assert phone.complete(ticket)[0] == 200


# -- from the command line --

def test_the_command_uploads_for_activities_and_stories(vibe, phone, tmp_path):
    (tmp_path / "picture").write_bytes(images.jpeg())
    (tmp_path / "film").write_bytes(videos.mp4())
    activity, token = phone.new_activity(), {"VIBE_TOKEN": phone.token}
    done = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "activity-image", "--activity", activity, "--slot", "gallery",
                  "--index", "2", environment=token)
    assert done.returncode == 0, done.stderr
    assert row(vibe, "activities", activity, "image_cdn_urls") == {"image_cdn_urls": [None, None, done.stdout.strip()]}
    done = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as=activity-image", f"--activity={activity}", environment=token)
    assert row(vibe, "activities", activity, "hero_image_cdn_url") == {"hero_image_cdn_url": done.stdout.strip()}
    story = phone.new_story()
    done = vibe_upload(vibe, tmp_path, tmp_path / "film", "--as", "story-media", "--story", story, environment=token)
    assert row(vibe, "vibe_stories", story, "video_cdn_url") == {"video_cdn_url": done.stdout.strip()}


@pytest.mark.parametrize("arguments, words", [
    (["--as", "activity-image"], "--activity ID"),
    (["--as", "profile-picture", "--activity", "1"], "for --as activity-image"),
    (["--as", "activity-image", "--activity", "1", "--story", "1"], "for --as story-media"),
    (["--as", "activity-image", "--activity", "1", "--index", "x"], "whole number")])
def test_the_command_explains_contradicting_options(vibe, tmp_path, arguments, words):
    (tmp_path / "picture").write_bytes(images.jpeg())
    done = vibe_upload(vibe, tmp_path, tmp_path / "picture", *arguments)
    assert done.returncode == 2 and words in done.stderr
