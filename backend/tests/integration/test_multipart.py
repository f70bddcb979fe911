"""Files of more than 16 MiB go in parts: a phone that lost its connection goes on where it was, and nobody pays for parts
that nothing comes of."""

import base64
import concurrent.futures
import hashlib
import http.client
import subprocess
import urllib.parse
import uuid

import pytest

import images
from conftest import Vibe, free_port, wait_until
from relay import Relay
from test_sweeper import counted, states, wait_for_runs
from test_upload_command import upload
from test_upload_kinds import Owner, code_of

MIB = 1024 * 1024
PART = 8 * MIB
SOON = {"SWEEP_INTERVAL": "1", "SWEEP_UPLOADS_AFTER": "5"}


@pytest.fixture(scope="session")
def video(_scratch):
    """A video of three parts."""
    path = _scratch / "video.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-t", "6", "-vf",
                    "noise=alls=40:allf=t", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "28M", "-pix_fmt", "yuv420p",
                    path], check=True, stdin=subprocess.DEVNULL)
    data = path.read_bytes()
    assert 2 * PART < len(data) <= 3 * PART
    return data


class Filmer(Owner):
    """A phone that uploads videos."""

    def begin(self, data, **more):
        """A ticket for this file and no other: what is published afterwards has all of its bytes."""
        checksum = {"checksumSha256": base64.b64encode(hashlib.sha256(data).digest()).decode()}
        status, ticket = self.ask("story-media", data, "video/mp4", **checksum | more)
        assert status == 201, ticket
        return ticket

    def send_part(self, part, data, **headers):
        """PUTs it as it is to be; the status and what S3 says."""
        body = data[part["offset"]:part["offset"] + part["length"]]
        status, _, text = self.vibe.request("PUT", part["url"], body, headers)
        return status, text.decode()

    def send_parts(self, parts, data):
        for part in parts:
            assert self.send_part(part, data)[0] == 200

    def progress(self, ticket, **changed):
        named = ticket | changed
        query = urllib.parse.urlencode({"key": named["key"]})
        return self.call("GET", f"/api/upload/{named['uploadId']}?{query}")

    def begun(self):
        """The multipart uploads that S3 has of this user."""
        listed = self.vibe.s3().list_multipart_uploads(Bucket=self.vibe.bucket, Prefix=f"user-uploads/{self.id}/")
        return listed.get("Uploads", [])


@pytest.fixture
def filmer(vibe):
    return Filmer(vibe)


def numbers(parts):
    return [part["partNumber"] for part in parts]


def published(vibe, answer):
    """The answer to complete says what is true."""
    status, body = answer
    assert status == 200, body
    media = body["media"]
    assert media["contentType"] == "video/mp4" and media["key"].startswith("vibe-stories/videos/")
    status, headers, _ = vibe.request("HEAD", media["cdnUrl"])
    assert status == 200 and int(headers["Content-Length"]) == media["bytes"]
    return media


# -- tickets --

@pytest.mark.parametrize("length, count", [(16 * MIB, None), (16 * MIB + 1, 3), (24 * MIB, 3), (24 * MIB + 1, 4), (10 ** 8, 12)])
def test_a_ticket_has_parts_from_16_mib_on_and_they_make_up_the_file(filmer, length, count):
    status, ticket = filmer.call("POST", "/api/upload/story-media", {"contentType": "video/mp4", "contentLength": length})
    assert status == 201
    if count is None:
        assert ticket["method"] == "PUT" and ticket["headers"]["Content-Length"] == str(length) and "multipart" not in ticket
        assert filmer.begun() == []
        return
    assert (ticket["method"], ticket["url"], ticket["headers"]) == (None, None, None)
    parts = ticket["multipart"]["parts"]
    assert ticket["multipart"]["partSize"] == PART and numbers(parts) == list(range(1, count + 1))
    assert [part["offset"] for part in parts] == [PART * n for n in range(count)]
    assert {part["length"] for part in parts[:-1]} == {PART} and sum(part["length"] for part in parts) == length
    assert all("X-Amz-SignedHeaders=content-length%3Bhost&" in part["url"] for part in parts)
    assert [found["Key"] for found in filmer.begun()] == [ticket["key"]]
    assert filmer.cancel(ticket)[0] == 204 and filmer.begun() == []


