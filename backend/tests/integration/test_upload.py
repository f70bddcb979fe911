"""Journey 1: a picture goes from the phone into the bucket, into the database and to its CDN address; and all the ways
in which that must not work."""

import base64
import concurrent.futures
import json
import subprocess
import uuid

import images
import pytest

TICKET = "/api/upload/profile-picture"


def sql(vibe, statement, **variables):
    """Rows of a statement as lists of text; :'name' in it is a variable, quoted by psql."""
    options = [f"--set={name}={value}" for name, value in variables.items()]
    out = subprocess.run(["psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1", *options, vibe.database_url],
                         input=statement, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return [line.split("\t") for line in out.stdout.splitlines()]


class Phone:
    """Somebody with the app: an account of its own, and the three steps of an upload."""

    def __init__(self, vibe):
        self.vibe = vibe
        status, body = self.call("POST", "/api/auth/register", {
            "email": f"{uuid.uuid4()}@example.com", "password": "correct horse", "name": "Zoë 🌸"})
        assert status == 201
        self.id, self.token = body["user"]["id"], body["accessToken"]

    def call(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        status, _, text = self.vibe.request(method, path, None if body is None else json.dumps(body), headers)
        return status, json.loads(text) if text else None

    def ticket(self, data, content_type="image/jpeg", **more):
        status, ticket = self.call("POST", TICKET, {"contentType": content_type, "contentLength": len(data), **more})
        assert status == 201, ticket
        return ticket

    def put(self, ticket, data, **changed):
        """PUTs with the ticket's headers; changed: headers to replace, or to leave out with None."""
        headers = {name.lower(): value for name, value in ticket["headers"].items()}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        headers = {name: value for name, value in headers.items() if value is not None}
        status, _, body = self.vibe.request(ticket["method"], ticket["url"], data, headers)
        return status, body

    def complete(self, ticket, key=None):
        return self.call("POST", f"/api/upload/{ticket['uploadId']}/complete", {"key": key or ticket["key"]})

    def keys(self, prefix):
        listed = self.vibe.s3().list_objects_v2(Bucket=self.vibe.bucket, Prefix=f"{prefix}/{self.id}/")
        return [item["Key"] for item in listed.get("Contents", [])]

    def me(self):
        status, body = self.call("GET", "/api/users/me")
        assert status == 200
        return body["user"]


@pytest.fixture
def phone(vibe):
    return Phone(vibe)


def uploads_metric(vibe, outcome):
    text = vibe.request("GET", "/metrics")[2].decode()
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if line.startswith("vibe_uploads_total{") and f'outcome="{outcome}"' in line)


def test_a_picture_goes_from_the_phone_to_the_database_and_the_cdn(vibe, phone):
    data = images.jpeg(640, 480, size=200_000)
    ticket = phone.ticket(data)
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
    ticket = phone.ticket(data, content_type)
    assert phone.put(ticket, data)[0] == 200
    status, body = phone.complete(ticket)
    assert status == 200
    assert body["media"]["key"].endswith(".jpg")
    assert body["media"]["contentType"] == "image/jpeg"
    assert (body["media"]["width"], body["media"]["height"]) == size
    status, headers, served = vibe.request("GET", body["media"]["cdnUrl"])
    assert headers["Content-Type"] == "image/jpeg" and ("hei" in content_type or images.shows(served, data))


def test_real_photos_pass(vibe, phone, photos):
    for name, content_type, size in [("IMG_2682.heic", "image/heic", (2560, 1920)), ("denali.webp", "image/webp", (600, 315)),
                                     ("portrait-orientation-6.jpg", "image/jpeg", (840, 700)),
                                     ("thompson-springs.jpg", "image/jpeg", None)]:
        data = (photos / name).read_bytes()
        ticket = phone.ticket(data, content_type)
        assert phone.put(ticket, data)[0] == 200
        status, body = phone.complete(ticket)
        assert status == 200
        assert body["media"]["width"] and body["media"]["height"]
        assert size in (None, (body["media"]["width"], body["media"]["height"]))
        served = vibe.request("GET", body["media"]["cdnUrl"])[2]
        assert len(served) == body["media"]["bytes"] and served.startswith(b"\xff\xd8\xff")


def test_complete_twice_returns_the_same_media(phone):
    data = images.jpeg()
    ticket = phone.ticket(data)
    phone.put(ticket, data)
    first, second = phone.complete(ticket), phone.complete(ticket)
    assert first[0] == 200 and first == second


def test_completing_an_older_upload_again_does_not_bring_its_picture_back(phone):
    data = images.jpeg()
    old, new = phone.ticket(data), phone.ticket(data)
    for ticket in old, new:
        phone.put(ticket, data)
        assert phone.complete(ticket)[0] == 200
    newest = phone.me()["profilePictureS3Key"]
    assert phone.complete(old)[0] == 200
    assert phone.me()["profilePictureS3Key"] == newest


def test_many_completions_at_once_give_one_media(vibe, phone):
    data = images.jpeg(size=100_000)
    ticket = phone.ticket(data)
    phone.put(ticket, data)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: phone.complete(ticket), range(8)))
    assert [status for status, _ in answers] == [200] * 8
    assert all(body == answers[0][1] for _, body in answers)
    assert sql(vibe, "SELECT count(*), min(status) FROM media WHERE user_id = :'id'", id=phone.id) == [["1", "ready"]]
    assert phone.keys("profile-pictures") == [answers[0][1]["media"]["key"]]
    assert images.shows(vibe.request("GET", answers[0][1]["media"]["cdnUrl"])[2], data)


