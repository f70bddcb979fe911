"""Files of more than 16 MiB go in parts: a phone that lost its connection resumes where it was, and parts that nobody
completes do not stay in the bucket."""

import base64
import concurrent.futures
import hashlib
import http.client
import subprocess
import uuid

import pytest

from helpers import images, videos
from helpers.api import status_and_code
from helpers.database import media_states
from helpers.faults import CutsOnce
from helpers.phone import Phone, sha256_base64
from helpers.processes import free_port
from helpers.program import vibe_upload
from helpers.sweeper import swept, wait_for_runs
from helpers.waiting import wait_until

MIB = 1024 * 1024
PART = 8 * MIB


@pytest.fixture(scope="session")
def video(scratch):
    """A video of three parts."""
    videos.noise(scratch / "video.mp4")
    data = (scratch / "video.mp4").read_bytes()
    assert 2 * PART < len(data) <= 3 * PART
    return data


def numbers(parts):
    return [part["partNumber"] for part in parts]


def published(vibe, answer):
    """The media in the answer to complete, which must be what the CDN delivers."""
    status, body = answer
    assert status == 200, body
    media = body["media"]
    assert media["contentType"] == "video/mp4" and media["key"].startswith("vibe-stories/videos/")
    status, headers, _ = vibe.request("HEAD", media["cdnUrl"])
    assert status == 200 and int(headers["Content-Length"]) == media["bytes"]
    return media


# -- tickets --

@pytest.mark.parametrize("length, count", [(16 * MIB, None), (16 * MIB + 1, 3), (24 * MIB, 3), (24 * MIB + 1, 4), (10 ** 8, 12)])
def test_a_ticket_has_parts_from_16_mib_on_and_they_make_up_the_file(phone, length, count):
    status, ticket = phone.call("POST", "/api/upload/story-media", {"contentType": "video/mp4", "contentLength": length})
    assert status == 201
    if count is None:
        assert ticket["method"] == "PUT" and ticket["headers"]["Content-Length"] == str(length) and "multipart" not in ticket
        assert phone.begun() == []
        return
    assert (ticket["method"], ticket["url"], ticket["headers"]) == (None, None, None)
    parts = ticket["multipart"]["parts"]
    assert ticket["multipart"]["partSize"] == PART and numbers(parts) == list(range(1, count + 1))
    assert [part["offset"] for part in parts] == [PART * n for n in range(count)]
    assert {part["length"] for part in parts[:-1]} == {PART} and sum(part["length"] for part in parts) == length
    assert all("X-Amz-SignedHeaders=content-length%3Bhost&" in part["url"] for part in parts)
    assert [found["Key"] for found in phone.begun()] == [ticket["key"]]
    assert phone.cancel(ticket)[0] == 204 and phone.begun() == []


def test_without_s3_a_ticket_in_parts_is_a_503_and_a_small_one_is_given(vibe, serve_factory):
    serve = serve_factory(S3_ENDPOINT=f"http://127.0.0.1:{free_port()}", S3_PUBLIC_ENDPOINT=vibe.s3_url)
    phone = Phone(serve)
    assert phone.ask("story-media", bytes(100), "video/mp4")[0] == 201
    assert status_and_code(phone.ask("story-media", bytes(17 * MIB), "video/mp4")) == (503, "storage_unavailable")


# -- uploads --

def test_a_video_in_parts_is_published_whole(vibe, phone, video):
    ticket = phone.begin(video)
    phone.send_parts(reversed(ticket["multipart"]["parts"]), video)
    status, progress = phone.progress(ticket)
    assert (status, progress["status"], progress["expiresAt"]) == (200, "arrived", None)
    assert progress["multipart"]["missing"] == []
    media = published(vibe, phone.complete(ticket))
    assert phone.begun() == [] and phone.keys("user-uploads") == []
    assert phone.complete(ticket)[1]["media"] == media
    status, progress = phone.progress(ticket)
    assert (status, progress["status"], progress["multipart"], progress["expiresAt"]) == (200, "completed", None, None)


def test_parts_may_be_sent_in_parallel_and_twice(vibe, phone, video):
    ticket = phone.begin(video)
    parts = ticket["multipart"]["parts"]
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        sent = list(threads.map(lambda part: phone.send_part(part, video)[0], parts + parts[:1]))
    assert sent == [200] * 4
    published(vibe, phone.complete(ticket))


