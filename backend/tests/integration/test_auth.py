"""Sessions that are revoked, passwords that are changed or forgotten, throttled guessing, and rotated secrets."""

import concurrent.futures
import re
import time

from helpers import images
from helpers.api import (NEW_PASSWORD, PASSWORD, call, forgot, login, mailed_token, me, new_email, refresh, register, registration,
                         reset, token_of)
from helpers.database import sql
from helpers.phone import Phone
from helpers.waiting import wait_until


# -- sessions --

def test_logout_all_ends_every_session_at_once_and_a_new_login_works(vibe):
    first = register(vibe)
    second = login(vibe, first)[2]
    assert call(vibe, "POST", "/api/auth/logout-all", token=first["accessToken"])[::2] == (204, b"")
    for session in (first, second):
        assert me(vibe, session) == (401, "token_revoked")
        assert refresh(vibe, session) == (401, "token_invalid")
    status, _, third = login(vibe, first)  # within the same second
    assert status == 200 and me(vibe, third) == (200, None)


def test_a_revoked_token_gets_no_upload_ticket(vibe):
    account = register(vibe)
    assert call(vibe, "POST", "/api/auth/logout-all", token=account["accessToken"])[0] == 204
    status, _, body = call(vibe, "POST", "/api/upload/profile-picture",
                           {"contentType": "image/jpeg", "contentLength": 1000}, token=account["accessToken"])
    assert (status, body["code"]) == (401, "token_revoked")


def test_the_token_of_a_deleted_account_is_refused_without_asking_the_database(vibe):
    account = register(vibe)
    assert call(vibe, "DELETE", "/api/users/me", token=account["accessToken"])[0] == 204
    assert me(vibe, account) == (401, "token_revoked")


def test_logout_all_ends_nobody_elses_sessions(vibe):
    one, other = register(vibe), register(vibe)
    assert call(vibe, "POST", "/api/auth/logout-all", token=one["accessToken"])[0] == 204
    assert me(vibe, other) == (200, None) and refresh(vibe, other)[0] == 200


def test_another_copy_learns_of_a_revocation(vibe, serve_factory):
    secret = "shared-by-both-copies-0123456789abcdef"
    here, there = serve_factory(JWT_SECRET=secret), serve_factory(JWT_SECRET=secret)
    account = register(here)
    assert me(there, account) == (200, None)
    assert call(here, "POST", "/api/auth/logout-all", token=account["accessToken"])[0] == 204
    assert me(here, account) == (401, "token_revoked")
    wait_until(lambda: me(there, account) == (401, "token_revoked"), "a refusal by the other copy")
    status, _, session = login(there, account)
    assert status == 200 and me(there, session) == (200, None) and me(here, session) == (200, None)


def test_a_revocation_survives_a_restart(vibe, serve_factory):
    serve = serve_factory()
    account = register(serve)
    assert call(serve, "POST", "/api/auth/logout-all", token=account["accessToken"])[0] == 204
    serve.restart()
    wait_until(lambda: me(serve, account) == (401, "token_revoked"), "a refusal after the restart")


# -- passwords --

def test_changing_the_password_gives_a_new_session_and_ends_the_others(vibe):
    first = register(vibe)
    second = login(vibe, first)[2]
    status, _, changed = call(vibe, "POST", "/api/auth/password",
                              {"currentPassword": PASSWORD, "newPassword": "battery staple 🔋"},
                              token=first["accessToken"])
    assert status == 200 and changed["user"] == first["user"]
    assert me(vibe, changed) == (200, None)  # issued in the same second as the revoked ones
    for session in (first, second):
        assert me(vibe, session) == (401, "token_revoked") and refresh(vibe, session) == (401, "token_invalid")
    assert login(vibe, first)[2]["code"] == "invalid_credentials"
    assert login(vibe, first, "battery staple 🔋")[0] == 200
    assert refresh(vibe, changed)[0] == 200


def test_changing_the_password_needs_the_current_one_and_a_good_new_one(vibe):
    account = register(vibe)
    cases = [({"currentPassword": "wrong horse", "newPassword": NEW_PASSWORD}, 403, "wrong_password"),
             ({"currentPassword": PASSWORD, "newPassword": "short"}, 422, "validation_failed"),
             ({"currentPassword": PASSWORD}, 422, "validation_failed"),
             ({"currentPassword": 5, "newPassword": NEW_PASSWORD}, 422, "validation_failed")]
    for body, status, code in cases:
        answer = call(vibe, "POST", "/api/auth/password", body, token=account["accessToken"])
        assert (answer[0], answer[2]["code"]) == (status, code)
    assert call(vibe, "POST", "/api/auth/password", cases[0][0])[2]["code"] == "token_missing"
    assert me(vibe, account) == (200, None)


