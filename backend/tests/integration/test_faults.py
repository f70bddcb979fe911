"""Faults must not lose acknowledged data, show half an object, crash or hang the program, or let one client stop the others."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import threading
import time
import uuid

import pytest

from helpers import images, s3
from helpers.api import call, registration
from helpers.database import sql
from helpers.faults import Relay, Silence, database_behind, relay_to_database, small_disk
from helpers.phone import Phone
from helpers.processes import free_port
from helpers.program import BINARY, run_vibe, tool_environment
from helpers.raw_http import exchange, head_bytes, is_open
from helpers.waiting import quickest, wait_until

FORM = {"Content-Type": "application/json"}
SMALL, LARGE = 20_000, 300_000  # one is stored in the index, the other in a file of its own


def content(seed, size):
    return (hashlib.sha256(seed.encode()).digest() * (size // 32 + 1))[:size]


class Store:
    """A connection to the store that stays open and signs its requests."""

    def __init__(self, vibe):
        self.vibe, self.raw = vibe, s3.connect(vibe)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.raw.__exit__(*exception)

    def ask(self, method, key, body=b""):
        """(status, body); ConnectionError when the server goes away."""
        answer = s3.call(self.vibe, method, f"/{self.vibe.bucket}/{key}", body=body, over=self.raw)
        if answer is None:
            raise ConnectionError("the store closed the connection")
        return answer.status, answer.body


def error_code(body):
    return body.decode().partition("<Code>")[2].partition("</Code>")[0]


def blob_files(vibe):
    return [path for path in (vibe.data_dir / "store/blobs").rglob("*") if path.is_file()]


# -- kill -9 --

def put_until_torn(vibe, round_number, worker, acknowledged, begun, torn):
    """PUTs objects of both kinds until the server goes away, and notes each after its 200."""
    with contextlib.suppress(OSError), Store(vibe) as client:
        for number in range(100_000):
            if torn.is_set():
                return
            size = random.choice((1, SMALL, LARGE, LARGE + number))
            key = f"load/{round_number}-{worker}-{number}-{size}"
            begun.append(key)
            status, body = client.ask("PUT", key, content(key, size))
            assert status == 200, body
            acknowledged.append(key)


def check_all_objects(vibe, acknowledged, begun):
    """Every acknowledged object is there, every object is whole, and none is there that was never begun."""
    listed = s3.keys(vibe, "load/")
    assert set(acknowledged) <= set(listed) <= set(begun)
    with Store(vibe) as client:
        for key in listed:
            status, body = client.ask("GET", key)
            assert status == 200, (key, body)
            assert body == content(key, int(key.rpartition("-")[2])), f"{key} is not whole"
    return listed


def test_kill_9_under_load_loses_nothing_acknowledged_and_shows_nothing_half(vibe_factory):
    vibe = vibe_factory()
    acknowledged, begun = [], []
    for round_number in range(6):
        torn, enough = threading.Event(), len(acknowledged) + random.randint(5, 120)
        workers = [threading.Thread(target=put_until_torn, args=(vibe, round_number, n, acknowledged, begun, torn))
                   for n in range(8)]
        for worker in workers:
            worker.start()
        wait_until(lambda: len(acknowledged) >= enough, "enough acknowledged objects", interval_s=0.001)
        vibe.kill()
        torn.set()
        for worker in workers:
            worker.join(30)
        vibe.start()
        listed = check_all_objects(vibe, acknowledged, begun)
        # the program removes the half-written files of the one that was killed
        kept = sum(int(key.rpartition("-")[2]) >= LARGE for key in listed)
        wait_until(lambda: len(blob_files(vibe)) == kept, "the removal of half-written files")
    assert len(acknowledged) >= 15


def test_an_upload_that_is_cut_off_leaves_neither_object_nor_file(vibe_factory):
    vibe = vibe_factory()
    vibe.s3().put_object(Bucket=vibe.bucket, Key="whole", Body=content("whole", LARGE))
    files = set(blob_files(vibe))
    assert len(files) == 1
    for number in range(20):
        target = f"/{vibe.bucket}/cut/{number}"
        raw = s3.connect(vibe)
        raw.send(head_bytes("PUT", target, s3.sign(vibe, "PUT", target) | {"Content-Length": str(4 * LARGE)})
                 + bytes(2 * LARGE if number % 2 else 100))
        if number % 4 < 2:  # a reset instead of a FIN
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.socket.close()
    wait_until(lambda: set(blob_files(vibe)) == files, "the removal of the files of torn uploads")
    assert s3.keys(vibe) == ["whole"]

    half = [s3.connect(vibe) for _ in range(5)]
    for number, raw in enumerate(half):
        target = f"/{vibe.bucket}/half/{number}"
        raw.send(head_bytes("PUT", target, s3.sign(vibe, "PUT", target) | {"Content-Length": str(4 * LARGE)})
                 + bytes(2 * LARGE))
    wait_until(lambda: len(blob_files(vibe)) == 6, "the files of the half uploads")
    vibe.kill()
    for raw in half:
        raw.socket.close()
    vibe.start()
    wait_until(lambda: set(blob_files(vibe)) == files, "the removal of the files of the killed program")
    assert s3.keys(vibe) == ["whole"]
    assert vibe.s3().get_object(Bucket=vibe.bucket, Key="whole")["Body"].read() == content("whole", LARGE)


# -- the database --

@pytest.fixture
def behind_relay(vibe, serve_factory):
    """A `vibe serve` and the relay to its database."""
    with relay_to_database(vibe) as relay:
        relay.restore()
        yield serve_factory(DATABASE_URL=database_behind(relay, vibe.database_url)), relay


def test_a_database_that_goes_and_comes_costs_no_acknowledged_row(vibe, behind_relay):
    serve, relay = behind_relay
    mark, stop = uuid.uuid4().hex, threading.Event()
    answers = []  # (time, status, email)

    def load(worker):
        for number in range(10_000):
            if stop.is_set():
                return
            email = f"{mark}-{worker}-{number}@example.com"
            status, headers, body = call(serve, "POST", "/api/auth/register", registration(email))
            answers.append((time.monotonic(), status, email))
            assert status in (201, 503), body
            if status == 503:
                assert int(headers["Retry-After"]) >= 1
                assert body["code"] == "database_unavailable"

    def count(status, since=0.0):
        return sum(1 for when, answered, _ in list(answers) if answered == status and when >= since)

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        loads = [threads.submit(load, worker) for worker in range(4)]
        try:
            def cut_and_recover():
                enough = count(201) + 5
                wait_until(lambda: count(201) >= enough, "registrations")
                relay.cut()
                cut = time.monotonic()
                wait_until(lambda: count(503, cut) >= 20, "answers without the database")
                assert serve.request("GET", "/api/health")[0] == 200
                back = time.monotonic()
                relay.restore()
                wait_until(lambda: count(201, back) > 0, "a registration after the database's return")
                return min(when for when, status, _ in list(answers) if status == 201 and when >= back) - back

            cut_and_recover()
            quickest(cut_and_recover, 2, "registering again after the database's return")
        finally:
            stop.set()
        for one in loads:
            one.result()
    rows = [row[0] for row in sql(vibe, "SELECT email FROM users WHERE email LIKE :'mark' || '-%'", mark=mark)]
    acknowledged = [email for _, status, email in answers if status == 201]
    assert len(rows) == len(set(rows)) and set(acknowledged) <= set(rows)
    assert set(rows) <= {email for _, _, email in answers}


def test_ten_simultaneous_migrations_apply_each_once(vibe):
    sql(vibe, "CREATE DATABASE migrated_at_once")
    url = vibe.database_url.rpartition("/")[0] + "/migrated_at_once"
    running = [subprocess.Popen([BINARY, "db", "migrate"], env=tool_environment(DATABASE_URL=url), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for _ in range(10)]
    outputs = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 10, outputs
    applied = sorted(int(out.split()[0]) for out, _ in outputs)
    assert applied[:9] == [0] * 9 and applied[9] >= 3
    status = run_vibe("db", "status", environment={"DATABASE_URL": url}).stdout
    assert "pending" not in status and len(re.findall(r"^\d{4} ", status, re.M)) == applied[9]


# -- S3 --

def test_readiness_names_an_unreachable_s3(serve_factory):
    serve = serve_factory(S3_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    status, headers, body = serve.request("GET", "/api/health/ready")
    assert (status, json.loads(body)) == (503, {"status": "unavailable", "database": "ok", "bucket": "unavailable"})
    assert int(headers["Retry-After"]) >= 1


@pytest.mark.parametrize("manner", ["refusing", "silent"])
def test_an_unreachable_s3_fails_only_what_needs_it_and_in_time(vibe, serve_factory, manner):
    with Silence() if manner == "silent" else Relay(vibe.s3_port) as away:
        serve = serve_factory(S3_ENDPOINT=away.url, S3_PUBLIC_ENDPOINT="https://media.example.com")
        phones = [Phone(serve) for _ in range(4)]
        phone = phones[0]
        # more completions than workers, and for each user as many as one may have in flight
        tickets = [(one, one.ticket("profile-picture", images.jpeg())) for _ in range(16) for one in phones]

        def complete(phone, ticket):
            status, headers, body = phone.answer_to_complete(ticket, timeout_s=60)  # as long as a load balancer waits
            return status, headers["Retry-After"], body["code"]

        with concurrent.futures.ThreadPoolExecutor(len(tickets)) as threads:
            waiting = [threads.submit(complete, *ticket) for ticket in tickets]
            meanwhile = 0
            while not all(one.done() for one in waiting):
                assert serve.request("GET", "/api/health")[0] == 200
                assert phone.ticket("profile-picture", images.jpeg())
                assert phone.call("GET", "/api/activities")[0] == 200
                meanwhile += not any(one.done() for one in waiting)
                threading.Event().wait(0.05)  # this is a probe and no load
            answers = [one.result() for one in waiting]
        codes = {code for _, _, code in answers}
        assert {status for status, *_ in answers} == {503} and "storage_unavailable" in codes
        assert codes <= {"storage_unavailable", "overloaded"}  # overloaded: it waited for a worker too long
        assert all(int(retry_after) >= 1 for _, retry_after, _ in answers)
        assert manner == "refusing" or meanwhile, "no other request was answered while all completions waited for S3"


def test_uploads_complete_once_s3_is_back(vibe, serve_factory):
    with Relay(vibe.s3_port) as relay:
        serve = serve_factory(S3_ENDPOINT=relay.url, S3_PUBLIC_ENDPOINT=vibe.s3_url)
        phone, data = Phone(serve), images.jpeg(size=50_000)

        def recover():
            relay.cut()
            ticket = phone.stage("profile-picture", data)
            assert phone.complete(ticket)[0] == 503
            relay.restore()
            back = time.monotonic()
            status, body = wait_until(lambda: (lambda answer: answer[0] == 200 and answer)(phone.complete(ticket)), "the completion")
            assert images.shows(vibe.request("GET", body["media"]["cdnUrl"])[2], data)
            return time.monotonic() - back

        quickest(recover, 2, "completing after S3's return")


# -- the disk --

@pytest.fixture
def on_small_disk(vibe_factory):
    """A `vibe up` whose store has a disk of 24 MB."""
    instance = vibe_factory(start=False)
    with small_disk(instance.data_dir / "store", "24m"), instance:
        yield instance


@pytest.mark.parametrize("size", [SMALL, 1_500_000])
def test_a_full_disk_refuses_writes_keeps_reads_and_recovers(on_small_disk, size):
    vibe = on_small_disk
    phone = Phone(vibe)
    uploaded = phone.stage("profile-picture", images.jpeg(size=SMALL))
    stored = []
    with Store(vibe) as client:
        for number in range(3000):
            status, body = client.ask("PUT", f"fill/{number}", content(str(number), size))
            if status != 200:
                break
            stored.append(number)
        assert (status, error_code(body)) in ((507, "InsufficientStorage"), (503, "SlowDown")), body
        assert len(stored) * size > 8_000_000
        for number in random.sample(stored, 5):
            status, body = client.ask("GET", f"fill/{number}")
            assert (status, body) == (200, content(str(number), size))
        assert client.ask("GET", f"fill/{len(stored)}")[0] == 404  # the refused PUT left nothing
        assert len(s3.keys(vibe, "fill/")) == len(stored)
        status, body = phone.complete(uploaded)  # needs little room, because the bytes are there already
        assert status == 200 or (status, body["code"]) == (503, "storage_unavailable")
        assert vibe.request("GET", "/api/health")[0] == 200

        for number in stored:
            assert client.ask("DELETE", f"fill/{number}")[0] == 204

        def takes_writes_again():
            return client.ask("PUT", "after", content("after", size))[0] == 200

        wait_until(takes_writes_again, "a PUT after room was made")
        assert client.ask("GET", "after") == (200, content("after", size))
    assert phone.complete(uploaded)[0] == 200
    vibe.restart()
    with Store(vibe) as client:
        assert client.ask("GET", "after") == (200, content("after", size))


@pytest.mark.parametrize("damage", ["shortened", "lengthened", "missing"])
def test_a_damaged_file_is_an_error_and_never_short_data(vibe, damage):
    key = f"profile-pictures/{uuid.uuid4()}/avatar-1.jpg"
    before = set(blob_files(vibe))
    vibe.s3().put_object(Bucket=vibe.bucket, Key=key, Body=content(key, LARGE))
    (path,) = set(blob_files(vibe)) - before
    if damage == "missing":
        path.rename(path.with_name("elsewhere"))
    else:
        os.truncate(path, LARGE - 1 if damage == "shortened" else LARGE + 1)
    try:
        with Store(vibe) as client:
            status, body = client.ask("GET", key)
            assert (status, error_code(body)) == (500, "InternalError")
            assert client.ask("HEAD", key)[0] in (200, 500)
            assert vibe.request("GET", f"{vibe.cdn_url}/{key}")[0] in (502, 503)
            assert client.ask("PUT", key, b"replaced")[0] == 200
            assert client.ask("GET", key) == (200, b"replaced")
            assert client.ask("DELETE", key)[0] == 204
    finally:
        path.with_name("elsewhere").unlink(missing_ok=True)


# -- hostile and slow clients --

def test_slow_clients_do_not_stop_the_others(vibe):
    phone = Phone(vibe)
    data = images.jpeg(size=100_000)
    target = s3.presign(vibe, "PUT", f"/{vibe.bucket}/trickle")
    login = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    beginnings = [(vibe.api_port, b"GET /api/hea"), (vibe.api_port, login),
                  (vibe.s3_port, head_bytes("PUT", target, {"Host": s3.host_of(vibe), "Content-Length": "5000"})),
                  (vibe.cdn_port, b"GET /profile-pictures/x HTTP/1.1\r\nHost: x\r\nX-Slow: ")]
    with contextlib.ExitStack() as stack:
        slow = []
        for number in range(200):
            port, beginning = beginnings[number % 4]
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            client.sendall(beginning)
            slow.append(client)
        for _ in range(5):
            for client in slow:
                client.sendall(b"a")
            media = phone.send("profile-picture", data)
            assert vibe.request("GET", media["cdnUrl"])[0] == 200
        assert any(map(is_open, slow)), "the slow clients were gone before the uploads were done"


JSON_BOMBS = {
    "deep arrays": b'{"email":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "unclosed": b'{"email":' + b'{"a":[' * 5_000,
    "duplicate keys": b'{"email":"a@example.com","email":"b@example.com","password":"correct horse","name":"x"}',
    "huge number": b'{"email":1e999999,"password":"x","name":"y"}',
    "long number": b'{"email":' + b"9" * 60_000 + b',"password":"x","name":"y"}',
    "many keys": b"{" + b",".join(b'"%d":1' % n for n in range(7_000)) + b"}",
    "NUL": b'{"email":"a@example.com\\u0000","password":"correct horse","name":"x"}',
    "NUL in a key": b'{"email\\u0000":"a@example.com","password":"correct horse","name":"x"}',
    "raw NUL": b'{"email":"a\0@example.com","password":"correct horse","name":"x"}',
    "lone surrogate": b'{"email":"a@example.com","password":"correct horse","name":"\\ud800"}',
    "broken UTF-8": b'{"email":"a@example.com","password":"correct horse","name":"\xc3\x28"}',
    "overlong UTF-8": b'{"email":"a@example.com","password":"correct horse","name":"\xc0\xaf"}',
    "array": b"[]", "string": b'"x"', "number": b"1", "null": b"null", "nothing": b"", "blank": b"  ",
    "trailing": b'{} {}', "comment": b'{/* */}', "too large": b'{"email":"' + b"x" * 100_000 + b'"}',
}


@pytest.mark.parametrize("bomb", JSON_BOMBS)
def test_a_json_bomb_is_a_clear_4xx(vibe, bomb):
    status, headers, body = vibe.request("POST", "/api/auth/register", JSON_BOMBS[bomb], FORM)
    assert status in (400, 413, 422), body
    assert headers["Content-Type"] == "application/problem+json" and json.loads(body)["code"]
    assert vibe.request("GET", "/api/health")[0] == 200


@pytest.mark.parametrize("length", ["0", "-1", "1e3", "1.5", "9223372036854775807", "9223372036854775808", "1e400",
                                    "99999999999999999999999", '"5"', "true", "[]", "{}", "null"])
def test_an_impossible_length_gets_no_ticket(vibe, length):
    phone = Phone(vibe)
    body = f'{{"contentType":"image/jpeg","contentLength":{length}}}'
    status, _, answer = phone.ask_api("POST", "/api/upload/profile-picture", body)
    assert status in (400, 413, 422), answer


HOSTILE = {
    "nothing": (b"", (None,)),
    "half a request line": (b"GET /api/he", (None, 400)),
    "half a head": (b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-Half", (None, 400)),
    "half a body": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 100\r\n\r\n{\"email\"", (None, 400, 403, 405)),
    "half a chunk": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc", (None, 400, 403, 405)),
    "a chunk size that overflows": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    b"fffffffffffffffff\r\nabc", (None, 400, 403, 405, 413)),
    "a chunk size that is none": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  b"xyz\r\nabc", (None, 400, 403, 405)),
    "a negative length": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", (None, 400)),
    "a length that overflows": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                                (None, 400, 413)),
    "a length of petabytes": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              b"Content-Length: 9007199254740993\r\n\r\n{", (400, 403, 405, 413)),
    "two lengths": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
                    (400,)),
    "length and chunks": (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked"
                          b"\r\n\r\n0\r\n\r\n", (400,)),
    "a huge header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Huge: " + b"x" * 100_000 + b"\r\n\r\n", (None, 400, 413, 431)),
    "a huge target": (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (None, 400, 414, 431)),
    "ten thousand headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000))
                             + b"\r\n", (None, 400, 413, 431)),
    "NUL in a header": (b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-Nul: a\0b\r\n\r\n", (None, 200, 400, 403, 404)),
    "NUL in the target": (b"GET /api/\0health HTTP/1.1\r\nHost: x\r\n\r\n", (None, 400, 403, 404)),
    "an encoded NUL": (b"GET /api/users/%00 HTTP/1.1\r\nHost: x\r\n\r\n", (400, 401, 403, 404)),
    "broken percent signs": (b"GET /api/users/%zz%2 HTTP/1.1\r\nHost: x\r\n\r\n", (400, 401, 403, 404)),
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), (None, 400)),
    "another version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", (None, 400, 403, 404, 505)),
    "no host": (b"GET /api/health HTTP/1.1\r\n\r\n", (400,)),
    "two hosts": (b"GET /api/health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", (400,)),
    "another method": (b"BREW /api/health HTTP/1.1\r\nHost: x\r\n\r\n", (400, 403, 404, 405, 501)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_truncated_oversized_and_malformed_requests_are_refused(vibe, what):
    data, expected = HOSTILE[what]
    for port in vibe.api_port, vibe.s3_port, vibe.cdn_port:
        assert exchange(port, data) in expected, port
    assert vibe.request("GET", "/api/health")[0] == 200
    assert vibe.request("GET", f"{vibe.cdn_url}/profile-pictures/none")[0] == 404
    assert s3.call(vibe, "GET", f"/{vibe.bucket}?max-keys=1").status == 200
