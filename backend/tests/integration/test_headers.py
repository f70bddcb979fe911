"""The headers of the API's answers: rate limits, caching, and what browsers may do with an answer."""

import concurrent.futures
import re
import time

import pytest

from helpers.api import call
from helpers.phone import Phone

ORIGIN = "https://app.example.com"
LIMITS = re.compile(r'"address";r=(\d+);t=(\d+)(?:, "user";r=(\d+);t=(\d+))?')


def limits(headers):
    """(tokens that the address has left, tokens that the user has left, or None)"""
    match = LIMITS.fullmatch(headers["RateLimit"])
    return int(match[1]), match[3] and int(match[3])


def test_the_user_limit_holds_across_addresses(serve_factory):
    serve = serve_factory(RATE_LIMIT="1000/2000", USER_RATE_LIMIT="1/6", TRUSTED_PROXIES="127.0.0.1")
    zoe, sam = Phone(serve), Phone(serve)

    def ask(phone, number):
        return call(serve, "GET", "/api/users/me", token=phone.token, headers={"X-Forwarded-For": f"203.0.113.{number}"})

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: ask(zoe, number), range(1, 61)))
    statuses = [status for status, _, _ in answers]
    assert set(statuses) == {200, 429} and 6 <= statuses.count(200) <= 7 + time.monotonic() - started  # one more a second
    _, headers, problem = next(answer for answer in answers if answer[0] == 429)
    assert problem["code"] == "rate_limited" and "user" in problem["detail"] and int(headers["Retry-After"]) >= 1
    assert headers["RateLimit-Policy"] == '"address";q=2000;w=2, "user";q=6;w=6' and limits(headers)[1] == 0
    assert ask(sam, 1)[0] == 200


def test_answers_carry_the_state_of_the_rate_limits(serve_factory):
    serve = serve_factory(RATE_LIMIT="1/50", USER_RATE_LIMIT="1/20")
    phone = Phone(serve)
    first, second = (call(serve, "GET", "/api/users/me", token=phone.token) for _ in range(2))
    assert first[0] == second[0] == 200
    assert limits(first[1])[1] == 19 and limits(second[1])[1] in (18, 19) and limits(second[1])[0] < 50
    assert call(serve, "GET", "/api/users/me")[1]["RateLimit-Policy"] == '"address";q=50;w=50'
    assert call(serve, "GET", "/api/health")[1]["RateLimit"] is None, "health is not limited"


def test_without_a_limit_there_is_no_ratelimit_header(vibe):
    headers = call(vibe, "GET", "/api/nothing")[1]
    assert headers["RateLimit"] is None and headers["RateLimit-Policy"] is None


def test_health_answers_carry_no_extra_headers(vibe):
    names = {name.lower() for name in call(vibe, "GET", "/api/health")[1].keys()}
    assert names == {"connection", "content-length", "content-type", "date", "x-request-id"} - ({"connection"} - names)


@pytest.mark.parametrize("path, status", [("/api/users/me", 401), ("/api/nothing", 404)])
def test_browsers_may_neither_run_nor_frame_answers(vibe, path, status):
    answered, headers, _ = call(vibe, "GET", path)
    assert answered == status
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    assert headers.get_all("Content-Security-Policy") == ["default-src 'none'; frame-ancestors 'none'"]
    assert headers["Strict-Transport-Security"] is None, "this was plain HTTP"


def test_the_docs_page_has_its_own_content_security_policy(vibe):
    policies = call(vibe, "GET", "/api/docs")[1].get_all("Content-Security-Policy")
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policies[0] and "frame-ancestors 'none'" in policies[0]


def test_private_answers_are_not_cached(vibe):
    phone = Phone(vibe)
    for path in ("/api/users/me", f"/api/users/{phone.id}", "/api/users/nobody"):
        assert call(vibe, "GET", path, token=phone.token)[1]["Cache-Control"] == "no-store"


def test_hsts_is_sent_over_tls_only(serve_factory):
    serve = serve_factory(TRUSTED_PROXIES="127.0.0.1")
    over_tls = call(serve, "GET", "/api/health", headers={"X-Forwarded-Proto": "https"})[1]
    assert over_tls["Strict-Transport-Security"] == "max-age=31536000"
    assert call(serve, "GET", "/api/health", headers={"X-Forwarded-Proto": "http"})[1]["Strict-Transport-Security"] is None


def test_cors_lets_configured_origins_do_what_the_app_does(serve_factory):
    serve = serve_factory(CORS_ALLOWED_ORIGINS=f"https://other.example.com,{ORIGIN}", RATE_LIMIT="100/400")
    for method, path in (("PATCH", "/api/users/me"), ("DELETE", "/api/users/me"), ("POST", "/api/upload/profile-picture")):
        status, headers, body = call(serve, "OPTIONS", path, headers={
            "Origin": ORIGIN, "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key"})
        assert (status, body) == (204, b"") and headers["Access-Control-Allow-Origin"] == ORIGIN
        assert method in headers["Access-Control-Allow-Methods"].split(", ")
        assert headers["Access-Control-Allow-Headers"] == "authorization,content-type,idempotency-key"
        assert "Origin" in headers["Vary"]
    exposed = call(serve, "GET", "/api/users/me", headers={"Origin": ORIGIN})[1]["Access-Control-Expose-Headers"]
    assert {"RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"} <= set(exposed.split(", "))
    stranger = call(serve, "OPTIONS", "/api/users/me", headers={
        "Origin": "https://evil.example.com", "Access-Control-Request-Method": "PATCH"})[1]
    assert stranger["Access-Control-Allow-Origin"] is None