def test_a_forgotten_password_is_reset_by_mail_once_and_ends_all_sessions(mailing):
    account = register(mailing)
    token = mailed_token(mailing, account["user"]["email"].upper())
    assert me(mailing, account) == (200, None)  # asking for a mail changes nothing
    assert reset(mailing, token) == (204, None)
    assert me(mailing, account) == (401, "token_revoked") and refresh(mailing, account) == (401, "token_invalid")
    assert reset(mailing, token) == (400, "reset_token_invalid")
    assert login(mailing, account)[0] == 401 and login(mailing, account, NEW_PASSWORD)[0] == 200
    assert token not in mailing.log()


def test_the_mail_is_one_that_mail_programs_read(mailing):
    account = register(mailing)
    count = len(mailing.smtp.mails)
    assert forgot(mailing, account["user"]["email"])[0] == 202
    sender, recipient, message, data = mailing.smtp.wait_for(count + 1)[-1]
    assert (sender, recipient) == ("no-reply@vibe.example", account["user"]["email"])
    assert message["To"].addresses[0].addr_spec == account["user"]["email"]
    assert message["From"].addresses[0].display_name == "Vibe – Konto"
    assert message["Subject"] == "Your new Vibe password" and message.get_content_charset() == "utf-8"
    assert message["Date"].datetime and message["Message-ID"].endswith("@vibe.example>")
    assert not message.defects and max(map(len, data.split(b"\r\n"))) <= 78


def test_a_newer_reset_token_ends_the_older_and_three_an_hour_are_sent(mailing):
    account = register(mailing)
    first, second, third = (mailed_token(mailing, account["user"]["email"]) for _ in range(3))
    assert forgot(mailing, account["user"]["email"])[0] == 202
    other = register(mailing)
    mailed_token(mailing, other["user"]["email"])  # this mail is the next: there was no fourth for the first account
    assert mailing.smtp.mails[-2][1] == account["user"]["email"] and token_of(mailing.smtp.mails[-2]) == third
    assert reset(mailing, first) == reset(mailing, second) == (400, "reset_token_invalid")
    assert reset(mailing, third, "short") == (422, "validation_failed")
    assert reset(mailing, third) == (204, None)


def test_forgot_answers_the_same_for_an_unknown_address(mailing):
    account = register(mailing)
    count = len(mailing.smtp.mails)
    nobody, somebody = forgot(mailing, "nobody@example.com"), forgot(mailing, account["user"]["email"])
    kept = [{name.lower(): value for name, value in answer[1].items() if name.lower() not in ("x-request-id", "date")}
            for answer in (nobody, somebody)]
    assert (nobody[0], nobody[2], kept[0]) == (somebody[0], somebody[2], kept[1])
    assert {mail[1] for mail in mailing.smtp.wait_for(count + 1)[count:]} == {account["user"]["email"]}


def test_an_address_injects_no_mail_header(mailing):
    for address in ("a@example.com\r\nBcc: victim@example.com", "a@example.com\nx", "a b@example.com", "<a@example.com>"):
        status, _, body = forgot(mailing, address)
        assert (status, body["code"]) == (422, "validation_failed"), address


def test_a_deferred_mail_is_retried(mailing):
    account = register(mailing)
    mailing.smtp.refuse = 1
    assert mailed_token(mailing, account["user"]["email"])
    assert mailing.smtp.refuse == 0


def test_reset_tokens_are_not_stored(mailing):
    account = register(mailing)
    token = mailed_token(mailing, account["user"]["email"])
    rows = sql(mailing, "SELECT * FROM password_resets WHERE user_id::text = :'id'", id=account["user"]["id"])
    assert len(rows) == 1 and token not in str(rows)


def test_a_malformed_reset_token_is_refused(vibe):
    for token in ("", "x", "A" * 43, "🌸"):
        assert reset(vibe, token) == (400, "reset_token_invalid")
    assert call(vibe, "POST", "/api/auth/password/reset", {"newPassword": NEW_PASSWORD})[0] == 422


