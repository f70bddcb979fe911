"""Sign in with Apple, against an issuer of the test's own: who signs in to which account, and which tokens are refused."""

import concurrent.futures
import hashlib
import hmac
import json
import uuid

import pytest

from helpers.api import (NEW_PASSWORD, PASSWORD, base64url, call, login, mailed_token, me, new_email, refresh, register,
                         reset)
from helpers.apple import CLIENT, Key, KeyServer, claims, sign_in, token, trust
from helpers.program import run_vibe
from helpers.waiting import wait_until


@pytest.fixture(scope="module")
def other_key():
    return Key("second")


@pytest.fixture
def apple_factory(serve_factory):
    """apple_factory(*keys): a `vibe serve` that trusts these keys; its `keys` serves them."""
    servers = []

    def make(*keys):
        servers.append(KeyServer(*keys))
        serve = serve_factory(**trust(servers[-1]))
        serve.keys = servers[-1]
        return serve

    yield make
    for server in servers:
        server.close()


def test_the_first_sign_in_makes_an_account_and_the_second_finds_it(apple, apple_key):
    email = f"{uuid.uuid4()}@privaterelay.appleid.com"
    payload = claims(email=email, email_verified="true", is_private_email="true")
    status, _, first = sign_in(apple, token(apple_key, payload), name="Zoë 🌸")
    assert status == 201 and first["user"]["email"] == email and first["user"]["name"] == "Zoë 🌸"
    assert me(apple, first) == (200, None)
    del payload["email"], payload["email_verified"]
    status, _, second = sign_in(apple, token(apple_key, payload), name="Someone else")
    assert status == 200 and second["user"] == first["user"] and refresh(apple, second)[0] == 200


def test_an_account_without_a_password_cannot_log_in_by_password(apple, apple_key):
    email = new_email()
    status, _, session = sign_in(apple, token(apple_key, claims(email=email, email_verified=True)))
    assert status == 201
    for password in ("", "x", PASSWORD):
        assert login(apple, session, password)[2]["code"] == "invalid_credentials"
    status, _, body = call(apple, "POST", "/api/auth/password", {"currentPassword": "", "newPassword": PASSWORD},
                           token=session["accessToken"])
    assert (status, body["code"]) == (409, "password_not_set")
    status, _, body = call(apple, "POST", "/api/auth/register", {"email": email.upper(), "password": PASSWORD, "name": "x"})
    assert (status, body["code"]) == (409, "email_taken")


def test_an_unverified_address_is_ignored(apple, apple_key):
    account = register(apple)
    for verified in (None, False, "false", 1):
        status, _, session = sign_in(apple, token(apple_key, claims(email=account["user"]["email"], email_verified=verified)))
        assert status == 201 and session["user"]["email"] is None and session["user"]["id"] != account["user"]["id"]


def test_an_address_links_only_to_an_account_whose_owner_reads_its_mail(apple, apple_key):
    account = register(apple)  # anybody can register with this address
    payload = claims(email=account["user"]["email"], email_verified=True)
    status, _, body = sign_in(apple, token(apple_key, payload))
    assert (status, body["code"]) == (409, "email_taken")
    assert reset(apple, mailed_token(apple, account["user"]["email"])) == (204, None)
    status, _, session = sign_in(apple, token(apple_key, payload))
    assert status == 200 and session["user"] == account["user"]
    assert login(apple, account, NEW_PASSWORD)[0] == 200
    status, _, body = sign_in(apple, token(apple_key, claims(email=account["user"]["email"], email_verified=True)))
    assert (status, body["code"]) == (409, "email_taken")  # another Apple account with that address


def test_many_first_sign_ins_at_once_make_one_account(apple, apple_key):
    text = token(apple_key, claims(email=new_email(), email_verified=True))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: sign_in(apple, text), range(6)))
    assert sorted(answer[0] for answer in answers) == [200] * 5 + [201]
    assert len({answer[2]["user"]["id"] for answer in answers}) == 1


def test_a_disabled_account_is_refused(apple, apple_key):
    payload = claims()
    session = sign_in(apple, token(apple_key, payload))[2]
    assert run_vibe("user", "disable", session["user"]["id"], environment={"DATABASE_URL": apple.database_url}).returncode == 0
    status, _, body = sign_in(apple, token(apple_key, payload))
    assert (status, body["code"]) == (403, "account_disabled")


def test_the_nonce_may_be_plain_or_hashed(apple, apple_key):
    hashed = hashlib.sha256(b"the nonce").hexdigest()
    for nonce in ("the nonce", hashed):
        assert sign_in(apple, token(apple_key, claims(nonce=nonce)), nonce="the nonce")[0] == 201
    for nonce, sent in (("the nonce", "another"), (hashed.upper(), "the nonce"), ("the nonce", None), (None, "the nonce"), (5, "5")):
        status, _, body = sign_in(apple, token(apple_key, claims(nonce=nonce)), **({"nonce": sent} if sent else {}))
        assert (status, body["code"]) == (401, "apple_nonce_mismatch"), (nonce, sent)


