"""Retries after serialization failures and deadlocks: the whole transaction runs again, takes effect once, and the client sees
a 503 only if all attempts fail.

A trigger fails the first attempts with the two error codes in turn. It counts with a sequence, which no rollback undoes.
"""

import contextlib
import uuid

import pytest

from helpers import images
from helpers.api import NEW_PASSWORD, PASSWORD, call, forgot, login, mailed_token, me, new_email, refresh, register, registration
from helpers.apple import claims, sign_in, token
from helpers.database import count, sql
from helpers.phone import Phone

ATTEMPTS = 5  # as in db/transaction.c
FOR_EVER = 1000000

REFUSE = """
CREATE SEQUENCE refused;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    n = nextval('refused');
    IF n <= {times} THEN
        RAISE EXCEPTION 'as told' USING ERRCODE = CASE n % 2 WHEN 1 THEN '40001' ELSE '40P01' END;
    END IF;
    RETURN NEW;
END $$;
"""
TRIGGERS = {
    "at the statement": "CREATE TRIGGER refuse BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()",
    "at the commit": "CREATE CONSTRAINT TRIGGER refuse AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED "
                     "FOR EACH ROW EXECUTE FUNCTION refuse()",
}


@contextlib.contextmanager
def refusing(vibe, table, event, when, times):
    """The database fails so many times. Yields a function that returns the number of attempts."""
    sql(vibe, REFUSE.format(times=times) + TRIGGERS[when].format(table=table, event=event))
    try:
        yield lambda: int(sql(vibe, "SELECT last_value FROM refused")[0][0])
    finally:
        sql(vibe, f"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse(); DROP SEQUENCE refused")


def tokens(vibe, account, condition="true"):
    return count(vibe, f"refresh_tokens WHERE user_id::text = :'id' AND {condition}", id=account["user"]["id"])


# -- requests: each function returns the request, and the check of its effect --

def registering(vibe, _):
    email = new_email()

    def done(body):
        assert count(vibe, "users WHERE email = :'email'", email=email) == 1
        assert tokens(vibe, body) == 1 and me(vibe, body) == (200, None) and refresh(vibe, body) == (200, None)

    return lambda: call(vibe, "POST", "/api/auth/register", registration(email)), done


def logging_in(vibe, _):
    account = register(vibe)

    def done(body):
        assert tokens(vibe, account) == 2 and me(vibe, body) == (200, None) and refresh(vibe, body) == (200, None)

    return lambda: login(vibe, account), done


def refreshing(vibe, _):
    account = register(vibe)

    def done(body):
        assert tokens(vibe, account) == 2 and tokens(vibe, account, "used_at IS NOT NULL") == 1
        assert body["user"] == account["user"] and me(vibe, body) == (200, None) and refresh(vibe, body) == (200, None)

    return lambda: call(vibe, "POST", "/api/auth/refresh", {"refreshToken": account["refreshToken"]}), done


def refreshing_with_a_used_token(vibe, _):
    account = register(vibe)
    newer = call(vibe, "POST", "/api/auth/refresh", {"refreshToken": account["refreshToken"]})[2]
    sql(vibe, "UPDATE refresh_tokens SET used_at = used_at - interval '1 hour' WHERE user_id::text = :'id'", id=account["user"]["id"])

    def done(body):
        assert body["code"] == "token_reused"
        assert tokens(vibe, account) == tokens(vibe, account, "revoked_at IS NOT NULL") == 2
        assert refresh(vibe, newer) == (401, "token_invalid")

    return lambda: call(vibe, "POST", "/api/auth/refresh", {"refreshToken": account["refreshToken"]}), done


def logging_out_everywhere(vibe, _):
    account = register(vibe)

    def done(_):
        assert me(vibe, account) == (401, "token_revoked") and refresh(vibe, account) == (401, "token_invalid")

    return lambda: call(vibe, "POST", "/api/auth/logout-all", token=account["accessToken"]), done


def changing_the_password(vibe, _):
    account = register(vibe)

    def done(body):
        assert tokens(vibe, account) == 2 and me(vibe, body) == (200, None) and refresh(vibe, body) == (200, None)
        assert me(vibe, account) == (401, "token_revoked")
        assert login(vibe, account)[0] == 401 and login(vibe, account, NEW_PASSWORD)[0] == 200

    return lambda: call(vibe, "POST", "/api/auth/password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD},
                        token=account["accessToken"]), done


def resetting_the_password(vibe, _):
    account = register(vibe)
    mailed = mailed_token(vibe, account["user"]["email"])

    def done(_):
        assert me(vibe, account) == (401, "token_revoked") and login(vibe, account, NEW_PASSWORD)[0] == 200
        assert count(vibe, "password_resets WHERE user_id::text = :'id' AND ended_at IS NULL", id=account["user"]["id"]) == 0

    return lambda: call(vibe, "POST", "/api/auth/password/reset", {"token": mailed, "newPassword": NEW_PASSWORD}), done


