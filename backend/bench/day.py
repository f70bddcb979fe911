"""A mixed day of many people, at ten times its real rate, against a `vibe serve` that has a quarter of one processor.

The load is an open system: arrivals do not wait for earlier answers. A latency counts from the moment when the request was
due, so that a stall shows in every request that it delays."""

import base64
import concurrent.futures
import hmac
import http.client
import json
import random
import threading
import time
import urllib.parse

import media

USERS = 1000
REQUESTS_A_DAY = 500  # of one active user: some fifteen looks at the feed, with the requests that follow
SPEED = 10
RATE = USERS * REQUESTS_A_DAY / 86400 * SPEED  # requests a second, of all users
MIX = {"feed": 70, "picture": 14, "ticket": 8, "complete": 4, "join": 4}
IN_FLIGHT_MAX = 64
JPEG = media.encoded(media.landscape((640, 480)), format="JPEG", quality=80)  # as an app sends an avatar


class Refused(Exception):
    """An answer that a user would notice: an error, or a page that is too short."""


class Client(threading.local):
    """Keep-alive connections of one thread."""

    def __init__(self):
        self.connections = {}

    def call(self, method, url, body=None, headers=None, expected=(200, 201)):
        parts = urllib.parse.urlsplit(url)
        connection = self.connections.get(parts.netloc)
        if not connection:
            connection = self.connections[parts.netloc] = http.client.HTTPConnection(parts.netloc, timeout=20)
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status not in expected:
            raise Refused(f"{method} {parts.path}: {answer.status} {data[:200]!r}")
        return data


class Day:
    def __init__(self, api, cdn, tokens, activities, picture):
        self.api, self.cdn, self.tokens, self.activities, self.picture = api, cdn, tokens, activities, picture
        self.client, self.random = Client(), random.Random(7)

    def call(self, method, path, token, body=None):
        headers = {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = self.client.call(method, self.api + path, None if body is None else json.dumps(body), headers)
        return json.loads(data)

    def feed(self, token):
        if len(self.call("GET", "/api/activities", token)["activities"]) != 20:
            raise Refused("the feed is short")

    def load_picture(self, _):
        self.client.call("GET", f"{self.cdn}/{self.picture}")

    def ticket(self, token):
        return self.call("POST", "/api/upload/profile-picture", token, {"contentType": "image/jpeg", "contentLength": len(JPEG)})

    def complete(self, token):
        ticket = self.ticket(token)
        self.client.call("PUT", ticket["url"], JPEG, ticket["headers"])
        self.call("POST", f"/api/upload/{ticket['uploadId']}/complete", token, {"key": ticket["key"]})

    def join(self, token):
        self.call("POST", f"/api/activities/{self.random.choice(self.activities)}/join", token, {})

    def act(self, kind, due):
        """One user does one thing: its latency in ms, counted from when it was due."""
        action = {"feed": self.feed, "picture": self.load_picture, "ticket": self.ticket, "complete": self.complete,
                  "join": self.join}[kind]
        action(self.random.choice(self.tokens))
        return (time.monotonic() - due) * 1000

    def run(self, seconds):
        """The latencies in ms, ascending. Raises Refused if any request failed."""
        with concurrent.futures.ThreadPoolExecutor(IN_FLIGHT_MAX) as pool:
            due, end, results = time.monotonic(), time.monotonic() + seconds, []
            while (due := due + self.random.expovariate(RATE)) < end:
                time.sleep(max(0, due - time.monotonic()))
                kind = self.random.choices(list(MIX), MIX.values())[0]
                results.append(pool.submit(self.act, kind, due))
            return sorted(result.result() for result in results)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tokens(user_ids, secret):
    """Access tokens as vibe signs them (api/auth/jwt.h): a thousand logins would take longer than the day."""
    kid = hmac.digest(secret.encode(), b"vibe jwt kid", "sha256")[:8].hex()
    header = base64url(json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode())
    now = int(time.time())

    def token(user_id):
        claims = {"sub": user_id, "iat": now, "exp": now + 900, "iss": "vibe"}
        text = f"{header}.{base64url(json.dumps(claims).encode())}"
        return f"{text}.{base64url(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"

    return [token(user_id) for user_id in user_ids]
