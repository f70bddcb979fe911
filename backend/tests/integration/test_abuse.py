"""Hostile input to every operation of the OpenAPI document, and clients that hold connections without using them."""

import contextlib
import json
import resource
import selectors
import socket
import time

import pytest

from helpers import openapi
from helpers.api import base64url, call, login, register
from helpers.raw_http import is_open
from helpers.servers import JsonServer

STRINGS = [
    "'; DROP TABLE users; --", "' OR '1'='1", '"; DELETE FROM users; --', "1); SELECT pg_sleep(10); --", "$1", "%s%n%x",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{7*7}}${7*7}", "../../../../etc/passwd",
    "\\", "\\u0041", "%", "%_", "'", '"', "a\tb", "line\r\nX-Injected: yes", "‮ أحمد 李 👩‍👩‍👧 e\u0301", "\ufeffbom", "\uffff", "𐀀",
    "x" * 5000, "0", "-1", "1e999", "NaN", "null", "true", " ", "",
]
ECHOED = ("name", "title", "description", "caption")  # fields that come back in the resource
ENDS_THINGS = 70
SPENDS_ITS_SESSION = ("changePassword", "logOutEverywhere", "deleteMe")


@pytest.fixture(scope="module")
def walk(module_vibe):
    """Zoe, with one of everything that the API makes, on an instance of this module's own: the throttle of logins would hit
    other modules' tests, too. It trusts a key that has signed nothing, so that it looks into identity tokens."""
    key = {"kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "n": base64url(b"\xc5" * 256), "e": "AQAB"}
    with JsonServer(lambda *_: (200, {"keys": [key]})) as keys:
        instance = module_vibe(APPLE_CLIENT_ID="com.example.vibe", APPLE_JWKS_URL=keys.url + "/keys")
        yield openapi.Walk(openapi.Document(instance)).run_before(ENDS_THINGS)


@pytest.fixture(scope="module", autouse=True)
def still_there(walk):
    """After this module the program still runs, and Zoe's account is unchanged."""
    yield
    status, _, data = walk.vibe.request("GET", "/api/users/me", headers={"Authorization": f"Bearer {walk.token('zoe')}"})
    assert status == 200 and json.loads(data)["user"]["id"] == walk.answers["registerUser"]["user"]["id"]


def send(walk, operation, target, body, headers):
    """One request: (status, answer). The answer must be a documented one, and never a 5xx."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    status, answered, text = walk.vibe.request(operation.method, target, data, headers)
    assert status < 500, f"{operation} {target} {data!r}: {status} {text!r}"
    assert answered["X-Injected"] is None
    return status, operation.check(status, answered, text)


def prepare(walk, operation):
    """Target, body and headers of its first example. An operation that ends its session gets a new account."""
    example = operation.examples[0]
    target, body, headers = walk.prepare(operation, example)
    if operation.id in SPENDS_ITS_SESSION:
        headers["Authorization"] = f"Bearer {walk.document.register()['accessToken']}"
    return target, body, headers


def with_bodies(walk):
    return [operation for operation in walk.document.operations if operation.body is not None]


def echoes(answer, field):
    """The values of a field in the resources of an answer."""
    return [resource[field] for resource in (answer or {}).values() if isinstance(resource, dict) and field in resource]


def test_hostile_strings_in_bodies_come_back_exactly_or_are_refused(walk):
    echoed = set()
    for operation in with_bodies(walk):
        for field, schema in operation.body_fields().items():
            if "string" not in schema.get("type", ""):
                continue
            for text in STRINGS:
                target, body, headers = prepare(walk, operation)
                body[field] = text
                status, answer = send(walk, operation, target, body, headers)
                if status < 300 and field in ECHOED:
                    assert echoes(answer, field) == [text], f"{operation}: {field} has changed"
                    echoed.add((operation.id, field))
    assert ("registerUser", "name") in echoed and ("updateMe", "name") in echoed


def test_hostile_strings_in_nested_fields_cause_no_5xx(walk):
    for operation in with_bodies(walk):
        for field, schema in operation.body_fields().items():
            for inner in schema.get("properties", {}):
                for text in STRINGS:
                    target, body, headers = prepare(walk, operation)
                    body[field] = {**(body.get(field) or {}), inner: text}
                    send(walk, operation, target, body, headers)


def test_hostile_strings_in_queries_cause_no_5xx(walk):
    for operation in walk.document.operations:
        for parameter in operation.parameters_in("query"):
            for text in STRINGS:
                target, body, headers = prepare(walk, operation)
                target = operation.target(query={parameter["name"]: text})
                send(walk, operation, target, body, headers)


def test_hostile_strings_in_paths_are_403_or_404(walk):
    for operation in walk.document.operations:
        for parameter in operation.parameters_in("path"):
            for text in STRINGS:
                if text in ("", "null") or len(text) > 1000:
                    continue
                _, body, headers = prepare(walk, operation)
                status, _ = send(walk, operation, operation.target({parameter["name"]: text}), body, headers)
                assert status in (403, 404), f"{operation} with {text!r}: {status}"


def test_a_value_of_the_wrong_type_is_refused_and_its_field_named(walk):
    for operation in with_bodies(walk):
        for field, schema in operation.body_fields().items():
            kinds = schema.get("type", "string")
            for value, kind in ((12, "integer"), (1.5, "number"), (True, "boolean"), ([], "array"), ({}, "object"), ("x", "string")):
                if kind in kinds or (kind == "integer" and "number" in kinds):
                    continue
                target, body, headers = prepare(walk, operation)
                body[field] = value
                status, answer = send(walk, operation, target, body, headers)
                assert status == 422 and answer["code"] == "validation_failed", f"{operation} {field}={value!r}: {status} {answer}"
                assert answer["errors"][0]["field"].startswith(field), f"{operation} {field}={value!r}: {answer}"


def test_numbers_out_of_range_are_refused(walk):
    for operation in with_bodies(walk):
        for field, schema in operation.body_fields().items():
            if not {"integer", "number"} & set([schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])):
                continue
            for number in (b"1e999", b"-1e999", b"9223372036854775808", b"9" * 400, b"-9223372036854775809", b"1e-999", b"-0.5", b"NaN",
                           b"0x10", b"01", b"+1", b"2147483648000000000"):
                target, body, headers = prepare(walk, operation)
                text = json.dumps({**body, field: "NUMBER"}).encode().replace(b'"NUMBER"', number)
                status, answer = send(walk, operation, target, text, headers)
                assert status in (400, 422), f"{operation} {field}={number!r}: {status} {answer}"


NOT_JSON = {
    "nothing": b"", "a word": b"hello", "half an object": b'{"a": 1', "two objects": b"{}{}", "a trailing comma": b'{"a": 1,}',
    "an array": b"[]", "null": b"null", "a string": b'"text"', "a name twice": b'{"a": 1, "a": 2}',
    "NUL escaped": b'{"a": "\\u0000"}', "NUL escaped in a name": b'{"a\\u0000b": 1}', "NUL raw": b'{"a": "\0"}', "NUL after it": b"{}\0",
    "a lone high surrogate": b'{"a": "\\ud800"}', "a lone low surrogate": b'{"a": "\\udc00x"}',
    "surrogates the wrong way round": b'{"a": "\\udc00\\ud800"}', "invalid UTF-8": b'{"a": "\xff\xfe"}',
    "overlong UTF-8": b'{"a": "\xc0\xaf"}', "a surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}', "half a character": b'{"a": "\xf0\x9f\x98"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"), "a byte order mark": b"\xef\xbb\xbf{}", "a line break in a string": b'{"a": "\n"}',
    "a bad escape": b'{"a": "\\x41"}', "a comment": b"{/* */}", "single quotes": b"{'a': 1}",
    "33 levels": b'{"a":' * 33 + b"1" + b"}" * 33, "30,000 levels": b"[" * 30000, "levels of both kinds": b'[{"a":' * 3000,
}


@pytest.mark.parametrize("kind", NOT_JSON)
def test_malformed_json_is_refused_with_a_reason(walk, kind):
    for operation in with_bodies(walk):
        target, _, headers = prepare(walk, operation)
        status, answer = send(walk, operation, target, NOT_JSON[kind], headers)
        assert status == 400 and answer["code"] in ("invalid_json", "json_too_deep"), f"{operation}: {status} {answer}"
        assert len(answer["detail"]) > 20


def test_a_body_beyond_its_limit_is_refused(walk):
    for operation in with_bodies(walk):
        target, body, headers = prepare(walk, operation)
        status, answer = send(walk, operation, target, {**body, "padding": "x" * 70000}, headers)
        assert (status, answer["code"]) == (413, "payload_too_large"), f"{operation}: {status} {answer}"


# ---- clients that hold connections --------------------------------------------------------------------------------

def allow_open_files(count):
    """Raises the limit of this process, which the program inherits. Skips the test where the machine forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
                return
            pytest.skip(f"this machine lets a process open {hard} files, and the test needs {count}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


@pytest.fixture
def crowd():
    """crowd(port, count): that many open connections, until the end of the test."""
    made = []

    def connect(port, count):
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            client.setblocking(False)
            made.append(client)
        return made

    yield connect
    for client in made:
        client.close()


def others_are_served(vibe, account):
    """A client beside the crowd gets its answers: /api/health, and a login, which works on the pool and in the database. The
    request's own deadline is the limit: a crowd that blocks others blocks them for as long as it stays."""
    assert call(vibe, "GET", "/api/health")[0] == 200
    assert login(vibe, account)[0] == 200


def test_ten_thousand_idle_connections_block_nobody(vibe_factory, crowd):
    allow_open_files(12_000)
    vibe = vibe_factory()
    account = register(vibe)
    clients = crowd(vibe.api_port, 10_000)
    others_are_served(vibe, account)
    assert sum(map(is_open, clients)) == 10_000
    vibe.stop()


def test_a_thousand_clients_that_send_a_byte_a_second_block_nobody(vibe_factory, crowd):
    vibe = vibe_factory()
    account = register(vibe)
    clients = crowd(vibe.api_port, 1000)
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: vibe\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    for client in clients[:500]:  # half of them send the body slowly, the others the head
        client.sendall(head)
    with selectors.DefaultSelector() as clock:
        for second in range(6):
            began = time.monotonic()
            for number, client in enumerate(clients):
                with contextlib.suppress(OSError):  # the server may have closed some already
                    client.send(b" " if number < 500 else head[second:second + 1])
            others_are_served(vibe, account)
            assert any(map(is_open, clients)), "the slow clients were gone before the others got their answers"
            clock.select(max(0, began + 1 - time.monotonic()))
    vibe.stop()
