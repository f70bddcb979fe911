"""`vibe media gc` removes objects that nothing needs, and never one that a row names."""

import re

import pytest

from helpers import images, s3, videos
from helpers.database import sql
from helpers.phone import Phone
from helpers.program import run_vibe

LOST = "activity-images/lost/hero-1.jpg"


@pytest.fixture(scope="module")
def idle(module_vibe):
    """An instance whose own sweeper never runs."""
    return module_vibe(SWEEP_INTERVAL="86400")


@pytest.fixture(autouse=True)
def emptied(idle):
    """Each test begins without media."""
    sql(idle, "DELETE FROM media; DELETE FROM vibe_stories; DELETE FROM activities; DELETE FROM users")
    for key in all_keys(idle):
        idle.s3().delete_object(Bucket=idle.bucket, Key=key)


@pytest.fixture
def phone(idle):
    return Phone(idle)


def all_keys(vibe):
    return set(s3.keys(vibe))


def gc(vibe, *arguments, cwd="/", **changed):
    return run_vibe("media", "gc", *arguments, cwd=cwd, environment=vibe.env | changed)


def lines(done, what):
    """{key: reason} of the lines that begin with this word."""
    found = re.findall(rf"^{what} +[\d.]* ?[kMG]?B? {{2,}}(\S.*?) {{2,}}(\S+)$", done.stdout, re.M)
    return {key: reason for reason, key in found}


def lose(vibe, key=LOST):
    vibe.s3().put_object(Bucket=vibe.bucket, Key=key, Body=images.jpeg(), ContentType="image/jpeg")
    return key


def an_hour_later(vibe):
    sql(vibe, "UPDATE media SET updated_at = updated_at - interval '1 hour', keep_until = keep_until - interval '1 day'")


def test_a_dry_run_lists_each_reason_and_a_run_removes_the_same(idle, phone):
    replaced = phone.send("profile-picture", images.jpeg(seed=1))["key"]
    shown = phone.send("profile-picture", images.jpeg(seed=2))["key"]
    activity = phone.new_activity()
    orphaned = phone.send("activity-image", images.jpeg(seed=3), activityId=activity, slot="hero")["key"]
    sql(idle, "UPDATE media SET status = 'deleting' WHERE key = :'key'; DELETE FROM activities WHERE id = :'id'",
        key=orphaned, id=activity)
    video = phone.send("story-media", videos.mp4(), "video/mp4", storyId=phone.new_story())["key"]
    poster = sql(idle, "SELECT poster_key FROM media WHERE key = :'key'", key=video)[0][0]
    sql(idle, "UPDATE vibe_stories SET expires_at = now()")
    staged = phone.stage("profile-picture", images.jpeg(seed=4))["key"]
    lost = lose(idle)
    gone = Phone(idle)
    theirs = gone.send("profile-picture", images.jpeg(seed=5))["key"]
    sql(idle, "UPDATE media SET status = 'deleting' WHERE key = :'key'; DELETE FROM users WHERE id = :'id'",
        key=theirs, id=gone.id)
    an_hour_later(idle)

    before = all_keys(idle)
    listed = gc(idle, "--dry-run", "--min-age", "0")
    assert listed.returncode == 0, listed.stderr
    assert lines(listed, "would remove") == {
        replaced: "it was replaced", orphaned: "its activity was deleted", video: "its story has ended",
        poster: "its story has ended", theirs: "its owner's account was deleted", lost: "no row names it"}
    assert lines(listed, "left") == {staged: "not completed yet"}
    assert re.search(r"^6 of 7 objects, [\d.]+ kB, would be removed$", listed.stdout, re.M), listed.stdout
    assert all_keys(idle) == before

    removed = gc(idle, "--min-age", "0")
    assert removed.returncode == 0, removed.stderr
    assert lines(removed, "removed") == lines(listed, "would remove")
    assert all_keys(idle) == {shown, staged}
    assert gc(idle, "--min-age", "0").stdout.startswith("0 of 1 objects, 0 B, removed")
    assert idle.request("GET", f"{idle.cdn_url}/{shown}")[0] == 200


