"""CDN delivery of whole files: what a browser, a phone and a cache in front of the edge see."""

import concurrent.futures
import email.utils
import hashlib
import time
import urllib.parse
import uuid

import pytest

from helpers import images
from helpers.cdn import get, new_key, put
from helpers.metrics import metric
from helpers.raw_http import Raw, head_bytes
from helpers.waiting import wait_until

LARGE_BYTES = 3 * 1024 * 1024 + 11


def raw_status(vibe, target):
    """The status of a GET that sends this target exactly as it is."""
    with Raw(vibe.cdn_port) as raw:
        return raw.send(head_bytes("GET", target, {"Host": "localhost"})).answer().status


def test_a_picture_has_the_headers_that_caches_and_pages_need(vibe):
    data = images.jpeg(64, 64, size=20000)
    key = put(vibe, new_key(), data)
    status, headers, body = get(vibe, key)
    assert (status, body) == (200, data)
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert abs(email.utils.parsedate_to_datetime(headers["Last-Modified"]).timestamp() - time.time()) < 60
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers.get_all("Access-Control-Allow-Origin") == ["*"]
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_scripts_may_read_the_etag_and_the_timing(vibe):
    key = put(vibe, new_key(), images.jpeg())
    _, headers, _ = get(vibe, key, Origin="https://app.example.com")
    assert headers["Timing-Allow-Origin"] == "*"
    assert "ETag" in headers["Access-Control-Expose-Headers"]


def test_the_second_request_is_a_hit_whatever_its_query(vibe):
    key = put(vibe, new_key(), images.jpeg())
    assert get(vibe, key)[1]["X-Cache"] == "miss"
    assert get(vibe, key)[1]["X-Cache"] == "hit"
    assert get(vibe, key + "?utm_source=x")[1]["X-Cache"] == "hit"


def test_head_describes_without_a_body(vibe):
    data = images.jpeg(size=5000)
    key = put(vibe, new_key(), data)
    status, headers, body = get(vibe, key, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(data)))
    assert get(vibe, key)[2] == data


def test_conditional_requests_are_304_or_412(vibe):
    key = put(vibe, new_key(), images.jpeg())
    _, headers, _ = get(vibe, key)
    for conditions in ({"If_None_Match": headers["ETag"]}, {"If_None_Match": f'"x", {headers["ETag"]}'},
                       {"If_None_Match": "*"}, {"If_Modified_Since": headers["Last-Modified"]}):
        status, again, body = get(vibe, key, **conditions)
        assert (status, body, again["ETag"]) == (304, b"", headers["ETag"]), conditions
        assert "immutable" in again["Cache-Control"]
    assert get(vibe, key, If_None_Match='"other"')[0] == 200
    assert get(vibe, key, If_Match='"other"')[0] == 412


@pytest.mark.parametrize("size", [50_000, LARGE_BYTES], ids=["from memory", "from S3"])
def test_ranges_come_from_memory_and_from_s3(vibe, size):
    data = bytes(i * 7 % 251 for i in range(size))
    key = put(vibe, new_key("vibe-stories/videos", "mp4"), data, "video/mp4")
    for header, first, last in (("bytes=0-0", 0, 0), ("bytes=100-40099", 100, 40099), (f"bytes={size - 5}-", size - 5, size - 1),
                                ("bytes=-7", size - 7, size - 1), (f"bytes=1000-{size * 2}", 1000, size - 1)):
        status, headers, body = get(vibe, key, Range=header)
        assert status == 206, header
        assert headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert body == data[first:last + 1], header
    status, headers, _ = get(vibe, key, Range=f"bytes={size}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{size}")
    status, headers, body = get(vibe, key, Range="bytes=5-9", If_Range='"other"')
    assert (status, body) == (200, data)
    status, _, body = get(vibe, key)
    assert (status, body) == (200, data)
    assert get(vibe, key, "HEAD")[1]["Content-Length"] == str(size)


def test_an_empty_object_is_served(vibe):
    key = put(vibe, new_key(), b"")
    assert get(vibe, key)[::2] == (200, b"")