def test_a_ticket_in_parts_while_s3_is_away_is_a_503_and_a_small_one_is_given(vibe, serve_factory):
    serve = serve_factory(S3_ENDPOINT=f"http://127.0.0.1:{free_port()}", S3_PUBLIC_ENDPOINT=vibe.s3_url)
    filmer = Filmer(serve)
    assert filmer.ask("story-media", bytes(100), "video/mp4")[0] == 201
    assert code_of(filmer.ask("story-media", bytes(17 * MIB), "video/mp4")) == (503, "storage_unavailable")


# -- the way of a file --

def test_a_video_in_parts_is_published_whole(vibe, filmer, video):
    ticket = filmer.begin(video)
    filmer.send_parts(reversed(ticket["multipart"]["parts"]), video)
    status, progress = filmer.progress(ticket)
    assert (status, progress["status"], progress["expiresAt"]) == (200, "arrived", None)
    assert progress["multipart"]["missing"] == []
    media = published(vibe, filmer.complete(ticket))
    assert filmer.begun() == [] and filmer.keys("user-uploads") == []
    assert filmer.complete(ticket)[1]["media"] == media
    status, progress = filmer.progress(ticket)
    assert (status, progress["status"], progress["multipart"], progress["expiresAt"]) == (200, "completed", None, None)


def test_parts_are_sent_three_at_a_time_and_again_without_harm(vibe, filmer, video):
    ticket = filmer.begin(video)
    parts = ticket["multipart"]["parts"]
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        sent = list(threads.map(lambda part: filmer.send_part(part, video)[0], parts + parts[:1]))
    assert sent == [200] * 4
    published(vibe, filmer.complete(ticket))


def test_what_the_ticket_was_for_comes_with_the_parts(vibe, filmer, video):
    story = filmer.story()
    ticket = filmer.begin(video, storyId=story)
    filmer.send_parts(ticket["multipart"]["parts"], video)
    assert published(vibe, filmer.complete(ticket))["storyId"] == story


class CutsOnce(Relay):
    """Ends what is open once, when that many bytes have passed; what comes after goes through."""

    def __init__(self, port, target_port, after):
        super().__init__(port, target_port)
        self.left, self.cuts = after, 0

    def _pass_on(self, source, sink):
        class Counting:
            """The socket, as far as _pass_on() needs it."""
            def __init__(self, relay):
                self.relay = relay

            def recv(self, size):
                data = source.recv(size)
                self.relay.left -= len(data)
                if self.relay.left < 0 and not self.relay.cuts:
                    self.relay.cuts = 1
                    raise OSError("cut")
                return data

            def __getattr__(self, name):
                return getattr(source, name)

        super()._pass_on(Counting(self), sink)
        with self.lock:
            self.open -= {source}


@pytest.fixture
def mobile(vibe, serve_factory):
    """make(after): a `vibe serve` whose phones reach S3 through a relay that cuts once after so many bytes."""
    relays = []

    def make(after):
        relay = CutsOnce(free_port(), vibe.s3_port, after).restore()
        relays.append(relay)
        return serve_factory(S3_PUBLIC_ENDPOINT=f"http://127.0.0.1:{relay.port}"), relay

    yield make
    for relay in relays:
        relay.cut()


def test_a_phone_whose_connection_was_cut_asks_what_arrived_and_goes_on(mobile, video):
    serve, relay = mobile(after=PART + 3 * MIB)
    filmer = Filmer(serve)
    ticket = filmer.begin(video)
    first, second, third = ticket["multipart"]["parts"]
    assert filmer.send_part(first, video)[0] == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        filmer.send_part(second, video)
    assert relay.cuts == 1
    status, progress = filmer.progress(ticket)
    assert (status, progress["status"]) == (200, "waiting")
    assert progress["multipart"]["arrived"] == [{"partNumber": 1, "bytes": PART}]
    missing = progress["multipart"]["missing"]
    assert [(p["partNumber"], p["offset"], p["length"]) for p in missing] == [
        (p["partNumber"], p["offset"], p["length"]) for p in (second, third)]
    assert progress["expiresAt"] >= ticket["expiresAt"]
    filmer.send_parts(missing, video)
    published(serve, filmer.complete(ticket))