def test_recently_replaced_or_written_objects_stay(idle, phone):
    phone.send("profile-picture", images.jpeg(seed=1))
    phone.send("profile-picture", images.jpeg(seed=2))
    lose(idle)
    before = all_keys(idle)
    assert gc(idle).stdout.startswith("0 of 3 objects") and all_keys(idle) == before


@pytest.mark.parametrize("statement", [
    "UPDATE users SET profile_picture_s3_key = :'key' WHERE id = :'id'",
    "INSERT INTO activities (user_id, hero_image_s3_key) VALUES (:'id', :'key')",
    "INSERT INTO activities (user_id, image_s3_keys) VALUES (:'id', ARRAY['x', NULL, :'key'])",
    "INSERT INTO vibe_stories (user_id, image_s3_key, expires_at) VALUES (:'id', :'key', now() + interval '1 hour')",
    "INSERT INTO vibe_stories (user_id, video_s3_key) VALUES (:'id', :'key')"])
@pytest.mark.parametrize("in_media", [False, True])
def test_an_object_that_a_row_names_is_never_removed(idle, phone, statement, in_media):
    """The table media does not decide: adopted pictures have no row there."""
    key = phone.send("profile-picture", images.jpeg())["key"]
    sql(idle, "UPDATE users SET profile_picture_s3_key = NULL")
    sql(idle, "UPDATE media SET status = 'deleting'" if in_media else "DELETE FROM media")
    an_hour_later(idle)
    assert set(lines(gc(idle, "--dry-run", "--min-age", "0"), "would remove")) == {key}
    sql(idle, statement, key=key, id=phone.id)
    assert lines(gc(idle, "--dry-run", "--min-age", "0"), "would remove") == {}
    assert gc(idle, "--min-age", "0", "--force").returncode == 0 and all_keys(idle) == {key}


def test_a_key_of_any_characters_is_removed(idle):
    keys = {lose(idle, f"profile-pictures/{name}") for name in
            ('quo"te', "com,ma", "back\\slash", "{brace}", "NULL", "smörgås 🌸", "apo'strophe", "x" * 900)}
    assert gc(idle, "--min-age", "0").returncode == 0 and not all_keys(idle) & keys


def test_objects_with_other_prefixes_stay(idle):
    other = lose(idle, "backups/database.sql")
    assert gc(idle, "--min-age", "0").stdout.startswith("0 of 0 objects") and other in all_keys(idle)


def test_a_run_with_the_wrong_database_is_refused(idle, phone):
    """More than one batch of objects, because the database is asked batch by batch."""
    shown = phone.send("profile-picture", images.jpeg())["key"]
    for number in range(510):
        lose(idle, f"vibe-stories/images/{number}-1.jpg")
    before = all_keys(idle)
    listed, refused = gc(idle, "--dry-run", "--min-age", "0"), gc(idle, "--min-age", "0")
    assert len(lines(listed, "would remove")) == 510
    for done in (listed, refused):
        assert done.returncode == 1 and "510 of the 511 media in bucket" in done.stderr and "--force" in done.stderr
    assert all_keys(idle) == before
    assert gc(idle, "--min-age", "0", "--force").returncode == 0 and all_keys(idle) == {shown}


def test_missing_settings_and_refusals_are_named(idle):
    done = gc(idle, DATABASE_URL=None)
    assert done.returncode == 1 and "DATABASE_URL" in done.stderr and "vibe up" in done.stderr
    done = gc(idle, AWS_SECRET_ACCESS_KEY="wrong")
    assert done.returncode == 1 and "SignatureDoesNotMatch" in done.stderr
    done = gc(idle, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1 and done.stderr
    for arguments in (["--min-age", "-1"], ["--min-age", "soon"], ["--min-age", "99999"], ["now"]):
        assert gc(idle, *arguments).returncode == 2


def test_the_vibe_up_of_the_folder_is_used_unless_the_environment_names_another(idle, tmp_path):
    (tmp_path / ".vibe").symlink_to(idle.data_dir)
    done = run_vibe("media", "gc", "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "0 of 0 objects, 0 B, would be removed\n"), done.stderr
    done = run_vibe("media", "gc", cwd=tmp_path, environment={"S3_BUCKET_NAME": "of-production", "AWS_REGION": "eu-central-1"})
    assert done.returncode == 1 and "DATABASE_URL" in done.stderr
