"""A client of the API, as the benchmark's clients are one: requests, an account, the three steps of an upload."""

import json
import time
import urllib.request


def fetch(url, body=None, token=None, method=None, headers=None, timeout_s=120):
    """The body of the answer. A body that is not bytes goes as JSON. An answer that is no success raises HTTPError."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, body, headers, method=method or ("GET" if body is None else "POST"))
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        return answer.read()


def register(api, name):
    """A new account: its access token."""
    account = {"email": f"{name}@example.com", "password": "correct horse 42", "name": name}
    return json.loads(fetch(api + "/api/auth/register", account))["accessToken"]


def upload(api, token, data, content_type):
    """Uploads a profile picture as a phone does: how long `complete` took, in ms."""
    ticket = json.loads(fetch(api + "/api/upload/profile-picture", {"contentType": content_type, "contentLength": len(data)}, token))
    fetch(ticket["url"], data, method="PUT", headers=ticket["headers"])
    started = time.monotonic()
    fetch(f"{api}/api/upload/{ticket['uploadId']}/complete", {"key": ticket["key"]}, token)
    return (time.monotonic() - started) * 1000