def test_uploads_at_the_same_instant_get_keys_of_their_own(phone):
    data = images.jpeg()
    tickets = [phone.ticket(data) for _ in range(6)]
    for ticket in tickets:
        phone.put(ticket, data)
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(phone.complete, tickets))
    assert [status for status, _ in answers] == [200] * 6
    assert len({body["media"]["key"] for _, body in answers}) == 6


def test_a_promotion_that_died_half_way_is_finished_by_the_next_complete(vibe, phone):
    data = images.jpeg()
    ticket = phone.ticket(data)
    phone.put(ticket, data)
    # What a server leaves behind that was killed after it took the key and before it published.
    upload = uuid.UUID(bytes=base64.urlsafe_b64decode(ticket["uploadId"])[:16])
    key = f"profile-pictures/{phone.id}/avatar-1790000000000.jpg"
    sql(vibe, "INSERT INTO media (upload_id, user_id, purpose, key, content_type, bytes, status) VALUES "
              "(:'upload', :'user', 'profile-picture', :'key', 'image/jpeg', :'bytes', 'pending')",
        upload=upload, user=phone.id, key=key, bytes=len(data))
    status, body = phone.complete(ticket)
    assert status == 200 and body["media"]["key"] == key
    assert images.shows(vibe.request("GET", body["media"]["cdnUrl"])[2], data)
    assert phone.me()["profilePictureS3Key"] == key


def test_completing_before_the_file_has_arrived_is_409_and_works_afterwards(phone):
    data = images.jpeg()
    ticket = phone.ticket(data)
    status, body = phone.complete(ticket)
    assert (status, body["code"]) == (409, "upload_incomplete")
    phone.put(ticket, data)
    assert phone.complete(ticket)[0] == 200


def test_the_store_refuses_everything_but_what_was_agreed(phone):
    data = images.jpeg(size=5000)
    ticket = phone.ticket(data)
    assert phone.put(ticket, data + b"x", content_length=str(len(data) + 1))[0] == 403
    assert phone.put(ticket, data, content_type="text/html")[0] == 403
    assert phone.put(ticket, data, x_amz_meta_vibe_purpose="story-media")[0] == 403
    assert phone.put(ticket, data, if_none_match=None)[0] == 403
    assert phone.put(dict(ticket, url=ticket["url"].replace(".jpg?", ".html?")), data)[0] == 403
    assert phone.put(dict(ticket, url=ticket["url"].replace(phone.id, str(uuid.uuid4()))), data)[0] == 403
    assert phone.put(dict(ticket, method="DELETE"), None)[0] == 403
    assert phone.keys("user-uploads") == []
    assert phone.put(ticket, data)[0] == 200


