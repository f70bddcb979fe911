"""The store against wrong, hostile and broken clients: every answer is one of S3's, and no half object stays."""

import base64
import contextlib
import hashlib
import hmac
import os
import socket
import urllib.parse
import uuid
import zlib

import pytest

from helpers import s3
from helpers.raw_http import head_bytes
from helpers.s3 import EMPTY_SHA256, amz_date, call, connect, presign, sign, signing_key

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def bucket(vibe):
    name = f"raw-{uuid.uuid4().hex[:12]}"
    assert call(vibe, "PUT", f"/{name}").status == 200
    yield name
    for key in s3.keys(vibe, bucket=name):
        vibe.s3().delete_object(Bucket=name, Key=key)
    assert call(vibe, "DELETE", f"/{name}").status == 204


@pytest.fixture
def key():
    return f"key-{uuid.uuid4().hex}"


def is_error(answer, status, code):
    """The answer must be S3's error document: code, message, and the request id of the header."""
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["content-type"] == "application/xml" and answer.field("Message"), answer
    assert answer.field("RequestId") == answer.headers["x-amz-request-id"], answer
    return answer


def is_missing(vibe, bucket, key):
    return call(vibe, "HEAD", f"/{bucket}/{key}").status == 404


# -- authentication --

def test_anonymous_requests_are_denied(vibe, bucket, key):
    for method, target in [("GET", "/"), ("GET", f"/{bucket}"), ("GET", f"/{bucket}/{key}"), ("PUT", f"/{bucket}/{key}"),
                           ("DELETE", f"/{bucket}/{key}"), ("POST", f"/{bucket}?delete")]:
        is_error(call(vibe, method, target, signed=False), 403, "AccessDenied")
    assert is_missing(vibe, bucket, key)