@pytest.mark.parametrize("changed, code", [
    ({"aud": "com.example.evil"}, "apple_token_invalid"), ({"aud": f"com.example.other, {CLIENT}"}, "apple_token_invalid"),
    ({"aud": ""}, "apple_token_invalid"), ({"aud": [CLIENT]}, "apple_token_invalid"), ({"aud": None}, "apple_token_invalid"),
    ({"iss": "https://evil.test"}, "apple_token_invalid"), ({"iss": None}, "apple_token_invalid"),
    ({"exp": 1000}, "apple_token_expired"), ({"exp": None}, "apple_token_invalid"), ({"exp": "9999999999"}, "apple_token_invalid"),
    ({"iat": 9999999999}, "apple_token_invalid"), ({"iat": None}, "apple_token_invalid"),
    ({"sub": ""}, "apple_token_invalid"), ({"sub": None}, "apple_token_invalid"), ({"sub": 1}, "apple_token_invalid"),
    ({"sub": "x" * 256}, "apple_token_invalid"), ({"sub": "a\u0000b"}, "apple_token_invalid")])
def test_a_signed_token_with_wrong_claims_is_refused(apple, apple_key, changed, code):
    status, headers, body = sign_in(apple, token(apple_key, claims(**changed)))
    assert (status, body["code"]) == (401, code) and "WWW-Authenticate" in headers


def test_only_an_rs256_signature_by_apples_key_is_accepted(apple, apple_key, other_key):
    payload = claims()
    public = json.dumps(apple_key.jwk()).encode()
    by_hmac = lambda text: hmac.new(public, text, hashlib.sha256).digest()  # noqa: E731
    forged = [token(apple_key, payload, {"alg": "none"}, lambda _: b""), token(apple_key, payload, {"alg": "HS256"}, by_hmac),
              token(apple_key, payload, {"alg": "RS512"}), token(apple_key, payload, {"alg": "rs256"}), token(apple_key, payload, {"alg": None}),
              token(apple_key, payload, {"kid": None}), token(apple_key, payload, {"crit": ["exp"]}), token(apple_key, payload, {"kid": "unknown"}),
              token(apple_key, payload, sign=other_key.sign), token(apple_key, payload, sign=by_hmac), token(apple_key, payload, sign=lambda _: b""),
              token(apple_key, payload, sign=lambda _: b"\0" * 256), token(apple_key, payload, {"jwk": other_key.jwk()}, other_key.sign)]
    good = token(apple_key, payload)
    header, body, signature = good.split(".")
    other_body = base64url(json.dumps(claims()).encode())
    forged += [f"{header}.{other_body}.{signature}", good[:-1], good + "A", good + ".", f"{header}.{body}", f"{header}.{body}.",
               "", ".", "..", "a.b.c", "🌸", "x" * 20000, f"{base64url(b'[' * 3000)}.{body}.{signature}"]
    for text in forged:
        status, _, answer = sign_in(apple, text)
        assert (status, answer["code"]) == (401, "apple_token_invalid"), text[:200]
    assert sign_in(apple, good)[0] == 201


def test_malformed_requests_name_the_field(apple, apple_key):
    for body in ({}, {"identityToken": 5}, {"identityToken": "x", "nonce": 5}, {"identityToken": "x", "nonce": ""},
                 {"identityToken": "x", "name": "a\nb"}):
        status, _, answer = call(apple, "POST", "/api/auth/apple", body)
        assert (status, answer["code"]) == (422, "validation_failed")


def test_unknown_key_ids_cause_no_storm_of_key_fetches(apple_factory, apple_key, other_key):
    serve = apple_factory(apple_key)
    assert sign_in(serve, token(apple_key, claims()))[0] == 201 and serve.keys.asked == 1
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: sign_in(serve, token(apple_key, claims(), {"kid": f"k{n}"}))[0], range(8)))
    assert answers == [401] * 8 and serve.keys.asked == 1  # within a minute of the last fetch
    assert sign_in(serve, token(apple_key, claims()))[0] == 201 and serve.keys.asked == 1


def test_simultaneous_sign_ins_fetch_the_keys_once(apple_factory, apple_key):
    serve = apple_factory(apple_key)
    texts = [token(apple_key, claims()) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert [answer[0] for answer in pool.map(lambda text: sign_in(serve, text), texts)] == [201] * 8
    assert serve.keys.asked == 1


def test_an_unreachable_apple_is_a_503_until_it_returns(apple_factory, apple_key):
    serve = apple_factory(apple_key)
    serve.keys.failing = True
    status, headers, body = sign_in(serve, token(apple_key, claims()))
    assert (status, body["code"]) == (503, "apple_unavailable") and headers["Retry-After"]
    serve.keys.failing = False
    text = token(apple_key, claims())
    wait_until(lambda: sign_in(serve, text)[0] == 201, "a sign-in after Apple's return")


def test_without_a_client_id_sign_in_is_a_503(vibe):
    status, _, body = sign_in(vibe, "x")
    assert (status, body["code"]) == (503, "apple_not_configured")
