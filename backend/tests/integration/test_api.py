"""The API as its clients see it: health, accounts and sessions, and errors that programs can switch on."""

import concurrent.futures

import pytest

from helpers.api import call, login, register
from helpers.database import sql


@pytest.fixture
def account(vibe):
    return register(vibe)


def test_health_is_shallow_and_readiness_names_its_dependencies(vibe):
    assert call(vibe, "GET", "/api/health")[::2] == (200, {"status": "ok"})
    assert call(vibe, "GET", "/api/health/ready")[::2] == (200, {"status": "ok", "database": "ok", "bucket": "ok"})
    assert vibe.request("HEAD", "/api/health")[::2] == (200, b"")


def test_metrics_are_prometheus_text(vibe):
    status, headers, text = call(vibe, "GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"vibe_uploads_total{" in text and b"vibe_db_connections_open" in text


def test_a_session_lasts_from_registration_to_logout(vibe, account):
    assert account["user"]["name"] == "Zoë 🌸"
    status, _, session = login(vibe, {"user": {"email": account["user"]["email"].upper()}})
    assert status == 200 and session["user"] == account["user"]
    status, _, renewed = call(vibe, "POST", "/api/auth/refresh", {"refreshToken": session["refreshToken"]})
    assert status == 200
    assert call(vibe, "GET", "/api/users/me", token=renewed["accessToken"])[2]["user"] == account["user"]
    assert call(vibe, "POST", "/api/auth/logout", {"refreshToken": renewed["refreshToken"]})[0] == 204
    status, _, problem = call(vibe, "POST", "/api/auth/refresh", {"refreshToken": renewed["refreshToken"]})
    assert (status, problem["code"]) == (401, "token_invalid")


def test_a_reused_refresh_token_ends_the_session(vibe, account):
    stolen = account["refreshToken"]
    status, _, renewed = call(vibe, "POST", "/api/auth/refresh", {"refreshToken": stolen})
    assert status == 200
    status, _, renewed = call(vibe, "POST", "/api/auth/refresh", {"refreshToken": renewed["refreshToken"]})
    assert status == 200
    status, headers, problem = call(vibe, "POST", "/api/auth/refresh", {"refreshToken": stolen})
    assert (status, problem["code"]) == (401, "token_reused") and headers["WWW-Authenticate"].startswith("Bearer")
    assert call(vibe, "POST", "/api/auth/refresh", {"refreshToken": renewed["refreshToken"]})[0] == 401


def test_a_lost_answer_to_a_refresh_is_repeated_for_30_seconds(vibe, account):
    sent = {"refreshToken": account["refreshToken"]}
    _, _, lost = call(vibe, "POST", "/api/auth/refresh", sent)
    with concurrent.futures.ThreadPoolExecutor(8) as phones:  # even to several requests at once
        answers = list(phones.map(lambda _: call(vibe, "POST", "/api/auth/refresh", sent), range(8)))
    assert {(status, body["refreshToken"]) for status, _, body in answers} == {(200, lost["refreshToken"])}
    assert call(vibe, "GET", "/api/users/me", token=answers[0][2]["accessToken"])[0] == 200
    sql(vibe, "UPDATE refresh_tokens SET used_at = used_at - interval '31 seconds' WHERE user_id::text = :'id'",
        id=account["user"]["id"])
    status, _, problem = call(vibe, "POST", "/api/auth/refresh", sent)
    assert (status, problem["code"]) == (401, "token_reused")
    assert call(vibe, "POST", "/api/auth/refresh", {"refreshToken": lost["refreshToken"]})[0] == 401


def test_secrets_are_not_logged(vibe, account):
    log = vibe.log()
    for secret in ("correct horse", account["accessToken"], account["refreshToken"]):
        assert secret not in log


def test_errors_are_problem_details_with_a_code(vibe, account):
    cases = [
        (call(vibe, "GET", "/api/nothing"), 404, "not_found"),
        (call(vibe, "DELETE", "/api/health"), 405, "method_not_allowed"),
        (call(vibe, "GET", "/api/users/me"), 401, "token_missing"),
        (call(vibe, "POST", "/api/auth/login", "{"), 400, "invalid_json"),
        (call(vibe, "POST", "/api/auth/login", "[" * 60000), 400, "json_too_deep"),
        (call(vibe, "POST", "/api/auth/login", "{}", headers={"Content-Type": "text/plain"}), 415,
         "unsupported_media_type"),
        (call(vibe, "POST", "/api/auth/login", {"email": 1, "password": "x"}), 422, "validation_failed"),
        (call(vibe, "POST", "/api/auth/login", {"email": "x" * 70000, "password": "x"}), 413, "payload_too_large"),
        (call(vibe, "POST", "/api/auth/register", {"email": account["user"]["email"], "password": "correct horse",
                                                   "name": "x"}), 409, "email_taken"),
    ]
    for (status, headers, problem), expected_status, code in cases:
        assert (status, problem["code"], problem["status"]) == (expected_status, code, expected_status)
        assert headers["Content-Type"] == "application/problem+json"
        assert problem["requestId"] == headers["X-Request-Id"]
        assert problem["detail"]


def test_the_public_profile_has_public_fields_only(vibe, account):
    status, _, body = call(vibe, "GET", f"/api/users/{account['user']['id']}", token=account["accessToken"])
    assert status == 200
    assert set(body["user"]) == {"id", "name", "profilePicture", "profilePictureCdnUrl"}


def test_renaming_keeps_every_character(vibe, account):
    name = "‮ أحمد 李 👩‍👩‍👧 e\u0301"
    status, _, body = call(vibe, "PATCH", "/api/users/me", {"name": name}, token=account["accessToken"])
    assert status == 200 and body["user"]["name"] == name