def test_what_has_arrived_cannot_be_replaced(phone):
    first, second = images.jpeg(size=5000, seed=1), images.jpeg(size=5000, seed=2)
    ticket = phone.ticket(first)
    assert phone.put(ticket, first)[0] == 200
    status, body = phone.put(ticket, second)
    assert status == 412 and b"PreconditionFailed" in body


def test_a_checksum_of_the_ticket_is_enforced_by_the_store(phone):
    import hashlib
    good, bad = images.jpeg(size=5000, seed=1), images.jpeg(size=5000, seed=2)
    ticket = phone.ticket(good, checksumSha256=base64.b64encode(hashlib.sha256(good).digest()).decode())
    assert phone.put(ticket, bad)[0] == 400
    assert phone.put(ticket, good)[0] == 200
    assert phone.complete(ticket)[0] == 200


@pytest.mark.parametrize("data, declared, code", [
    (images.png(), "image/jpeg", "type_mismatch"),
    (images.jpeg(), "image/heic", "type_mismatch"),
    (images.mp4(), "image/jpeg", "type_mismatch"),
    (b"GIF89a" + bytes(100), "image/png", "type_mismatch"),
    (b"II*\0" + bytes(100), "image/png", "unsupported_media"),
    (b"<html><script>alert(1)</script></html>", "image/jpeg", "unsupported_media"),
    (b"\xff", "image/jpeg", "unsupported_media"),
])
def test_a_file_that_is_not_what_it_says_is_refused_and_deleted(vibe, phone, data, declared, code):
    before = uploads_metric(vibe, "rejected")
    ticket = phone.ticket(data, declared)
    assert phone.put(ticket, data)[0] == 200
    status, body = phone.complete(ticket)
    assert (status, body["code"]) == (422, code)
    assert phone.keys("user-uploads") == [] and phone.keys("profile-pictures") == []
    assert phone.me()["profilePicture"] is None
    assert uploads_metric(vibe, "rejected") > before


def test_an_object_of_another_length_is_refused(vibe, phone):
    data = images.jpeg(size=5000)
    ticket = phone.ticket(data)
    vibe.s3().put_object(Bucket=vibe.bucket, Key=ticket["key"], Body=data + b"more")
    status, body = phone.complete(ticket)
    assert (status, body["code"]) == (422, "length_mismatch")


def test_nobody_completes_the_upload_of_another(vibe, phone):
    data = images.jpeg()
    ticket = phone.ticket(data)
    phone.put(ticket, data)
    thief = Phone(vibe)
    status, body = thief.complete(ticket)
    assert (status, body["code"]) == (403, "upload_forbidden")
    status, body = thief.complete(ticket, key=ticket["key"].replace(phone.id, thief.id))
    assert (status, body["code"]) == (404, "upload_not_found")
    assert phone.complete(ticket)[0] == 200


@pytest.mark.parametrize("change", [
    lambda key: key + "x",
    lambda key: key.replace(".jpg", ".png"),
    lambda key: key.replace("user-uploads/", "user-uploads/../user-uploads/"),
    lambda key: key + "/../../profile-pictures/x",
    lambda key: "profile-pictures/x/avatar-1.jpg",
])
def test_the_key_must_be_the_tickets(phone, change):
    ticket = phone.ticket(images.jpeg())
    status, body = phone.complete(ticket, key=change(ticket["key"]))
    assert status in (403, 404) and body["code"] in ("upload_forbidden", "upload_not_found")


def test_a_deleted_account_takes_its_media_along(vibe, phone):
    data = images.jpeg()
    done, staged = phone.ticket(data), phone.ticket(data)
    phone.put(done, data)
    phone.put(staged, data)
    assert phone.complete(done)[0] == 200
    assert phone.call("DELETE", "/api/users/me")[0] == 204
    assert phone.keys("profile-pictures") == [] and phone.keys("user-uploads") == []
    assert sql(vibe, "SELECT count(*) FROM users WHERE id = :'id'", id=phone.id) == [["0"]]
    assert sql(vibe, "SELECT count(*) FROM media WHERE key LIKE '%' || :'id' || '%'", id=phone.id) == [["0"]]
    status, body = phone.complete(staged)  # with an access token that has not expired yet
    assert status in (401, 409)
    assert phone.keys("profile-pictures") == []
