"""Journey 1: a picture goes from the phone into the bucket, into the database and to its CDN address. And the uploads that
must be refused."""

import concurrent.futures
import uuid

import pytest

from helpers import images, videos
from helpers.api import status_and_code
from helpers.database import sql
from helpers.metrics import metric
from helpers.phone import Phone, sha256_base64, upload_uuid


def test_a_picture_goes_from_the_phone_to_the_database_and_the_cdn(vibe, phone):
    data = images.jpeg(640, 480, size=200_000)
    ticket = phone.ticket("profile-picture", data)
    assert ticket["key"].startswith(f"user-uploads/{phone.id}/{ticket['uploadId']}-")
    assert phone.put(ticket, data)[0] == 200
    status, body = phone.complete(ticket)
    assert status == 200
    media = body["media"]
    assert media["key"].startswith(f"profile-pictures/{phone.id}/avatar-") and media["key"].endswith(".jpg")
    assert media["cdnUrl"] == f"{vibe.cdn_url}/{media['key']}"
    assert (media["width"], media["height"], media["contentType"]) == (640, 480, "image/jpeg")
    assert media["thumbhash"] and media["dominantColor"].startswith("#") and media["variants"][0]["width"] == 64

    assert sql(vibe, "SELECT profile_picture, profile_picture_s3_key, profile_picture_cdn_url FROM users "
                     "WHERE id = :'id'", id=phone.id) == [[media["url"], media["key"], media["cdnUrl"]]]
    assert phone.me()["profilePictureCdnUrl"] == media["cdnUrl"]

    status, headers, served = vibe.request("GET", media["cdnUrl"])
    assert status == 200 and images.shows(served, data) and len(served) == media["bytes"]
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert phone.keys("user-uploads") == []


@pytest.mark.parametrize("content_type, make, size", [
    ("image/png", lambda: images.png(20, 10), (20, 10)), ("image/webp", lambda: images.webp(12, 7), (12, 7)),
    ("image/heic", images.heic, (16, 16)), ("image/heif", images.heic, (16, 16)),
])
def test_each_picture_format_is_published_as_jpeg(vibe, phone, content_type, make, size):
    data = make()
    media = phone.send("profile-picture", data, content_type)
    assert media["key"].endswith(".jpg")
    assert media["contentType"] == "image/jpeg"
    assert (media["width"], media["height"]) == size
    status, headers, served = vibe.request("GET", media["cdnUrl"])
    assert headers["Content-Type"] == "image/jpeg" and ("hei" in content_type or images.shows(served, data))


def test_real_photos_pass(vibe, phone, photos):
    for name, content_type, size in [("IMG_2682.heic", "image/heic", (2560, 1920)), ("denali.webp", "image/webp", (600, 315)),
                                     ("portrait-orientation-6.jpg", "image/jpeg", (840, 700)),
                                     ("thompson-springs.jpg", "image/jpeg", None)]:
        data = (photos / name).read_bytes()
        media = phone.send("profile-picture", data, content_type)
        assert media["width"] and media["height"]
        assert size in (None, (media["width"], media["height"]))
        served = vibe.request("GET", media["cdnUrl"])[2]
        assert len(served) == media["bytes"] and served.startswith(b"\xff\xd8\xff")


def test_complete_twice_returns_the_same_media(phone):
    ticket = phone.stage("profile-picture", images.jpeg())
    first, second = phone.complete(ticket), phone.complete(ticket)
    assert first[0] == 200 and first == second


def test_completing_an_older_upload_again_does_not_bring_its_picture_back(phone):
    old, new = phone.stage("profile-picture", images.jpeg()), phone.stage("profile-picture", images.jpeg())
    for ticket in old, new:
        assert phone.complete(ticket)[0] == 200
    newest = phone.me()["profilePictureS3Key"]
    assert phone.complete(old)[0] == 200
    assert phone.me()["profilePictureS3Key"] == newest


def test_many_completions_at_once_give_one_media(vibe, phone):
    data = images.jpeg(size=100_000)
    ticket = phone.stage("profile-picture", data)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: phone.complete(ticket), range(8)))
    assert [status for status, _ in answers] == [200] * 8
    assert all(body == answers[0][1] for _, body in answers)
    assert sql(vibe, "SELECT count(*), min(status) FROM media WHERE user_id = :'id'", id=phone.id) == [["1", "ready"]]
    assert phone.keys("profile-pictures") == [answers[0][1]["media"]["key"]]
    assert images.shows(vibe.request("GET", answers[0][1]["media"]["cdnUrl"])[2], data)


def test_uploads_at_the_same_instant_get_keys_of_their_own(phone):
    tickets = [phone.stage("profile-picture", images.jpeg()) for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(phone.complete, tickets))
    assert [status for status, _ in answers] == [200] * 6
    assert len({body["media"]["key"] for _, body in answers}) == 6


def test_a_promotion_that_died_half_way_is_finished_by_the_next_complete(vibe, phone):
    data = images.jpeg()
    ticket = phone.stage("profile-picture", data)
    # A server that is killed between reserving the key and publishing leaves this row.
    key = f"profile-pictures/{phone.id}/avatar-1790000000000.jpg"
    sql(vibe, "INSERT INTO media (upload_id, user_id, purpose, key, content_type, bytes, status) VALUES "
              "(:'upload', :'user', 'profile-picture', :'key', 'image/jpeg', :'bytes', 'pending')",
        upload=upload_uuid(ticket), user=phone.id, key=key, bytes=len(data))
    status, body = phone.complete(ticket)
    assert status == 200 and body["media"]["key"] == key
    assert images.shows(vibe.request("GET", body["media"]["cdnUrl"])[2], data)
    assert phone.me()["profilePictureS3Key"] == key