def test_serve_without_mail_settings_is_a_503(vibe, serve_factory):
    status, _, body = forgot(serve_factory(), "anna@example.com")
    assert (status, body["code"]) == (503, "mail_not_configured")


def test_vibe_up_logs_the_reset_link(vibe):
    account = register(vibe)
    assert forgot(vibe, account["user"]["email"])[0] == 202
    token = wait_until(lambda: re.findall(r"vibe://reset-password\?token=([\w-]{43})", vibe.log()), "the link in the log")[-1]
    assert reset(vibe, token) == (204, None) and login(vibe, account, NEW_PASSWORD)[0] == 200


# -- guessing --

def test_an_account_is_throttled_after_ten_wrong_passwords_and_its_sessions_go_on(serve_factory):
    serve = serve_factory()
    account = register(serve)
    assert [login(serve, account, "wrong horse")[0] for _ in range(10)] == [401] * 10
    status, headers, body = login(serve, account)  # even with the right one
    assert (status, body["code"]) == (429, "login_throttled") and 1 <= int(headers["Retry-After"]) <= 60
    assert me(serve, account) == (200, None) and refresh(serve, account)[0] == 200
    status, _, changed = call(serve, "POST", "/api/auth/password",
                              {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD},
                              token=account["accessToken"])
    assert status == 200
    assert login(serve, register(serve))[0] == 200


def test_an_unknown_address_is_throttled_the_same(serve_factory):
    serve = serve_factory()
    nobody = {"user": {"email": new_email()}}
    answers = [login(serve, nobody)[::2] for _ in range(11)]
    assert [status for status, _ in answers] == [401] * 10 + [429]
    assert answers[0][1]["code"] == "invalid_credentials" and answers[10][1]["code"] == "login_throttled"


def test_the_right_password_resets_the_count(serve_factory):
    serve = serve_factory()
    account = register(serve)
    for _ in range(3):
        assert [login(serve, account, "wrong horse")[0] for _ in range(6)] == [401] * 6
        assert login(serve, account)[0] == 200


def test_sign_ups_from_one_address_are_throttled(serve_factory):
    serve = serve_factory(RATE_LIMIT="1000/4000", TRUSTED_PROXIES="127.0.0.1")

    def sign_up(client):
        status, headers, body = call(serve, "POST", "/api/auth/register", registration(), headers={"X-Forwarded-For": client})
        return status, body.get("code"), headers["Retry-After"]

    started = time.monotonic()
    # The server computes two hashes at once: with twice as many requests none waits long enough to be answered 503.
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(sign_up, ["203.0.113.7"] * 110))
    refused = [answer for answer in answers if answer[0] != 201]
    more = 1 + (time.monotonic() - started) // 30  # the bucket gains one token every half minute
    assert refused and 100 <= answers.count((201, None, None)) <= 100 + more
    assert {answer[:2] for answer in refused} == {(429, "sign_up_throttled")}
    assert all(1 <= int(retry_after) <= 30 for *_, retry_after in refused)
    assert sign_up("203.0.113.8") == (201, None, None)


# -- rotation --

def test_signatures_of_a_previous_secret_are_valid_until_it_is_removed(vibe, serve_factory):
    old, new = "the-old-secret-0123456789abcdef0123", "the-new-secret-0123456789abcdef0123"
    before = serve_factory(JWT_SECRET=old)
    phone = Phone(before)
    ticket = phone.stage("profile-picture", images.jpeg(64, 48))
    during, after = serve_factory(JWT_SECRET=new, JWT_SECRET_PREVIOUS=f"{'x' * 32}, {old}"), serve_factory(JWT_SECRET=new)
    assert me(during, phone.session) == (200, None) and me(after, phone.session) == (401, "token_invalid")
    phone.vibe = during
    status, body = phone.complete(ticket)
    assert status == 200 and body["media"]["key"].startswith("profile-pictures/")
    renewed = register(during)
    assert me(after, renewed) == (200, None) and me(before, renewed) == (401, "token_invalid")


def test_malformed_settings_are_named_together(vibe, serve_factory):
    serve = serve_factory(start=False, JWT_SECRET_PREVIOUS="short", SMTP_URL="http://mail", MAIL_FROM="a\nb@example.com",
                          PASSWORD_RESET_URL="https://app.example.com/")
    done = serve.start_and_fail()
    assert done.returncode == 1
    assert all(name in done.stderr for name in ("JWT_SECRET_PREVIOUS", "SMTP_URL", "MAIL_FROM", "PASSWORD_RESET_URL"))
