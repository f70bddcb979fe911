"""The API over HTTP: one request, and what a client does with its session. A session is the answer to a registration or a
login: {"user": …, "accessToken": …, "refreshToken": …}."""

import base64
import json
import re
import uuid

PASSWORD = "correct horse"
NEW_PASSWORD = "battery staple"


def call(vibe, method, path, body=None, token=None, headers=None, **options):
    """One request: (status, headers, body). A body that is not text or bytes is sent as JSON, and JSON comes back decoded."""
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
        body = body if isinstance(body, (str, bytes)) else json.dumps(body)
    status, answered, text = vibe.request(method, path, body, headers, **options)
    return status, answered, json.loads(text) if text[:1] == b"{" else text


def status_and_code(answer):
    """(status, code) of an answer that call() or a Phone returns; the code is None if the answer is no problem."""
    body = answer[-1]
    return answer[0], body.get("code") if isinstance(body, dict) else None


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# -- accounts and sessions --

def new_email():
    return f"{uuid.uuid4()}@example.com"


def registration(email=None, password=PASSWORD, name="Zoë 🌸"):
    """The body of a registration, by default of an address that nobody has yet."""
    return {"email": email or new_email(), "password": password, "name": name}


def register(vibe, **fields):
    status, _, session = call(vibe, "POST", "/api/auth/register", registration(**fields))
    assert status == 201, session
    return session


def login(vibe, account, password=PASSWORD):
    return call(vibe, "POST", "/api/auth/login", {"email": account["user"]["email"], "password": password})


def me(vibe, session):
    """(status, code) of a request with the session's access token."""
    return status_and_code(call(vibe, "GET", "/api/users/me", token=session["accessToken"]))


def refresh(vibe, session):
    return status_and_code(call(vibe, "POST", "/api/auth/refresh", {"refreshToken": session["refreshToken"]}))


# -- forgotten passwords --

def forgot(vibe, email):
    return call(vibe, "POST", "/api/auth/password/forgot", {"email": email})


def reset(vibe, token, password=NEW_PASSWORD):
    return status_and_code(call(vibe, "POST", "/api/auth/password/reset", {"token": token, "newPassword": password}))


def token_of(mail):
    """The token in the link of a mail that SmtpServer took."""
    return re.search(r"https://app\.example\.com/reset\?token=([\w-]{43})&lang=de\s", mail[2].get_content())[1]


def mailed_token(vibe, email):
    """Asks for a new password; the token in the mail that comes. vibe.smtp is its mail server."""
    count = len(vibe.smtp.mails)
    assert forgot(vibe, email)[::2] == (202, b"")
    return token_of(vibe.smtp.wait_for(count + 1)[-1])