def test_a_ticket_in_parts_keeps_its_target(vibe, phone, video):
    story = phone.new_story()
    ticket = phone.begin_and_send(video, storyId=story)
    assert published(vibe, phone.complete(ticket))["storyId"] == story


@pytest.fixture
def mobile(vibe, serve_factory):
    """make(after): a `vibe serve` whose phones reach S3 through a relay that cuts once after so many bytes."""
    relays = []

    def make(after):
        relays.append(CutsOnce(vibe.s3_port, after).restore())
        return serve_factory(S3_PUBLIC_ENDPOINT=relays[-1].url), relays[-1]

    yield make
    for relay in relays:
        relay.cut()


def test_a_phone_resumes_after_a_cut_connection(mobile, video):
    serve, relay = mobile(after=PART + 3 * MIB)
    phone = Phone(serve)
    ticket = phone.begin(video)
    first, second, third = ticket["multipart"]["parts"]
    assert phone.send_part(first, video)[0] == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        phone.send_part(second, video)
    assert relay.cuts == 1
    progress = phone.resume(ticket, video)
    assert progress["status"] == "waiting"
    assert progress["multipart"]["arrived"] == [{"partNumber": 1, "bytes": PART}]
    missing = progress["multipart"]["missing"]
    assert [(p["partNumber"], p["offset"], p["length"]) for p in missing] == [
        (p["partNumber"], p["offset"], p["length"]) for p in (second, third)]
    assert progress["expiresAt"] >= ticket["expiresAt"]
    published(serve, phone.complete(ticket))


def test_vibe_upload_resumes_after_a_cut_connection(mobile, video, tmp_path):
    serve, relay = mobile(after=PART + 3 * MIB)
    (tmp_path / "video.mp4").write_bytes(video)
    done = vibe_upload(serve, tmp_path, tmp_path / "video.mp4", "--as", "story-media")
    assert done.returncode == 0, done.stderr
    assert relay.cuts == 1 and relay.left > -(len(video) + 4 * MIB)  # one part was sent twice, not the file
    assert "/vibe-stories/videos/" in done.stdout
    assert serve.request("HEAD", done.stdout.strip())[0] == 200