def test_completing_before_the_file_has_arrived_is_409_and_works_afterwards(phone):
    data = images.jpeg()
    ticket = phone.ticket("profile-picture", data)
    assert status_and_code(phone.complete(ticket)) == (409, "upload_incomplete")
    phone.put(ticket, data)
    assert phone.complete(ticket)[0] == 200


def test_the_store_refuses_any_deviation_from_the_ticket(phone):
    data = images.jpeg(size=5000)
    ticket = phone.ticket("profile-picture", data)
    assert phone.put(ticket, data + b"x", content_length=str(len(data) + 1))[0] == 403
    assert phone.put(ticket, data, content_type="text/html")[0] == 403
    assert phone.put(ticket, data, x_amz_meta_vibe_purpose="story-media")[0] == 403
    assert phone.put(ticket, data, if_none_match=None)[0] == 403
    assert phone.put(dict(ticket, url=ticket["url"].replace(".jpg?", ".html?")), data)[0] == 403
    assert phone.put(dict(ticket, url=ticket["url"].replace(phone.id, str(uuid.uuid4()))), data)[0] == 403
    assert phone.put(dict(ticket, method="DELETE"), None)[0] == 403
    assert phone.keys("user-uploads") == []
    assert phone.put(ticket, data)[0] == 200


def test_a_file_that_arrived_cannot_be_replaced(phone):
    first, second = images.jpeg(size=5000, seed=1), images.jpeg(size=5000, seed=2)
    ticket = phone.ticket("profile-picture", first)
    assert phone.put(ticket, first)[0] == 200
    status, body = phone.put(ticket, second)
    assert status == 412 and b"PreconditionFailed" in body


def test_a_checksum_of_the_ticket_is_enforced_by_the_store(phone):
    good, bad = images.jpeg(size=5000, seed=1), images.jpeg(size=5000, seed=2)
    ticket = phone.ticket("profile-picture", good, checksumSha256=sha256_base64(good))
    assert phone.put(ticket, bad)[0] == 400
    assert phone.put(ticket, good)[0] == 200
    assert phone.complete(ticket)[0] == 200


@pytest.mark.parametrize("data, declared, code", [
    (images.png(), "image/jpeg", "type_mismatch"),
    (images.jpeg(), "image/heic", "type_mismatch"),
    (videos.mp4(), "image/jpeg", "type_mismatch"),
    (b"GIF89a" + bytes(100), "image/png", "type_mismatch"),
    (b"II*\0" + bytes(100), "image/png", "unsupported_media"),
    (b"<html><script>alert(1)</script></html>", "image/jpeg", "unsupported_media"),
    (b"\xff", "image/jpeg", "unsupported_media"),
])
def test_a_file_of_another_type_than_declared_is_refused_and_deleted(vibe, phone, data, declared, code):
    before = metric(vibe, "vibe_uploads_total", outcome="rejected")
    assert status_and_code(phone.upload("profile-picture", data, declared)) == (422, code)
    assert phone.keys("user-uploads") == [] and phone.keys("profile-pictures") == []
    assert phone.me()["profilePicture"] is None
    assert metric(vibe, "vibe_uploads_total", outcome="rejected") > before


def test_an_object_of_another_length_is_refused(vibe, phone):
    data = images.jpeg(size=5000)
    ticket = phone.ticket("profile-picture", data)
    vibe.s3().put_object(Bucket=vibe.bucket, Key=ticket["key"], Body=data + b"more")
    assert status_and_code(phone.complete(ticket)) == (422, "length_mismatch")


def test_nobody_completes_the_upload_of_another(vibe, phone):
    ticket, thief = phone.stage("profile-picture", images.jpeg()), Phone(vibe)
    assert status_and_code(thief.complete(ticket)) == (403, "upload_forbidden")
    own = ticket["key"].replace(phone.id, thief.id)
    assert status_and_code(thief.complete(ticket, key=own)) == (404, "upload_not_found")
    assert phone.complete(ticket)[0] == 200


@pytest.mark.parametrize("change", [
    lambda key: key + "x",
    lambda key: key.replace(".jpg", ".png"),
    lambda key: key.replace("user-uploads/", "user-uploads/../user-uploads/"),
    lambda key: key + "/../../profile-pictures/x",
    lambda key: "profile-pictures/x/avatar-1.jpg",
])
def test_the_key_must_be_the_tickets(phone, change):
    ticket = phone.ticket("profile-picture", images.jpeg())
    status, body = phone.complete(ticket, key=change(ticket["key"]))
    assert status in (403, 404) and body["code"] in ("upload_forbidden", "upload_not_found")


def test_a_deleted_account_takes_its_media_along(vibe, phone):
    staged = phone.stage("profile-picture", images.jpeg())
    phone.send("profile-picture", images.jpeg())
    assert phone.call("DELETE", "/api/users/me")[0] == 204
    assert phone.keys("profile-pictures") == [] and phone.keys("user-uploads") == []
    assert sql(vibe, "SELECT count(*) FROM users WHERE id = :'id'", id=phone.id) == [["0"]]
    assert sql(vibe, "SELECT count(*) FROM media WHERE key LIKE '%' || :'id' || '%'", id=phone.id) == [["0"]]
    status, body = phone.complete(staged)  # the access token has not expired yet
    assert status in (401, 409)
    assert phone.keys("profile-pictures") == []
