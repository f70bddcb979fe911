"""Who may do what: every operation of the OpenAPI document, tried by those who may not."""

import base64
import hashlib
import hmac
import json
import re
import time

import pytest

from helpers import openapi
from helpers.api import base64url

ENDS_THINGS = 70  # from this place in the order on, the examples delete what earlier ones made


@pytest.fixture(scope="module")
def walk(vibe):
    """Zoe, who has one of everything that the API makes."""
    return openapi.Walk(openapi.Document(vibe)).run_before(ENDS_THINGS)


def private_operations(walk):
    return [(operation, operation.examples[0]) for operation in walk.document.operations if not operation.public]


def everything_of_zoe(walk):
    """All that Zoe can read of her own: {operation: answer}."""
    seen = {}
    for operation, example in private_operations(walk):
        if operation.method == "GET":
            target, _, _ = walk.prepare(operation, {**example, "as": "zoe"})
            status, _, body = walk.vibe.request("GET", target, None, {"Authorization": f"Bearer {walk.token('zoe')}"})
            assert status == 200, f"{operation}: {status}"
            seen[operation.id] = json.loads(body)
    return seen


def attempt(walk, operation, example, authorization):
    """Zoe's request with another authorization: (status, answer)."""
    target, body, headers = walk.prepare(operation, example)
    headers.pop("Authorization")
    if authorization is not None:
        headers["Authorization"] = authorization
    status, answered, data = walk.vibe.request(operation.method, target, None if body is None else json.dumps(body), headers)
    answer = operation.check(status, answered, data)
    if status == 401:
        assert answered["WWW-Authenticate"].startswith("Bearer"), f"{operation}: no WWW-Authenticate"
    return status, answer


def decode(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def resigned(vibe, token, header=None, secret=None, **claims):
    """The token with other claims, signed with the server's secret."""
    secrets = (vibe.data_dir / "secrets").read_text()
    key = secret or re.search(r"^JWT_SECRET=(.+)$", secrets, re.MULTILINE)[1]
    head, payload, _ = token.split(".")
    parts = [base64url(json.dumps({**decode(head), **(header or {})}).encode()),
             base64url(json.dumps({**decode(payload), **claims}).encode())]
    signature = hmac.new(key.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, base64url(signature)])


def refused_everywhere(walk, authorization, code):
    before = everything_of_zoe(walk)
    wrong = []
    for operation, example in private_operations(walk):
        status, answer = attempt(walk, operation, example, authorization)
        if (status, answer and answer.get("code")) != (401, code):
            wrong.append(f"{operation}: {status} {answer}")
    assert not wrong, "\n".join(wrong)
    assert everything_of_zoe(walk) == before


def test_a_missing_token_is_refused_everywhere(walk):
    refused_everywhere(walk, None, "token_missing")


def test_another_authorization_scheme_is_refused_everywhere(walk):
    refused_everywhere(walk, "Basic " + base64url(b"zoe@example.com:correct horse battery"), "token_missing")


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "..", "x" * 5000, "' OR 1=1 --"])
def test_a_malformed_token_is_refused_everywhere(walk, token):
    refused_everywhere(walk, f"Bearer {token}", "token_invalid")


def test_an_expired_token_is_refused_everywhere(walk):
    now = int(time.time())
    expired = resigned(walk.vibe, walk.token("zoe"), iat=now - 2000, nbf=now - 2000, exp=now - 1000)
    refused_everywhere(walk, f"Bearer {expired}", "token_expired")


def test_a_token_signed_with_another_key_is_refused_everywhere(walk):
    refused_everywhere(walk, f"Bearer {resigned(walk.vibe, walk.token('zoe'), secret='x' * 48)}", "token_invalid")


def test_a_token_with_another_algorithm_is_refused_everywhere(walk):
    head, payload, _ = walk.token("zoe").split(".")
    unsigned = base64url(json.dumps({**decode(head), "alg": "none"}).encode())
    refused_everywhere(walk, f"Bearer {unsigned}.{payload}.", "token_invalid")


def test_nobody_reads_or_changes_somebody_elses_data(walk):
    """An operation that declares `forbidden` is the owner's alone. Everybody may use the others, and learns no secret."""
    zoe = walk.answers["registerUser"]["user"]
    for operation, example in private_operations(walk):
        stranger = walk.document.register("Mallory")
        before = everything_of_zoe(walk)
        status, answer = attempt(walk, operation, {**example, "as": "zoe"}, f"Bearer {stranger['accessToken']}")
        text = json.dumps(answer, ensure_ascii=False)
        assert zoe["email"] not in text, f"{operation} reveals Zoe's e-mail address"
        owners_only = 403 in operation.responses and {"forbidden", "upload_forbidden"} & set(operation.codes(403))
        if owners_only:
            assert status in (403, 404), f"{operation}: {status} {text}"
            assert answer["code"] in operation.codes(status)
        if owners_only or not operation.parameters_in("path"):
            assert everything_of_zoe(walk) == before, f"{operation} changed Zoe's data"


def test_an_unknown_id_is_404_everywhere(walk):
    zoe = f"Bearer {walk.token('zoe')}"
    for operation, example in private_operations(walk):
        names = [p["name"] for p in operation.parameters_in("path")]
        for made_up in ("nobody", "0", "-1", "99999999999999999999", "00000000-0000-4000-8000-000000000000", "%00", "..%2f.."):
            if names:
                target, body, headers = walk.prepare(operation, example)
                target = operation.target({name: "MADE-UP" for name in names}).replace("MADE-UP", made_up)
                status, answered, data = walk.vibe.request(operation.method, target,
                                                           None if body is None else json.dumps(body),
                                                           {**headers, "Authorization": zoe})
                answer = operation.check(status, answered, data)
                assert status == 404, f"{operation} with {made_up}: {status} {answer}"


def test_the_token_of_a_deleted_account_is_refused_everywhere(walk):
    deleted = walk.document.register("Gone")
    authorization = f"Bearer {deleted['accessToken']}"
    assert walk.vibe.request("DELETE", "/api/users/me", headers={"Authorization": authorization})[0] == 204
    before = everything_of_zoe(walk)
    opened = [f"{operation}: {status} {answer}" for operation, example in private_operations(walk)
              for status, answer in [attempt(walk, operation, example, authorization)] if status != 401]
    assert not opened, "\n".join(opened)
    assert everything_of_zoe(walk) == before