def test_vibe_upload_gives_up_on_an_unreachable_store(vibe, serve_factory, video, tmp_path):
    serve = serve_factory(S3_PUBLIC_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    (tmp_path / "video.mp4").write_bytes(video)
    done = vibe_upload(serve, tmp_path, tmp_path / "video.mp4", "--as", "story-media")
    assert done.returncode == 1 and "127.0.0.1" in done.stderr


def test_kill_9_between_two_parts_loses_none_that_arrived(vibe_factory, video):
    vibe = vibe_factory()
    phone = Phone(vibe)
    ticket = phone.begin(video)
    first, second, third = ticket["multipart"]["parts"]
    phone.send_parts([first, third], video)
    vibe.kill()
    vibe.start()
    progress = phone.resume(ticket, video)
    assert numbers(progress["multipart"]["arrived"]) == [1, 3]
    published(vibe, phone.complete(ticket))


# -- refusals --

def curl_part(url, size, folder):
    """PUTs so many bytes with curl, which sends `Expect: 100-continue`: (status, text)."""
    (folder / "part").write_bytes(bytes(size))
    done = subprocess.run(["curl", "-sS", "-T", folder / "part", "-H", "Expect: 100-continue", "-w", "\n%{http_code}", url],
                          capture_output=True, text=True, check=True)
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


@pytest.mark.parametrize("size", [1, PART - 1, PART + 1, 2 * PART])
def test_a_part_of_another_length_is_refused(phone, tmp_path, size):
    ticket = phone.begin(bytes(17 * MIB))
    status, text = curl_part(ticket["multipart"]["parts"][0]["url"], size, tmp_path)
    assert status == 403 and "SignatureDoesNotMatch" in text
    assert phone.progress(ticket)[1]["multipart"]["arrived"] == []
    phone.cancel(ticket)


def test_the_url_of_a_part_is_refused_for_another_part(phone, tmp_path):
    ticket = phone.begin(bytes(17 * MIB))
    url = ticket["multipart"]["parts"][0]["url"]
    changed = url.replace("partNumber=1&", "partNumber=2&")
    assert changed != url and curl_part(changed, PART, tmp_path)[0] == 403
    assert curl_part(url, PART, tmp_path)[0] == 200
    phone.cancel(ticket)


def test_a_damaged_part_is_refused_by_its_md5(phone):
    ticket, data = phone.begin(bytes(17 * MIB)), bytes(17 * MIB)
    part = ticket["multipart"]["parts"][0]
    good, bad = [base64.b64encode(hashlib.md5(text).digest()).decode() for text in (data[:PART], b"other")]
    assert phone.send_part(part, data, **{"Content-MD5": bad})[0] == 400
    assert phone.send_part(part, data, **{"Content-MD5": good})[0] == 200
    phone.cancel(ticket)


def test_completing_early_names_the_parts_that_are_missing(phone, video):
    ticket = phone.begin(video)
    parts = ticket["multipart"]["parts"]
    status, problem = phone.complete(ticket)
    assert (status, problem["code"]) == (409, "upload_incomplete") and "Parts 1, 2, 3 of 3 have" in problem["detail"]
    phone.send_parts([parts[0], parts[2]], video)
    status, problem = phone.complete(ticket)
    assert (status, problem["code"]) == (409, "upload_incomplete") and "Part 2 of 3 has" in problem["detail"]
    phone.send_parts([parts[1]], video)
    assert phone.complete(ticket)[0] == 200


def test_nobody_touches_the_parts_of_another(vibe, phone, video):
    thief, ticket = Phone(vibe), phone.begin_and_send(video)
    own = ticket["key"].replace(phone.id, thief.id)
    for ask in (thief.progress, thief.complete, thief.cancel):
        assert status_and_code(ask(ticket)) == (403, "upload_forbidden")
        assert status_and_code(ask(ticket, key=own)) == (404, "upload_not_found")
    assert phone.progress(ticket)[1]["status"] == "arrived"
    assert phone.complete(ticket)[0] == 200


def test_the_status_of_an_upload_needs_its_key(phone, video):
    ticket = phone.begin(bytes(17 * MIB))
    assert status_and_code(phone.call("GET", f"/api/upload/{ticket['uploadId']}")) == (404, "upload_not_found")
    assert status_and_code(phone.progress(ticket, key=ticket["key"] + "x")) == (404, "upload_not_found")
    assert status_and_code(phone.progress(ticket, uploadId=ticket["uploadId"][:-1] + "A")) == (404, "upload_not_found")
    phone.cancel(ticket)


def test_a_file_in_parts_must_have_the_checksum_of_its_ticket(vibe, phone, video):
    right, wrong = [sha256_base64(text) for text in (video, video[:-1])]
    ticket = phone.begin_and_send(video, checksumSha256=wrong)
    status, problem = phone.complete(ticket)
    assert (status, problem["code"]) == (422, "checksum_mismatch") and right in problem["detail"] and wrong in problem["detail"]
    assert phone.keys("user-uploads") == [] and media_states(vibe, phone) == {}
    ticket = phone.begin_and_send(video, checksumSha256=right)
    published(vibe, phone.complete(ticket))


def test_a_file_in_parts_that_is_no_video_is_deleted(phone):
    data = b"<html>" + bytes(17 * MIB)
    ticket = phone.begin_and_send(data)
    assert status_and_code(phone.complete(ticket)) == (422, "unsupported_media")
    assert phone.begun() == [] and phone.keys("user-uploads") == []


# -- the status of small files --

def test_the_status_of_a_small_file_says_whether_it_arrived(phone):
    data = images.jpeg()
    ticket = phone.ticket("profile-picture", data)
    for expected, step in (("waiting", lambda: phone.put(ticket, data)), ("arrived", lambda: phone.complete(ticket)),
                           ("completed", lambda: None)):
        status, progress = phone.progress(ticket)
        assert (status, progress["status"], progress["multipart"]) == (200, expected, None)
        step()


# -- cancel and complete --

def test_a_cancelled_upload_leaves_no_parts(phone, video):
    ticket = phone.begin(video)
    parts = ticket["multipart"]["parts"]
    phone.send_parts(parts[:2], video)
    assert len(phone.begun()) == 1
    assert phone.cancel(ticket)[0] == 204 and phone.begun() == []
    assert phone.send_part(parts[2], video)[0] == 404
    assert phone.progress(ticket)[1]["status"] == "cancelled"
    assert status_and_code(phone.complete(ticket)) == (409, "upload_cancelled")
    assert phone.cancel(ticket)[0] == 204


def test_many_completions_at_once_make_one_media(vibe, phone, video):
    ticket = phone.begin_and_send(video)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(phone.complete, [ticket] * 8))
    assert [status for status, _ in answers] == [200] * 8, answers
    assert len({body["media"]["id"] for _, body in answers}) == 1
    assert phone.begun() == [] and phone.keys("user-uploads") == [] and len(media_states(vibe, phone)) == 1