def test_vibe_upload_goes_on_after_a_cut_connection(mobile, video, tmp_path):
    serve, relay = mobile(after=PART + 3 * MIB)
    (tmp_path / "video.mp4").write_bytes(video)
    done = upload(serve, tmp_path, tmp_path / "video.mp4", "--as", "story-media")
    assert done.returncode == 0, done.stderr
    assert relay.cuts == 1 and relay.left > -(len(video) + 4 * MIB)  # one part was sent twice, not the file
    assert "/vibe-stories/videos/" in done.stdout
    assert serve.request("HEAD", done.stdout.strip())[0] == 200


def test_vibe_upload_gives_up_on_a_store_that_is_gone(vibe, serve_factory, video, tmp_path):
    serve = serve_factory(S3_PUBLIC_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    (tmp_path / "video.mp4").write_bytes(video)
    done = upload(serve, tmp_path, tmp_path / "video.mp4", "--as", "story-media")
    assert done.returncode == 1 and "127.0.0.1" in done.stderr


def test_kill_9_between_two_parts_loses_none_that_arrived(vibe_factory, video):
    vibe = vibe_factory()
    filmer = Filmer(vibe)
    ticket = filmer.begin(video)
    first, second, third = ticket["multipart"]["parts"]
    filmer.send_parts([first, third], video)
    vibe.kill()
    vibe.start()
    status, progress = filmer.progress(ticket)
    assert status == 200 and numbers(progress["multipart"]["arrived"]) == [1, 3]
    filmer.send_parts(progress["multipart"]["missing"], video)
    published(vibe, filmer.complete(ticket))


# -- what must not work --

def curl_part(url, size, folder):
    """PUTs that many bytes with curl, which asks before it sends; status and answer."""
    (folder / "part").write_bytes(bytes(size))
    done = subprocess.run(["curl", "-sS", "-T", folder / "part", "-H", "Expect: 100-continue", "-w", "\n%{http_code}", url],
                          capture_output=True, text=True, check=True)
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


@pytest.mark.parametrize("size", [1, PART - 1, PART + 1, 2 * PART])
def test_a_part_of_another_length_is_refused(filmer, tmp_path, size):
    ticket = filmer.begin(bytes(17 * MIB))
    status, text = curl_part(ticket["multipart"]["parts"][0]["url"], size, tmp_path)
    assert status == 403 and "SignatureDoesNotMatch" in text
    assert filmer.progress(ticket)[1]["multipart"]["arrived"] == []
    filmer.cancel(ticket)


def test_the_url_of_one_part_takes_no_other(filmer, tmp_path):
    ticket = filmer.begin(bytes(17 * MIB))
    url = ticket["multipart"]["parts"][0]["url"]
    changed = url.replace("partNumber=1&", "partNumber=2&")
    assert changed != url and curl_part(changed, PART, tmp_path)[0] == 403
    assert curl_part(url, PART, tmp_path)[0] == 200
    filmer.cancel(ticket)


def test_a_part_that_was_damaged_on_its_way_is_refused_by_its_md5(filmer):
    ticket, data = filmer.begin(bytes(17 * MIB)), bytes(17 * MIB)
    part = ticket["multipart"]["parts"][0]
    good, bad = [base64.b64encode(hashlib.md5(text).digest()).decode() for text in (data[:PART], b"other")]
    assert filmer.send_part(part, data, **{"Content-MD5": bad})[0] == 400
    assert filmer.send_part(part, data, **{"Content-MD5": good})[0] == 200
    filmer.cancel(ticket)


def test_completing_early_names_the_parts_that_are_missing(filmer, video):
    ticket = filmer.begin(video)
    parts = ticket["multipart"]["parts"]
    status, problem = filmer.complete(ticket)
    assert (status, problem["code"]) == (409, "upload_incomplete") and "Parts 1, 2, 3 of 3 have" in problem["detail"]
    filmer.send_parts([parts[0], parts[2]], video)
    status, problem = filmer.complete(ticket)
    assert (status, problem["code"]) == (409, "upload_incomplete") and "Part 2 of 3 has" in problem["detail"]
    filmer.send_parts([parts[1]], video)
    assert filmer.complete(ticket)[0] == 200


def test_nobody_touches_the_parts_of_another(vibe, filmer, video):
    thief, ticket = Filmer(vibe), filmer.begin(video)
    filmer.send_parts(ticket["multipart"]["parts"], video)
    own = ticket["key"].replace(filmer.id, thief.id)
    for ask in (thief.progress, lambda t, **c: thief.complete(t | c), lambda t, **c: thief.cancel(t | c)):
        assert code_of(ask(ticket)) == (403, "upload_forbidden")
        assert code_of(ask(ticket, key=own)) == (404, "upload_not_found")
    assert filmer.progress(ticket)[1]["status"] == "arrived"
    assert filmer.complete(ticket)[0] == 200


def test_the_status_of_an_upload_needs_its_key(filmer, video):
    ticket = filmer.begin(bytes(17 * MIB))
    assert code_of(filmer.call("GET", f"/api/upload/{ticket['uploadId']}")) == (404, "upload_not_found")
    assert code_of(filmer.progress(ticket, key=ticket["key"] + "x")) == (404, "upload_not_found")
    assert code_of(filmer.progress(ticket, uploadId=ticket["uploadId"][:-1] + "A")) == (404, "upload_not_found")
    filmer.cancel(ticket)


def test_a_file_in_parts_must_have_the_checksum_of_its_ticket(vibe, filmer, video):
    right, wrong = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (video, video[:-1])]
    ticket = filmer.begin(video, checksumSha256=wrong)
    filmer.send_parts(ticket["multipart"]["parts"], video)
    status, problem = filmer.complete(ticket)
    assert (status, problem["code"]) == (422, "checksum_mismatch") and right in problem["detail"] and wrong in problem["detail"]
    assert filmer.keys("user-uploads") == [] and states(vibe, filmer) == {}
    ticket = filmer.begin(video, checksumSha256=right)
    filmer.send_parts(ticket["multipart"]["parts"], video)
    published(vibe, filmer.complete(ticket))


