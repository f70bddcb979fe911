"""Sign in with Apple, against an issuer of the test's own: who is let in as whom, and every token that is not believed."""

import concurrent.futures
import hashlib
import hmac
import json
import time
import uuid

import pytest

import conftest
from apple_issuer import CLIENT, ISSUER, Key, KeyServer, base64url, token
from smtp import SmtpServer
from test_api import call
from test_auth import PASSWORD, login, mailed_token, me, refresh, register, reset
from test_user_command import user


@pytest.fixture(scope="module")
def key():
    return Key("first")


@pytest.fixture(scope="module")
def other_key():
    return Key("second")


def start(vibe, folder, keys, **environment):
    return conftest.Serve(folder, vibe, APPLE_CLIENT_ID=f"com.example.other, {CLIENT}", APPLE_ISSUER=ISSUER,
                          APPLE_JWKS_URL=keys.url, **environment).start()


@pytest.fixture(scope="module")
def apple(vibe, key, tmp_path_factory):
    """A `vibe serve` that believes `key`."""
    keys, smtp = KeyServer(key), SmtpServer()
    serve = start(vibe, tmp_path_factory.mktemp("apple") / "work", keys, SMTP_URL=smtp.url, MAIL_FROM="a@vibe.example",
                  PASSWORD_RESET_URL="https://app.example.com/reset?token={token}&lang=de")
    serve.smtp, serve.keys = smtp, keys
    yield serve
    serve.stop()
    keys.close()
    smtp.close()


@pytest.fixture
def apple_factory(vibe, tmp_path):
    made = []

    def make(*keys):
        server = KeyServer(*keys)
        serve = start(vibe, tmp_path / f"work{len(made)}", server)
        serve.keys = server
        made.append(serve)
        return serve

    yield make
    for serve in made:
        serve.stop()
        serve.keys.close()


def claims(**changed):
    now = int(time.time())
    made = {"iss": ISSUER, "aud": CLIENT, "sub": f"001.{uuid.uuid4().hex}.1", "iat": now, "exp": now + 600, **changed}
    return {name: value for name, value in made.items() if value is not None}


def sign_in(vibe, identity_token, **more):
    return call(vibe, "POST", "/api/auth/apple", {"identityToken": identity_token, **more})


def test_the_first_sign_in_makes_an_account_and_the_second_finds_it(apple, key):
    email = f"{uuid.uuid4()}@privaterelay.appleid.com"
    payload = claims(email=email, email_verified="true", is_private_email="true")
    status, _, first = sign_in(apple, token(key, payload), name="Zoë 🌸")
    assert status == 201 and first["user"]["email"] == email and first["user"]["name"] == "Zoë 🌸"
    assert me(apple, first) == (200, None)
    del payload["email"], payload["email_verified"]
    status, _, second = sign_in(apple, token(key, payload), name="Someone else")
    assert status == 200 and second["user"] == first["user"] and refresh(apple, second)[0] == 200


def test_an_account_without_a_password_cannot_log_in_by_password(apple, key):
    email = f"{uuid.uuid4()}@example.com"
    status, _, session = sign_in(apple, token(key, claims(email=email, email_verified=True)))
    assert status == 201
    for password in ("", "x", PASSWORD):
        assert login(apple, session, password)[2]["code"] == "invalid_credentials"
    status, _, body = call(apple, "POST", "/api/auth/password", {"currentPassword": "", "newPassword": PASSWORD},
                           token=session["accessToken"])
    assert (status, body["code"]) == (409, "password_not_set")
    status, _, body = call(apple, "POST", "/api/auth/register", {"email": email.upper(), "password": PASSWORD, "name": "x"})
    assert (status, body["code"]) == (409, "email_taken")


def test_an_unverified_address_is_not_believed(apple, key):
    account = register(apple)
    for verified in (None, False, "false", 1):
        status, _, session = sign_in(apple, token(key, claims(email=account["user"]["email"], email_verified=verified)))
        assert status == 201 and session["user"]["email"] is None and session["user"]["id"] != account["user"]["id"]


def test_an_address_links_only_to_an_account_whose_owner_reads_its_mail(apple, key):
    account = register(apple)  # perhaps by somebody who does not own the address
    payload = claims(email=account["user"]["email"], email_verified=True)
    status, _, body = sign_in(apple, token(key, payload))
    assert (status, body["code"]) == (409, "email_taken")
    assert reset(apple, mailed_token(apple, account["user"]["email"])) == (204, None)
    status, _, session = sign_in(apple, token(key, payload))
    assert status == 200 and session["user"] == account["user"]
    assert login(apple, account, "battery staple")[0] == 200
    status, _, body = sign_in(apple, token(key, claims(email=account["user"]["email"], email_verified=True)))
    assert (status, body["code"]) == (409, "email_taken")  # another Apple account with that address


def test_many_first_sign_ins_at_once_make_one_account(apple, key):
    text = token(key, claims(email=f"{uuid.uuid4()}@example.com", email_verified=True))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: sign_in(apple, text), range(6)))
    assert sorted(answer[0] for answer in answers) == [200] * 5 + [201]
    assert len({answer[2]["user"]["id"] for answer in answers}) == 1


def test_a_disabled_account_is_refused(apple, key):
    payload = claims()
    session = sign_in(apple, token(key, payload))[2]
    assert user(apple.beside, "disable", session["user"]["id"]).returncode == 0
    status, _, body = sign_in(apple, token(key, payload))
    assert (status, body["code"]) == (403, "account_disabled")