def arriving_from_apple(vibe, key):
    claimed = claims(email=new_email(), email_verified=True)

    def done(body):
        assert count(vibe, "users WHERE apple_sub = :'sub'", sub=claimed["sub"]) == 1
        assert tokens(vibe, body) == 1 and me(vibe, body) == (200, None) and refresh(vibe, body) == (200, None)

    return lambda: sign_in(vibe, token(key, claimed), name="Zoë 🌸"), done


def returning_from_apple(vibe, key):
    claimed = claims()
    account = sign_in(vibe, token(key, claimed))[2]

    def done(body):
        assert body["user"] == account["user"] and tokens(vibe, account) == 2 and refresh(vibe, body) == (200, None)

    return lambda: sign_in(vibe, token(key, claimed)), done


def completing_an_upload(vibe, _):
    phone = Phone(vibe)
    ticket = phone.stage("profile-picture", images.jpeg(64, 48))

    def done(body):
        assert phone.me()["profilePictureCdnUrl"] == body["media"]["cdnUrl"]
        assert sql(vibe, "SELECT key, status FROM media WHERE user_id::text = :'id'", id=phone.id) == \
            [[body["media"]["key"], "ready"]]
        assert len(phone.keys("profile-pictures")) == 1 and phone.keys("user-uploads") == []

    return lambda: phone.answer_to_complete(ticket), done


def planning(vibe, _):
    account, key = register(vibe), str(uuid.uuid4())

    def ask():
        return call(vibe, "POST", "/api/activities", {"title": "Swim", "startsAt": "2099-01-01T10:00:00Z"},
                    token=account["accessToken"], headers={"Idempotency-Key": key})

    def done(body):
        assert count(vibe, "activities WHERE user_id::text = :'id'", id=account["user"]["id"]) == 1
        status, headers, again = ask()
        assert (status, headers["Idempotency-Replayed"], again) == (201, "true", body)

    return ask, done


def telling_a_story(vibe, _):
    account = register(vibe)

    def done(body):
        assert sql(vibe, "SELECT id FROM vibe_stories WHERE user_id::text = :'id'", id=account["user"]["id"]) == \
            [[body["story"]["id"]]]

    return lambda: call(vibe, "POST", "/api/stories", {"caption": "Zoë 🌸"}, token=account["accessToken"]), done


CASES = {  # name: (request, table and event at which it fails, status in the end)
    "register": (registering, "refresh_tokens", "INSERT", 201),
    "login": (logging_in, "refresh_tokens", "INSERT", 200),
    "refresh": (refreshing, "refresh_tokens", "INSERT", 200),
    "refresh, reused": (refreshing_with_a_used_token, "refresh_tokens", "UPDATE", 401),
    "logout-all": (logging_out_everywhere, "access_revocations", "INSERT", 204),
    "change password": (changing_the_password, "refresh_tokens", "INSERT", 200),
    "reset password": (resetting_the_password, "access_revocations", "INSERT", 204),
    "Apple, first": (arriving_from_apple, "refresh_tokens", "INSERT", 201),
    "Apple, again": (returning_from_apple, "refresh_tokens", "INSERT", 200),
    "activity, key": (planning, "idempotency_keys", "INSERT", 201),
    "activity, answer": (planning, "idempotency_keys", "UPDATE", 201),
    "story": (telling_a_story, "vibe_stories", "INSERT", 201),
    "upload, reserved": (completing_an_upload, "media", "INSERT", 200),
    "upload, published": (completing_an_upload, "users", "UPDATE", 200),
}


@pytest.mark.parametrize("when", TRIGGERS)
@pytest.mark.parametrize("name", CASES)
def test_a_transaction_retried_four_times_takes_effect_once(apple, apple_key, name, when):
    make, table, event, expected = CASES[name]
    ask, done = make(apple, apple_key)
    with refusing(apple, table, event, when, ATTEMPTS - 1) as asked:
        status, _, body = ask()
        assert asked() >= ATTEMPTS, "there were fewer attempts than failures"
    assert status == expected, body
    done(body)


@pytest.mark.parametrize("name", CASES)
def test_a_transaction_that_always_fails_is_a_503_and_works_afterwards(apple, apple_key, name):
    make, table, event, expected = CASES[name]
    ask, done = make(apple, apple_key)
    with refusing(apple, table, event, "at the commit", FOR_EVER) as asked:
        status, headers, body = ask()
        assert asked() == ATTEMPTS
    assert (status, body["code"], headers["Retry-After"]) == (503, "database_unavailable", "1")
    status, _, body = ask()
    assert status == expected, body
    done(body)


@pytest.mark.parametrize("when", TRIGGERS)
def test_a_retried_reset_makes_one_token_and_sends_one_mail(apple, when):
    account = register(apple)
    before = len(apple.smtp.mails)
    with refusing(apple, "password_resets", "INSERT", when, ATTEMPTS - 1):
        assert forgot(apple, account["user"]["email"])[0] == 202
        mails = apple.smtp.wait_for(before + 1)[before:]
    assert [mail[1] for mail in mails] == [account["user"]["email"]]
    assert count(apple, "password_resets WHERE user_id::text = :'id'", id=account["user"]["id"]) == 1