def test_wrong_signatures_are_refused_with_their_reason(vibe, bucket):
    target = f"/{bucket}"
    is_error(call(vibe, "GET", target, secret_key="wrong"), 403, "SignatureDoesNotMatch")
    is_error(call(vibe, "GET", target, access_key="AKIAOTHEROTHEROTHER0"), 403, "InvalidAccessKeyId")
    signed = sign(vibe, "GET", target)
    for change in [{"x-amz-date": amz_date(1)}, {"x-amz-content-sha256": EMPTY_SHA256},
                   {"Authorization": signed["Authorization"][:-1] + ("0" if signed["Authorization"][-1] != "0" else "1")}]:
        is_error(call(vibe, "GET", target, signed | change, signed=False), 403, "SignatureDoesNotMatch")
    is_error(call(vibe, "GET", f"{target}?prefix=x", signed, signed=False), 403, "SignatureDoesNotMatch")
    is_error(call(vibe, "DELETE", target, signed, signed=False), 403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("authorization", [
    "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=, Signature=",
    "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=zz", "Bearer x", "=",
    "AWS4-HMAC-SHA256 " + "Credential=" + "/" * 3000], ids=range(7))
def test_malformed_authorization_is_a_4xx(vibe, bucket, authorization):
    headers = {"Authorization": authorization, "x-amz-date": amz_date(), "x-amz-content-sha256": EMPTY_SHA256}
    answer = call(vibe, "GET", f"/{bucket}", headers, signed=False)
    assert answer.status in (400, 403) and answer.code, answer


def test_signature_version_2_in_a_header_is_not_supported(vibe, bucket):
    answer = call(vibe, "GET", f"/{bucket}", {"Authorization": f"AWS {vibe.access_key}:c2ln"}, signed=False)
    assert "Please use AWS4-HMAC-SHA256" in is_error(answer, 400, "InvalidRequest").field("Message")


@pytest.mark.parametrize("offset_s", [-1000, 1000])
def test_a_wrong_clock_is_refused_with_the_servers_time(vibe, bucket, offset_s):
    answer = is_error(call(vibe, "GET", f"/{bucket}", date=amz_date(offset_s)), 403, "RequestTimeTooSkewed")
    assert answer.field("ServerTime") and answer.field("RequestTime")
    assert answer.field("MaxAllowedSkewMilliseconds") == "900000"


def test_a_wrong_region_is_refused_with_the_right_one(vibe, bucket):
    answer = is_error(call(vibe, "GET", f"/{bucket}", region="sa-east-1"), 400, "AuthorizationHeaderMalformed")
    assert answer.field("Region") == vibe.region


def test_presigned_urls_are_valid_in_their_time_only(vibe, bucket):
    target = f"/{bucket}"
    assert call(vibe, "GET", presign(vibe, "GET", target), signed=False).status == 200
    late = is_error(call(vibe, "GET", presign(vibe, "GET", target, date=amz_date(-120)), signed=False), 403, "AccessDenied")
    assert late.field("Message") == "Request has expired"
    early = call(vibe, "GET", presign(vibe, "GET", target, date=amz_date(3600)), signed=False)
    assert early.status == 403, early
    is_error(call(vibe, "GET", presign(vibe, "GET", target, 604801), signed=False), 400, "AuthorizationQueryParametersError")
    is_error(call(vibe, "GET", presign(vibe, "GET", target, -1), signed=False), 400, "AuthorizationQueryParametersError")
    is_error(call(vibe, "GET", presign(vibe, "GET", target, secret_key="no"), signed=False), 403, "SignatureDoesNotMatch")
    is_error(call(vibe, "PUT", presign(vibe, "GET", f"{target}/k"), signed=False), 403, "SignatureDoesNotMatch")


def test_a_header_that_changes_the_meaning_must_be_signed(vibe, bucket, key):
    signed = sign(vibe, "PUT", f"/{bucket}/{key}")
    smuggled = signed | {"x-amz-copy-source": f"/{bucket}/other", "Content-Length": "0"}
    is_error(call(vibe, "PUT", f"/{bucket}/{key}", smuggled, signed=False), 403, "AccessDenied")


def test_the_payload_must_match_its_signed_hash(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    other = hashlib.sha256(b"other").hexdigest()
    is_error(call(vibe, "PUT", target, body=b"hello", payload_hash=other), 400, "XAmzContentSHA256Mismatch")
    is_error(call(vibe, "PUT", target, body=b"", payload_hash=other), 400, "XAmzContentSHA256Mismatch")
    assert "x-amz-content-sha256 must be" in call(vibe, "PUT", target, body=b"x", payload_hash="not-a-hash").field("Message")
    signed = sign(vibe, "PUT", target)
    del signed["x-amz-content-sha256"]
    is_error(call(vibe, "PUT", target, signed, signed=False), 400, "InvalidRequest")
    assert is_missing(vibe, bucket, key)


def test_refusal_comes_before_the_body_is_asked_for(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    for headers, status in [(sign(vibe, "PUT", target, secret_key="wrong"), 403), (sign(vibe, "PUT", target), 100)]:
        with connect(vibe) as raw:
            raw.send(head_bytes("PUT", target, headers | {"Content-Length": "5", "Expect": "100-continue"}))
            assert raw.answer().status == status
            if status == 100:
                assert raw.send(b"hello").answer().status == 200
    with connect(vibe) as raw:
        size = str(5 * 1024 * MIB + 1)
        raw.send(head_bytes("PUT", target, sign(vibe, "PUT", target) | {"Content-Length": size, "Expect": "100-continue"}))
        answer = is_error(raw.answer(), 400, "EntityTooLarge")
        assert answer.field("ProposedSize") == size


def test_a_refused_body_does_not_become_the_next_request(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    body = head_bytes("DELETE", f"/{bucket}", sign(vibe, "DELETE", f"/{bucket}")) * 500
    with connect(vibe) as raw:
        with contextlib.suppress(ConnectionError):
            raw.send(head_bytes("PUT", target, sign(vibe, "PUT", target, secret_key="no") | {"Content-Length": str(len(body))}))
            raw.send(body)
            raw.send(head_bytes("GET", f"/{bucket}", sign(vibe, "GET", f"/{bucket}")))
        answer = raw.answer()
        assert answer is None or answer.status == 403
        second = raw.answer() if answer else None
        assert second is None or (second.status == 200 and b"<ListBucketResult" in second.body)
    assert call(vibe, "HEAD", f"/{bucket}").status == 200


# -- keys and names --

@pytest.mark.parametrize("raw_key, stored", [
    ("../../escape", "../../escape"), ("a/../b", "a/../b"), ("%2e%2e/%2e%2e/x", "../../x"), ("/absolute", "/absolute"),
    ("a//b", "a//b"), ("./x", "./x"), ("%2F%2F", "//"), ("..%5c..%5cx", "..\\..\\x"), ("~", "~"), ("%25%32%65", "%2e"),
    ("a;b=c", "a;b=c"), ("%3Fx", "?x"), ("%23", "#")])
def test_keys_are_bytes_and_reach_no_file(vibe, bucket, raw_key, stored):
    mark = uuid.uuid4().hex
    target = f"/{bucket}/{raw_key}{mark}"
    assert call(vibe, "PUT", target, body=mark.encode()).status == 200
    assert call(vibe, "GET", target).body == mark.encode()
    assert stored + mark in s3.keys(vibe, bucket=bucket)
    assert not [path for path in vibe.data_dir.parent.rglob(f"*{mark}*")]
    assert call(vibe, "DELETE", target).status == 204


@pytest.mark.parametrize("raw_key", ["a%00b", "%00", "%ff%fe", "%c0%af", "%ed%a0%80", "%", "%4", "a%zz"])
def test_a_key_that_is_not_utf8_is_refused(vibe, bucket, raw_key):
    for method in ("GET", "PUT"):
        is_error(call(vibe, method, f"/{bucket}/{raw_key}"), 400, "InvalidURI")


def test_long_keys_and_bad_bucket_names_are_refused(vibe, bucket):
    is_error(call(vibe, "PUT", f"/{bucket}/{'k' * 1025}"), 400, "KeyTooLongError")
    is_error(call(vibe, "PUT", f"/{bucket}/{'%e2%98%83' * 342}"), 400, "KeyTooLongError")
    for name in ("ab", "UPPER", "under_score", "-dash", "dots..dots", "192.168.0.1", "x" * 64, "..", "%2e%2e", "a%2Fb"):
        is_error(call(vibe, "PUT", f"/{name}"), 400, "InvalidBucketName")


def test_virtual_hosted_style_requests_work(vibe, bucket, key):
    port = urllib.parse.urlsplit(vibe.s3_url).port
    for host in (f"{bucket}.localhost:{port}", f"{bucket}.s3.example.com"):
        assert call(vibe, "PUT", f"/{key}", {"Host": host}, body=b"x").status == 200
        assert call(vibe, "GET", f"/{bucket}/{key}").body == b"x"
        assert b"<ListBucketResult" in call(vibe, "GET", "/", {"Host": host}).body


# -- bodies --

def test_a_put_without_content_length_is_refused(vibe, bucket, key):
    is_error(call(vibe, "PUT", f"/{bucket}/{key}", {"Content-Length": None}), 411, "MissingContentLength")
    is_error(call(vibe, "PUT", f"/{bucket}/{key}", {"Content-Length": None, "Transfer-Encoding": "chunked"},
                  body=b"5\r\nhello\r\n0\r\n\r\n"), 411, "MissingContentLength")
    assert is_missing(vibe, bucket, key)


@pytest.mark.parametrize("size", [1000, 3 * MIB])
def test_an_interrupted_put_changes_nothing(vibe, bucket, key, size):
    target = f"/{bucket}/{key}"
    for before in (None, b"before"):
        if before:
            assert call(vibe, "PUT", target, body=before).status == 200
        with connect(vibe) as raw:
            raw.send(head_bytes("PUT", target, sign(vibe, "PUT", target) | {"Content-Length": str(size)}) + bytes(size - 1))
        if before:
            assert call(vibe, "GET", target).body == before
        else:
            assert is_missing(vibe, bucket, key)


def test_more_bytes_than_announced_are_not_stored(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    with connect(vibe) as raw:
        raw.send(head_bytes("PUT", target, sign(vibe, "PUT", target) | {"Content-Length": "5"}) + b"hello world, and more\r\n\r\n")
        assert raw.answer().status == 200
        rest = raw.answer()
        assert rest is None or rest.status >= 400
    assert call(vibe, "GET", target).body == b"hello"


@pytest.mark.parametrize("length", ["-1", "1x", "99999999999999999999999", "5, 6", ""])
def test_nonsense_lengths_are_refused(vibe, bucket, key, length):
    answer = call(vibe, "PUT", f"/{bucket}/{key}", {"Content-Length": length}, body=b"hello")
    assert answer is None or answer.status in (400, 411, 413), answer
    assert is_missing(vibe, bucket, key)


def signed_chunks(vibe, authorization, date, pieces, tamper=None):
    """A body in aws-chunked encoding, each chunk signed."""
    scope = f"{date[:8]}/{vibe.region}/s3/aws4_request"
    previous, out = authorization.rpartition("Signature=")[2], b""
    for index, piece in enumerate([*pieces, b""]):
        to_sign = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, EMPTY_SHA256,
                             hashlib.sha256(piece).hexdigest()])
        previous = hmac.new(signing_key(vibe.secret_key, date, vibe.region), to_sign.encode(), hashlib.sha256).hexdigest()
        sent = bytes([piece[0] ^ 1]) + piece[1:] if index == tamper else piece
        out += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + sent + b"\r\n"
    return out


def put_chunked(vibe, target, pieces, tamper=None, cut=0, announced=None):
    date = amz_date()
    size = sum(map(len, pieces)) if announced is None else announced
    headers = sign(vibe, "PUT", target, {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(size)},
                   "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", date=date)
    body = signed_chunks(vibe, headers["Authorization"], date, pieces, tamper)
    body = body[:len(body) - cut]
    with connect(vibe) as raw:
        raw.send(head_bytes("PUT", target, headers | {"Content-Length": str(len(body))}) + body)
        return raw.answer()


@pytest.mark.parametrize("sizes", [[], [1], [65536, 10], [65536] * 20 + [1]])
def test_signed_chunks_are_put_together(vibe, bucket, key, sizes):
    pieces = [os.urandom(size) for size in sizes]
    assert put_chunked(vibe, f"/{bucket}/{key}", pieces).status == 200
    answer = call(vibe, "GET", f"/{bucket}/{key}")
    assert answer.body == b"".join(pieces) and "content-encoding" not in answer.headers


def test_a_changed_cut_or_misannounced_chunk_stores_nothing(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    pieces = [os.urandom(65536), os.urandom(65536), b"end"]
    for tamper in (0, 1, 2):
        is_error(put_chunked(vibe, target, pieces, tamper=tamper), 403, "SignatureDoesNotMatch")
    for cut in (1, 100, 70000):
        is_error(put_chunked(vibe, target, pieces, cut=cut), 400, "IncompleteBody")
    for announced in (0, 65536, 131074, 131076, 10**9):
        is_error(put_chunked(vibe, target, pieces, announced=announced), 400, "IncompleteBody")
    assert is_missing(vibe, bucket, key)


def put_trailer(vibe, target, data, trailer, announced="x-amz-checksum-crc32"):
    headers = sign(vibe, "PUT", target, {"Content-Encoding": "gzip,aws-chunked", "x-amz-trailer": announced,
                                         "x-amz-decoded-content-length": str(len(data))},
                   "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    body = f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n" + trailer + b"\r\n"
    with connect(vibe) as raw:
        raw.send(head_bytes("PUT", target, headers | {"Content-Length": str(len(body))}) + body)
        return raw.answer()


def test_trailing_checksums_are_verified(vibe, bucket, key):
    target, data = f"/{bucket}/{key}", os.urandom(100_000)
    right = base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))
    is_error(put_trailer(vibe, target, data, b"x-amz-checksum-crc32:AAAAAA==\r\n"), 400, "BadDigest")
    is_error(put_trailer(vibe, target, data, b"x-amz-checksum-crc32:nonsense\r\n"), 400, "InvalidRequest")
    is_error(put_trailer(vibe, target, data, b""), 400, "MalformedTrailerError")
    is_error(put_trailer(vibe, target, data, b"", "x-amz-something"), 400, "InvalidRequest")
    assert is_missing(vibe, bucket, key)
    assert put_trailer(vibe, target, data, b"x-amz-checksum-crc32:" + right + b"\r\n").status == 200
    answer = call(vibe, "GET", target, {"x-amz-checksum-mode": "ENABLED"})
    assert answer.body == data and answer.headers["x-amz-checksum-crc32"] == right.decode()
    assert answer.headers["content-encoding"] == "gzip"  # aws-chunked is the encoding of the transfer, not of the object


def test_only_one_checksum_may_be_given(vibe, bucket, key):
    both = {"x-amz-checksum-crc32": "NhCmhg==", "x-amz-checksum-sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00="}
    is_error(call(vibe, "PUT", f"/{bucket}/{key}", both, body=b"hello"), 400, "InvalidRequest")
    is_error(call(vibe, "PUT", f"/{bucket}/{key}", {"x-amz-checksum-crc32": "NhCm"}, body=b"hello"), 400, "InvalidRequest")
    for name, value in both.items():
        assert call(vibe, "PUT", f"/{bucket}/{key}", {name: value}, body=b"hello").status == 200


# -- XML --

LAUGHS = (b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
          b'<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>')


@pytest.mark.parametrize("target, root", [
    ("POST /{bucket}?delete", b"Delete><Object><Key>%s</Key></Object></Delete"),
    ("PUT /{bucket}?cors", b"CORSConfiguration><CORSRule><AllowedOrigin>%s</AllowedOrigin></CORSRule></CORSConfiguration"),
    ("PUT /another-bucket", b"CreateBucketConfiguration><LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration"),
    ("POST /{bucket}/k?uploadId=x", b"CompleteMultipartUpload><Part><ETag>%s</ETag></Part></CompleteMultipartUpload")])
def test_hostile_xml_is_refused_as_malformed(vibe, bucket, target, root):
    method, _, path = target.format(bucket=bucket).partition(" ")
    document = b"<" + root + b">"
    for body in (LAUGHS + document % b"&d;", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + document % b"&a;",
                 b"<a>" * 100_000, document % b"x" + b"<b/>", (document % b"x")[:-5], b"\xff\xfe", b"{}", b"<Other/>",
                 document % b"\x00"):
        is_error(call(vibe, method, path, body=body), 400, "MalformedXML")
    is_error(call(vibe, method, path, {"Content-Length": str(5 * MIB)}), 400, "EntityTooLarge")


def test_xml_unsafe_keys_come_back_as_they_were(vibe, bucket):
    mark = uuid.uuid4().hex
    target = f"/{bucket}/{mark}%01%0A%0D%3C%26"
    assert call(vibe, "PUT", target, body=b"x").status == 200
    assert s3.keys(vibe, mark, bucket) == [f"{mark}\x01\n\r<&"]
    plain = call(vibe, "GET", f"/{bucket}?list-type=2&prefix={mark}").body
    assert f"<Key>{mark}&#x1;&#xA;&#xD;&lt;&amp;</Key>".encode() in plain
    encoded = call(vibe, "GET", f"/{bucket}?encoding-type=url&list-type=2&prefix={mark}").body
    assert f"<Key>{mark}%01%0A%0D%3C%26</Key>".encode() in encoded
    assert call(vibe, "DELETE", target).status == 204


@pytest.mark.parametrize("query", ["max-keys=-1", "max-keys=x", "max-keys=99999999999", "encoding-type=gzip",
                                   "list-type=2&continuation-token=%25%25"])
def test_nonsense_parameters_are_invalid_arguments(vibe, bucket, query):
    is_error(call(vibe, "GET", f"/{bucket}?{query}"), 400, "InvalidArgument")


# -- HTTP --

def test_errors_of_head_have_no_body(vibe, bucket, key):
    for target, status in [(f"/{bucket}/{key}", 404), ("/no-such-bucket-here", 404)]:
        with connect(vibe) as raw:
            raw.send(head_bytes("HEAD", target, sign(vibe, "HEAD", target)))
            assert raw.answer(without_body=True).status == status
            raw.send(head_bytes("GET", f"/{bucket}", sign(vibe, "GET", f"/{bucket}")))
            assert raw.answer().status == 200  # HEAD sent no body that would come first


def test_methods_that_s3_does_not_have_are_refused(vibe, bucket):
    is_error(call(vibe, "PATCH", f"/{bucket}/k"), 405, "MethodNotAllowed")
    is_error(call(vibe, "DELETE", "/"), 405, "MethodNotAllowed")
    for method in ("TRACE", "BREW", "X" * 5000):
        answer = call(vibe, method, f"/{bucket}/k")
        assert answer is None or answer.status in (400, 405, 414, 431, 501), answer
    is_error(call(vibe, "PUT", f"/{bucket}?versioning", body=b"<VersioningConfiguration/>"), 501, "NotImplemented")


@pytest.mark.parametrize("headers", [{"X-Large": "x" * 100_000}, {f"X-{n}": "x" * 50 for n in range(2000)},
                                     {"x-amz-meta-" + "n" * 40_000: "v"}], ids=["one", "many", "name"])
def test_oversized_headers_are_refused(vibe, bucket, headers):
    with connect(vibe) as raw:
        with contextlib.suppress(ConnectionError):
            raw.send(head_bytes("GET", f"/{bucket}", sign(vibe, "GET", f"/{bucket}") | headers))
        answer = raw.answer()
        assert answer is None or answer.status in (400, 413, 414, 431), answer
    assert call(vibe, "HEAD", f"/{bucket}").status == 200


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                                     b"\r\n" * 1000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
                                     b"GET / HTTP/1.1\r\nNo-Colon\r\n\r\n", b"\x00" * 5000],
                         ids=["tls", "no-version", "version", "blank-lines", "http2", "nul", "no-colon", "nuls"])
def test_garbage_ends_its_own_connection_alone(vibe, bucket, garbage):
    with connect(vibe) as raw:
        with contextlib.suppress(OSError):
            raw.send(garbage)
            raw.socket.shutdown(socket.SHUT_WR)
            answer = raw.answer()
            assert answer is None or answer.status >= 400, answer
    assert call(vibe, "HEAD", f"/{bucket}").status == 200


def test_stalled_clients_hold_nobody_up(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    with contextlib.ExitStack() as stack:
        for n in range(150):  # more than there are workers
            raw = stack.enter_context(connect(vibe))
            head = head_bytes("PUT", f"{target}-{n}", sign(vibe, "PUT", f"{target}-{n}") | {"Content-Length": "1000000"})
            raw.send(head[:len(head) // 2] if n % 3 == 0 else head + bytes(100_000 if n % 3 == 1 else 0))
        for _ in range(5):
            assert call(vibe, "PUT", target, body=b"alive").status == 200
            assert call(vibe, "GET", target).body == b"alive"


def test_readers_that_do_not_read_hold_nobody_up(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    assert call(vibe, "PUT", target, body=bytes(20 * MIB)).status == 200
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(vibe)).send(head_bytes("GET", target, sign(vibe, "GET", target)))
        for _ in range(5):
            assert call(vibe, "HEAD", target).status == 200
            assert len(call(vibe, "GET", target, {"Range": "bytes=0-99"}).body) == 100


def test_a_connection_serves_many_requests(vibe, bucket, key):
    target = f"/{bucket}/{key}"
    with connect(vibe) as raw:
        for n in range(20):
            body = str(n).encode() * n * 1000
            raw.send(head_bytes("PUT", target, sign(vibe, "PUT", target) | {"Content-Length": str(len(body))}) + body)
            assert raw.answer().status == 200
            raw.send(head_bytes("GET", target, sign(vibe, "GET", target)))
            assert raw.answer().body == body