def test_types_that_could_run_scripts_become_octet_stream(vibe):
    for content_type in ("text/html", "image/svg+xml", "application/javascript", "image/jpeg, text/html"):
        key = put(vibe, new_key(), b"<script>alert(1)</script>", content_type)
        headers = get(vibe, key)[1]
        assert headers["Content-Type"] == "application/octet-stream", content_type
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_missing_object_is_404_for_five_seconds(vibe):
    status, headers, _ = get(vibe, new_key())
    assert (status, headers["Cache-Control"]) == (404, "public, max-age=5")
    key = new_key()
    assert get(vibe, key)[0] == 404
    put(vibe, key, images.jpeg())
    wait_until(lambda: get(vibe, key)[0] == 200, "an answer other than 404 for an object that is there now")


def test_staging_is_never_served(vibe):
    key = put(vibe, f"user-uploads/{uuid.uuid4()}/x-1.jpg", images.jpeg())
    public = put(vibe, new_key(), images.jpeg())
    assert get(vibe, key)[0] == 403
    for target in (f"/{key}", f"/user%2Duploads/{key[13:]}", f"/{key.replace('/', '%2f')}", "/", "/index.html",
                   f"/{vibe.bucket}/{public}"):
        assert raw_status(vibe, target) == 403 or (target == "/" and raw_status(vibe, target) == 400), target


@pytest.mark.parametrize("template", [
    "/profile-pictures/../{key}", "/profile-pictures/%2e%2e/{key}", "/profile-pictures/..%2f{key}",
    "/profile-pictures/x/..%5c..%5c{key}", "/profile-pictures//{key}", "/profile-pictures/./{key}",
    "/profile-pictures/x%00/{key}", "/profile-pictures/%0d%0aSet-Cookie:%20a=b", "/profile-pictures/%ff%fe",
    "/profile-pictures/%c0%ae%c0%ae/{key}", "/profile-pictures/%zz", "/profile-pictures/%",
    "/profile-pictures/" + "a" * 1100,
])
def test_path_traversal_and_bad_encodings_get_nothing(vibe, template):
    key = put(vibe, f"user-uploads/{uuid.uuid4()}/secret-1.jpg", b"secret")
    assert raw_status(vibe, template.format(key=key)) in (400, 403, 404)


def test_percent_encoding_is_decoded_once(vibe):
    data = images.jpeg(seed=3)
    put(vibe, "profile-pictures/a b+ü%41/avatar-1.jpg", data)
    assert get(vibe, "profile-pictures/" + urllib.parse.quote("a b+ü%41") + "/avatar-1.jpg")[::2] == (200, data)
    assert get(vibe, "profile-pictures/" + urllib.parse.quote("a b+üA") + "/avatar-1.jpg")[0] == 404


def test_other_methods_are_405_with_allow(vibe):
    key = put(vibe, new_key(), images.jpeg())
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        status, headers, _ = vibe.request(method, f"{vibe.cdn_url}/{key}")
        assert status == 405, method
        assert "GET" in headers["Allow"]
    assert vibe.request("PUT", f"{vibe.cdn_url}/{key}", body=b"x" * 100)[0] == 405
    assert get(vibe, key)[0] == 200


def test_a_preflight_is_answered(vibe):
    status, headers, _ = vibe.request("OPTIONS", f"{vibe.cdn_url}/{new_key()}", headers={
        "Origin": "https://app.example.com", "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range"})
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in headers["Access-Control-Allow-Methods"]
    assert "Range" in headers["Access-Control-Allow-Headers"]


def test_simultaneous_requests_fetch_an_object_once_from_the_store(vibe_factory):
    vibe = vibe_factory()
    data = images.jpeg(size=100_000)
    key = put(vibe, new_key(), data)
    before = metric(vibe, "vibe_cdn_origin_fetches_total")
    with concurrent.futures.ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: get(vibe, key)[::2], range(500)))
    assert all(answer == (200, data) for answer in answers)
    assert metric(vibe, "vibe_cdn_origin_fetches_total") - before == 1