def test_a_file_in_parts_that_is_no_video_is_thrown_away(filmer):
    data = b"<html>" + bytes(17 * MIB)
    ticket = filmer.begin(data)
    filmer.send_parts(ticket["multipart"]["parts"], data)
    assert code_of(filmer.complete(ticket)) == (422, "unsupported_media")
    assert filmer.begun() == [] and filmer.keys("user-uploads") == []


# -- the status of small files --

def test_the_status_of_a_small_file_says_whether_it_arrived(filmer):
    data = images.jpeg()
    ticket = filmer.ticket(data)
    for expected, step in (("waiting", lambda: filmer.put(ticket, data)), ("arrived", lambda: filmer.complete(ticket)),
                           ("completed", lambda: None)):
        status, progress = filmer.progress(ticket)
        assert (status, progress["status"], progress["multipart"]) == (200, expected, None)
        step()


# -- the end of it --

def test_a_cancelled_upload_leaves_no_parts(filmer, video):
    ticket = filmer.begin(video)
    parts = ticket["multipart"]["parts"]
    filmer.send_parts(parts[:2], video)
    assert len(filmer.begun()) == 1
    assert filmer.cancel(ticket)[0] == 204 and filmer.begun() == []
    assert filmer.send_part(parts[2], video)[0] == 404
    assert filmer.progress(ticket)[1]["status"] == "cancelled"
    assert code_of(filmer.complete(ticket)) == (409, "upload_cancelled")
    assert filmer.cancel(ticket)[0] == 204


def test_many_completions_at_once_make_one_media(vibe, filmer, video):
    ticket = filmer.begin(video)
    filmer.send_parts(ticket["multipart"]["parts"], video)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(filmer.complete, [ticket] * 8))
    assert [status for status, _ in answers] == [200] * 8, answers
    assert len({body["media"]["id"] for _, body in answers}) == 1
    assert filmer.begun() == [] and filmer.keys("user-uploads") == [] and len(states(vibe, filmer)) == 1


