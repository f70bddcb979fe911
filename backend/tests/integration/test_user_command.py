"""`vibe user`: what an operator does with accounts."""

import json
import re
import uuid

import pytest

from helpers import images
from helpers.api import NEW_PASSWORD, PASSWORD, call, login, me, refresh, register, reset
from helpers.phone import Phone
from helpers.program import run_vibe
from helpers.waiting import wait_until


def user(vibe, *arguments, cwd="/", **environment):
    return run_vibe("user", *arguments, cwd=cwd, environment={"DATABASE_URL": vibe.database_url} | environment)


def test_a_disabled_account_is_locked_out_until_it_is_enabled(vibe):
    account = register(vibe)
    done = user(vibe, "disable", account["user"]["email"].upper())
    assert done.returncode == 0 and account["user"]["id"] in done.stdout, done.stderr
    wait_until(lambda: me(vibe, account) == (401, "token_revoked"), "a refusal of the access token")
    assert refresh(vibe, account) == (401, "account_disabled")
    status, _, body = login(vibe, account)
    assert (status, body["code"]) == (403, "account_disabled")
    assert login(vibe, account, "wrong horse")[2]["code"] == "invalid_credentials"  # a stranger does not learn that the account is disabled
    assert user(vibe, "enable", account["user"]["id"]).returncode == 0
    status, _, session = login(vibe, account)
    assert status == 200 and me(vibe, session) == (200, None)


def test_a_disabled_account_gets_no_mail_and_no_reset(vibe):
    account = register(vibe)
    token = user(vibe, "reset", account["user"]["id"], PASSWORD_RESET_URL="app://r/{token}/x").stdout
    token = re.search(r"app://r/([\w-]{43})/x\n", token)[1]
    assert user(vibe, "disable", account["user"]["id"]).returncode == 0
    assert reset(vibe, token) == (400, "reset_token_invalid")
    done = user(vibe, "reset", account["user"]["id"])
    assert done.returncode == 1 and "disabled" in done.stderr


def test_reset_prints_a_token_that_works_once(vibe):
    account = register(vibe)
    done = user(vibe, "reset", account["user"]["email"])
    token = re.search(r"^  ([\w-]{43})$", done.stdout, re.M)[1]
    assert reset(vibe, token) == (204, None) and reset(vibe, token) == (400, "reset_token_invalid")
    assert me(vibe, account) == (401, "token_revoked")
    assert login(vibe, account)[0] == 401 and login(vibe, account, NEW_PASSWORD)[0] == 200


def test_list_finds_by_id_address_and_name(vibe):
    account = register(vibe)
    name = f"Zoë {uuid.uuid4()} 🌸 مرحبا"
    assert call(vibe, "PATCH", "/api/users/me", {"name": name}, token=account["accessToken"])[0] == 200
    for text in (account["user"]["id"], account["user"]["email"].upper(), name[4:30]):
        lines = user(vibe, "list", "--search", text).stdout.splitlines()
        assert len(lines) == 2 and account["user"]["id"] in lines[1] and name in lines[1]
    assert user(vibe, "list", "--search", "%" + name).stdout == "no users match\n"
    assert account["user"]["id"] in user(vibe, "list").stdout


def test_export_is_everything_of_one_person_without_secrets(vibe, tmp_path):
    phone, other = Phone(vibe), register(vibe)
    phone.send("profile-picture", images.jpeg(64, 48))
    done = user(vibe, "export", phone.id, "-o", tmp_path / "person.json")
    assert done.returncode == 0 and "wrote" in done.stdout, done.stderr
    assert (tmp_path / "person.json").stat().st_mode & 0o777 == 0o600
    text = (tmp_path / "person.json").read_text()
    document = json.loads(text)
    profile = document["profile"]
    assert profile["id"] == phone.id and profile["name"] == "Zoë 🌸" and "password_hash" not in profile
    assert len(document["media"]) == 1 and document["media"][0]["user_id"] == phone.id
    assert len(document["sessions"]) == 1 and "token_hash" not in document["sessions"][0]
    assert document["stories"] == document["activities"] == document["passwordResets"] == []
    assert other["user"]["id"] not in text and "argon2" not in text
    assert json.loads(user(vibe, "export", profile["email"]).stdout) == document


@pytest.mark.parametrize("arguments, word", [
    ([], "followed by"), (["delete", "x"], "followed by"), (["disable"], "which user"), (["list", "x"], "unexpected argument"),
    (["disable", "nobody@example.com"], "no user"), (["export", "🌸"], "no user"), (["enable", ""], "no user"),
    (["disable", "x", "-o", "y"], "an option of export"), (["export", "x", "-z"], "unknown option"), (["export", "x", "-o"], "needs a value")])
def test_wrong_usage_is_one_sentence_and_status_2(vibe, arguments, word):
    done = user(vibe, *arguments)
    assert done.returncode == 2 and word in done.stderr and done.stderr.startswith("vibe: ") and done.stdout == ""


def test_a_file_that_cannot_be_written_is_named(vibe):
    account = register(vibe)
    done = user(vibe, "export", account["user"]["id"], "-o", "/nonexistent/person.json")
    assert done.returncode == 1 and "/nonexistent" in done.stderr and "no user" not in done.stderr


def test_a_malformed_database_url_is_wrong_usage(vibe):
    done = user(vibe, "list", "--database", "nonsense")
    assert done.returncode == 2 and "postgresql://" in done.stderr


def test_without_a_database_it_says_what_to_set(vibe):
    done = user(vibe, "list", DATABASE_URL=None)
    assert done.returncode == 2 and "DATABASE_URL" in done.stderr and "vibe up" in done.stderr


def test_the_vibe_up_of_the_folder_is_used_unless_the_environment_names_another(vibe, tmp_path):
    account = register(vibe)
    (tmp_path / ".vibe").symlink_to(vibe.data_dir)
    done = user(vibe, "list", "--search", account["user"]["id"], cwd=tmp_path, DATABASE_URL=None)
    assert done.returncode == 0 and account["user"]["email"] in done.stdout, done.stderr
    done = user(vibe, "list", cwd=tmp_path, DATABASE_URL=None, S3_BUCKET_NAME="of-production")
    assert done.returncode == 2 and "DATABASE_URL" in done.stderr
    done = user(vibe, "list", cwd=tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1 and "127.0.0.1" in done.stderr
    status = run_vibe("db", "status", cwd=tmp_path)
    assert status.returncode == 0 and "0001     app_tables" in status.stdout, status.stderr


def test_a_copy_that_missed_the_revocation_gives_a_disabled_account_no_session(vibe):
    account = register(vibe)
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert user(vibe, "disable", account["user"]["id"]).returncode == 0
    status, _, body = call(vibe, "POST", "/api/auth/password", change, token=account["accessToken"])
    assert status == 401 and body["code"] in ("account_disabled", "token_revoked")