def test_of_simultaneous_complete_and_cancel_one_wins(vibe, video):
    for _ in range(3):
        phone = Phone(vibe)
        ticket = phone.begin_and_send(video)
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            completed, cancelled = threads.submit(phone.complete, ticket), threads.submit(phone.cancel, ticket)
        outcome = completed.result()[0], cancelled.result()[0]
        assert outcome in ((200, 409), (409, 204)), (completed.result(), cancelled.result())
        assert phone.begun() == []
        assert phone.progress(ticket)[1]["status"] == ("completed" if outcome[0] == 200 else "cancelled")


# -- the sweeper --

@pytest.fixture(scope="module")
def quick(module_vibe):
    """An instance that sweeps every second uploads whose last part arrived ten seconds ago."""
    return module_vibe(SWEEP_INTERVAL="1", SWEEP_UPLOADS_AFTER="10")


def test_the_sweeper_completes_an_upload_with_all_its_parts(quick, video):
    phone, before = Phone(quick), swept(quick, "completed")
    ticket = phone.begin_and_send(video)
    wait_until(lambda: set(media_states(quick, phone).values()) == {"ready"}, "the completion")
    wait_until(lambda: phone.begun() == [] and phone.keys("user-uploads") == [], "the removal of the staged file")
    wait_until(lambda: swept(quick, "completed") > before, "its count in the metrics")
    assert phone.progress(ticket)[1]["status"] == "completed"


def test_the_sweeper_aborts_an_incomplete_upload(quick, video):
    phone, before = Phone(quick), swept(quick, "aborted")
    ticket = phone.begin(video)
    phone.send_parts(ticket["multipart"]["parts"][:2], video)
    wait_until(lambda: phone.begun() == [], "the end of the upload")
    wait_until(lambda: swept(quick, "aborted") > before, "its count in the metrics")
    assert media_states(quick, phone) == {} and phone.keys("user-uploads") == []
    assert phone.send_part(ticket["multipart"]["parts"][2], video)[0] == 404
    assert phone.progress(ticket)[1]["status"] == "expired"
    status, problem = phone.complete(ticket)
    assert (status, problem["code"]) == (409, "upload_incomplete") and "ask for a new ticket" in problem["detail"]


def test_the_sweeper_aborts_a_second_multipart_upload_of_a_completed_key(quick, video):
    """A lost answer of S3 leaves a second multipart upload of the same key."""
    phone = Phone(quick)
    ticket = phone.begin_and_send(video)
    media = published(quick, phone.complete(ticket))
    quick.s3().create_multipart_upload(Bucket=quick.bucket, Key=ticket["key"])
    wait_until(lambda: phone.begun() == [], "the end of the second upload")
    assert media_states(quick, phone) == {media["key"]: "ready"}


def test_the_sweeper_leaves_an_upload_while_parts_arrive(quick):
    phone, data = Phone(quick), bytes(88 * MIB)
    ticket = phone.begin(data)
    for part in ticket["multipart"]["parts"]:
        assert phone.send_part(part, data)[0] == 200
        wait_for_runs(quick, 1)  # the sweeper sees the upload again and again; all parts together take longer than ten seconds
    assert len(phone.begun()) == 1 and phone.progress(ticket)[1]["status"] == "arrived"
    assert phone.cancel(ticket)[0] == 204


def test_the_sweeper_leaves_foreign_multipart_uploads_for_a_day(quick):
    s3 = quick.s3()
    kept = [s3.create_multipart_upload(Bucket=quick.bucket, Key=key)["UploadId"]
            for key in (f"user-uploads/{uuid.uuid4()}/strange", "elsewhere/video")]
    wait_for_runs(quick, 5)
    found = {found["UploadId"] for found in s3.list_multipart_uploads(Bucket=quick.bucket)["Uploads"]}
    assert set(kept) <= found