def test_completing_and_cancelling_at_once_is_one_of_both(vibe, video):
    for _ in range(3):
        filmer = Filmer(vibe)
        ticket = filmer.begin(video)
        filmer.send_parts(ticket["multipart"]["parts"], video)
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            completed, cancelled = threads.submit(filmer.complete, ticket), threads.submit(filmer.cancel, ticket)
        outcome = completed.result()[0], cancelled.result()[0]
        assert outcome in ((200, 409), (409, 204)), (completed.result(), cancelled.result())
        assert filmer.begun() == []
        assert filmer.progress(ticket)[1]["status"] == ("completed" if outcome[0] == 200 else "cancelled")


# -- the sweeper --

@pytest.fixture(scope="module")
def quick(_scratch, binary):
    """An instance that sweeps every second what nobody has touched for five."""
    instance = Vibe(_scratch / f"quick-{uuid.uuid4()}", environment=SOON).start()
    yield instance
    instance.stop()


def test_the_sweeper_completes_what_has_arrived_whole(quick, video):
    filmer, before = Filmer(quick), counted(quick, "completed")
    ticket = filmer.begin(video)
    filmer.send_parts(ticket["multipart"]["parts"], video)
    wait_until(lambda: set(states(quick, filmer).values()) == {"ready"}, 30, "the completion")
    wait_until(lambda: filmer.begun() == [] and filmer.keys("user-uploads") == [], 10, "the end of what was staged")
    wait_until(lambda: counted(quick, "completed") > before, 10, "the count of it")
    assert filmer.progress(ticket)[1]["status"] == "completed"


def test_the_sweeper_aborts_what_stays_incomplete(quick, video):
    filmer, before = Filmer(quick), counted(quick, "aborted")
    ticket = filmer.begin(video)
    filmer.send_parts(ticket["multipart"]["parts"][:2], video)
    wait_until(lambda: filmer.begun() == [], 30, "the end of the upload")
    wait_until(lambda: counted(quick, "aborted") > before, 10, "the count of it")
    assert states(quick, filmer) == {} and filmer.keys("user-uploads") == []
    assert filmer.send_part(ticket["multipart"]["parts"][2], video)[0] == 404
    assert filmer.progress(ticket)[1]["status"] == "expired"
    status, problem = filmer.complete(ticket)
    assert (status, problem["code"]) == (409, "upload_incomplete") and "ask for a new ticket" in problem["detail"]


def test_the_sweeper_aborts_what_is_left_beside_a_completed_upload(quick, video):
    """A second multipart upload of the key, as after a lost answer of S3."""
    filmer = Filmer(quick)
    ticket = filmer.begin(video)
    filmer.send_parts(ticket["multipart"]["parts"], video)
    media = published(quick, filmer.complete(ticket))
    quick.s3().create_multipart_upload(Bucket=quick.bucket, Key=ticket["key"])
    wait_until(lambda: filmer.begun() == [], 30, "the end of the second upload")
    assert states(quick, filmer) == {media["key"]: "ready"}


def test_the_sweeper_leaves_an_upload_whose_parts_still_come(quick):
    filmer, data = Filmer(quick), bytes(60 * MIB)
    ticket = filmer.begin(data)
    for part in ticket["multipart"]["parts"]:
        assert filmer.send_part(part, data)[0] == 200
        wait_for_runs(quick, 1)
    assert len(filmer.begun()) == 1 and filmer.progress(ticket)[1]["status"] == "arrived"
    assert filmer.cancel(ticket)[0] == 204


def test_the_sweeper_leaves_uploads_that_are_not_ours_for_a_day(quick):
    s3 = quick.s3()
    kept = [s3.create_multipart_upload(Bucket=quick.bucket, Key=key)["UploadId"]
            for key in (f"user-uploads/{uuid.uuid4()}/strange", "elsewhere/video")]
    wait_for_runs(quick, 5)
    found = {found["UploadId"] for found in s3.list_multipart_uploads(Bucket=quick.bucket)["Uploads"]}
    assert set(kept) <= found