def test_the_nonce_is_itself_or_its_hash(apple, key):
    hashed = hashlib.sha256(b"the nonce").hexdigest()
    for nonce in ("the nonce", hashed):
        assert sign_in(apple, token(key, claims(nonce=nonce)), nonce="the nonce")[0] == 201
    for nonce, sent in (("the nonce", "another"), (hashed.upper(), "the nonce"), ("the nonce", None), (None, "the nonce"), (5, "5")):
        status, _, body = sign_in(apple, token(key, claims(nonce=nonce)), **({"nonce": sent} if sent else {}))
        assert (status, body["code"]) == (401, "apple_nonce_mismatch"), (nonce, sent)


@pytest.mark.parametrize("changed, code", [
    ({"aud": "com.example.evil"}, "apple_token_invalid"), ({"aud": f"com.example.other, {CLIENT}"}, "apple_token_invalid"),
    ({"aud": ""}, "apple_token_invalid"), ({"aud": [CLIENT]}, "apple_token_invalid"), ({"aud": None}, "apple_token_invalid"),
    ({"iss": "https://evil.test"}, "apple_token_invalid"), ({"iss": None}, "apple_token_invalid"),
    ({"exp": 1000}, "apple_token_expired"), ({"exp": None}, "apple_token_invalid"), ({"exp": "9999999999"}, "apple_token_invalid"),
    ({"iat": 9999999999}, "apple_token_invalid"), ({"iat": None}, "apple_token_invalid"),
    ({"sub": ""}, "apple_token_invalid"), ({"sub": None}, "apple_token_invalid"), ({"sub": 1}, "apple_token_invalid"),
    ({"sub": "x" * 256}, "apple_token_invalid"), ({"sub": "a\u0000b"}, "apple_token_invalid")])
def test_a_signed_token_with_wrong_claims_is_refused(apple, key, changed, code):
    status, headers, body = sign_in(apple, token(key, claims(**changed)))
    assert (status, body["code"]) == (401, code) and "WWW-Authenticate" in headers


def test_only_rs256_by_apples_keys_is_a_signature(apple, key, other_key):
    payload = claims()
    public = json.dumps(key.jwk()).encode()
    by_hmac = lambda text: hmac.new(public, text, hashlib.sha256).digest()  # noqa: E731
    forged = [token(key, payload, {"alg": "none"}, lambda _: b""), token(key, payload, {"alg": "HS256"}, by_hmac),
              token(key, payload, {"alg": "RS512"}), token(key, payload, {"alg": "rs256"}), token(key, payload, {"alg": None}),
              token(key, payload, {"kid": None}), token(key, payload, {"crit": ["exp"]}), token(key, payload, {"kid": "unknown"}),
              token(key, payload, sign=other_key.sign), token(key, payload, sign=by_hmac), token(key, payload, sign=lambda _: b""),
              token(key, payload, sign=lambda _: b"\0" * 256), token(key, payload, {"jwk": other_key.jwk()}, other_key.sign)]
    good = token(key, payload)
    header, body, signature = good.split(".")
    other_body = base64url(json.dumps(claims()).encode())
    forged += [f"{header}.{other_body}.{signature}", good[:-1], good + "A", good + ".", f"{header}.{body}", f"{header}.{body}.",
               "", ".", "..", "a.b.c", "🌸", "x" * 20000, f"{base64url(b'[' * 3000)}.{body}.{signature}"]
    for text in forged:
        status, _, answer = sign_in(apple, text)
        assert (status, answer["code"]) == (401, "apple_token_invalid"), text[:200]
    assert sign_in(apple, good)[0] == 201


def test_malformed_requests_name_the_field(apple, key):
    for body in ({}, {"identityToken": 5}, {"identityToken": "x", "nonce": 5}, {"identityToken": "x", "nonce": ""},
                 {"identityToken": "x", "name": "a\nb"}):
        status, _, answer = call(apple, "POST", "/api/auth/apple", body)
        assert (status, answer["code"]) == (422, "validation_failed")


def test_a_new_key_of_apples_is_fetched_once_and_strangers_cause_no_storm(apple_factory, key, other_key):
    serve = apple_factory(key)
    assert sign_in(serve, token(key, claims()))[0] == 201 and serve.keys.asked == 1
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: sign_in(serve, token(key, claims(), {"kid": f"k{n}"}))[0], range(8)))
    assert answers == [401] * 8 and serve.keys.asked == 1  # within a minute of the last fetch
    assert sign_in(serve, token(key, claims()))[0] == 201 and serve.keys.asked == 1


def test_many_at_once_fetch_the_keys_once(apple_factory, key):
    serve = apple_factory(key)
    texts = [token(key, claims()) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert [answer[0] for answer in pool.map(lambda text: sign_in(serve, text), texts)] == [201] * 8
    assert serve.keys.asked == 1


def test_apple_being_away_is_a_503_that_ends_with_its_return(apple_factory, key):
    serve = apple_factory(key)
    serve.keys.failing = True
    status, headers, body = sign_in(serve, token(key, claims()))
    assert (status, body["code"]) == (503, "apple_unavailable") and headers["Retry-After"]
    serve.keys.failing = False
    text = token(key, claims())
    conftest.wait_until(lambda: sign_in(serve, text)[0] == 201, 10, "the return of Apple")


def test_without_a_client_id_it_says_so(vibe):
    status, _, body = sign_in(vibe, "x")
    assert (status, body["code"]) == (503, "apple_not_configured")
