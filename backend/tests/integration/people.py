"""Somebody with the app: an account of its own on an instance, and its calls of the API."""

import json
import subprocess
import urllib.parse
import uuid


class Person:
    def __init__(self, vibe, name="Zoë 🌸"):
        self.vibe = vibe
        status, body = self.call("POST", "/api/auth/register", {
            "email": f"{uuid.uuid4()}@example.com", "password": "correct horse", "name": name})
        assert status == 201, body
        self.id, self.token = body["user"]["id"], body["accessToken"]

    def call(self, method, path, body=None, **query):
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if query:
            path += "?" + urllib.parse.urlencode(query)
        status, _, text = self.vibe.request(method, path, None if body is None else json.dumps(body), headers)
        return status, json.loads(text) if text else None

    def get(self, path, **query):
        status, body = self.call("GET", path, **query)
        assert status == 200, body
        return body

    def plan(self, title="Swim", **fields):
        status, body = self.call("POST", "/api/activities", {"title": title, "startsAt": "2099-01-01T10:00:00Z"} | fields)
        assert status == 201, body
        return body["activity"]

    def pages(self, path, name, **query):
        """All rows of a list, page by page."""
        rows, cursor = [], {}
        while True:
            body = self.get(path, **query, **cursor)
            rows += body[name]
            if body["nextCursor"] is None:
                return rows
            cursor = {"cursor": body["nextCursor"]}


def sql(vibe, statement, **variables):
    """Rows of a statement as lists of text; :'name' in it is a variable, quoted by psql."""
    options = [f"--set={name}={value}" for name, value in variables.items()]
    out = subprocess.run(["psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1", *options, vibe.database_url],
                         input=statement, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return [line.split("\t") for line in out.stdout.splitlines()]
