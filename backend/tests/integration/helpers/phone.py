"""One phone: somebody with the app, with an account of its own on an instance, and what the app does."""

import base64
import hashlib
import urllib.parse
import uuid

from helpers import s3
from helpers.api import call, register
from helpers.database import sql


def sha256_base64(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def upload_uuid(ticket):
    """The UUID of the upload, as the database has it."""
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(ticket["uploadId"])[:16]))


class Phone:
    """Registers at once. `kind` is the last word of the route that gives the ticket: profile-picture, activity-image or
    story-media. call(), ask(), complete() and cancel() return (status, body); ticket(), stage() and send() must succeed."""

    def __init__(self, vibe, name="Zoë 🌸"):
        self.vibe, self.session = vibe, register(vibe, name=name)
        self.id, self.token = self.session["user"]["id"], self.session["accessToken"]
        self.email = self.session["user"]["email"]

    # -- the API --

    def ask_api(self, method, path, body=None, headers=None, **options):
        """One request with the access token: (status, headers, body)."""
        return call(self.vibe, method, path, body, self.token, headers, **options)

    def call(self, method, path, body=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        status, _, answer = self.ask_api(method, path, body)
        return status, answer or None

    def get(self, path, **query):
        status, body = self.call("GET", path, **query)
        assert status == 200, body
        return body

    def pages(self, path, name, **query):
        """All rows of a list, page by page."""
        rows, cursor = [], {}
        while True:
            body = self.get(path, **query, **cursor)
            rows += body[name]
            if body["nextCursor"] is None:
                return rows
            cursor = {"cursor": body["nextCursor"]}

    def me(self):
        return self.get("/api/users/me")["user"]

    def plan(self, title="Swim", **fields):
        """A new activity."""
        status, body = self.call("POST", "/api/activities", {"title": title, "startsAt": "2099-01-01T10:00:00Z"} | fields)
        assert status == 201, body
        return body["activity"]

    # -- an upload --

    def ask(self, kind, data, content_type="image/jpeg", **more):
        return self.call("POST", f"/api/upload/{kind}", {"contentType": content_type, "contentLength": len(data), **more})

    def ticket(self, kind, data, content_type="image/jpeg", **more):
        status, ticket = self.ask(kind, data, content_type, **more)
        assert status == 201, ticket
        return ticket

    def put(self, ticket, data, **changed):
        """PUTs the file with the ticket's headers: (status, body). changed: headers to replace, or None to leave one out."""
        headers = {name.lower(): value for name, value in ticket["headers"].items()}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        headers = {name: value for name, value in headers.items() if value is not None}
        status, _, body = self.vibe.request(ticket["method"], ticket["url"], data, headers)
        return status, body

    def stage(self, kind, data, content_type="image/jpeg", **more):
        """Asks for a ticket and PUTs the file: the ticket."""
        ticket = self.ticket(kind, data, content_type, **more)
        status, body = self.put(ticket, data)
        assert status == 200, body
        return ticket

    def complete(self, ticket, key=None, **options):
        status, _, body = self.answer_to_complete(ticket, key, **options)
        return status, body

    def answer_to_complete(self, ticket, key=None, **options):
        """(status, headers, body)"""
        return self.ask_api("POST", f"/api/upload/{ticket['uploadId']}/complete", {"key": key or ticket["key"]}, **options)

    def upload(self, kind, data, content_type="image/jpeg", **more):
        """All three steps: (status, body) of the last."""
        return self.complete(self.stage(kind, data, content_type, **more))

    def send(self, kind, data, content_type="image/jpeg", **more):
        """All three steps: the media."""
        status, body = self.upload(kind, data, content_type, **more)
        assert status == 200, body
        return body["media"]

    def cancel(self, ticket, key=None):
        return self.call("POST", f"/api/upload/{ticket['uploadId']}/cancel", {"key": key or ticket["key"]})

    def progress(self, ticket, **changed):
        """The status of an upload: (status, body)."""
        named = ticket | changed
        return self.call("GET", f"/api/upload/{named['uploadId']}", key=named["key"])

    # -- an upload in parts --

    def begin(self, data, **more):
        """A ticket for a video in parts. It carries the checksum, so that what is published has all bytes of this file."""
        return self.ticket("story-media", data, "video/mp4", **{"checksumSha256": sha256_base64(data)} | more)

    def send_part(self, part, data, **headers):
        """PUTs one part of the file: (status, text)."""
        body = data[part["offset"]:part["offset"] + part["length"]]
        status, _, text = self.vibe.request("PUT", part["url"], body, headers)
        return status, text.decode()

    def send_parts(self, parts, data):
        for part in parts:
            status, text = self.send_part(part, data)
            assert status == 200, text

    def begin_and_send(self, data, **more):
        """A ticket, all of whose parts have arrived."""
        ticket = self.begin(data, **more)
        self.send_parts(ticket["multipart"]["parts"], data)
        return ticket

    def resume(self, ticket, data):
        """Asks which parts are missing and sends them: the answer."""
        status, progress = self.progress(ticket)
        assert status == 200, progress
        self.send_parts(progress["multipart"]["missing"], data)
        return progress

    # -- what there is of it --

    def keys(self, prefix):
        """The keys of this user's objects under profile-pictures or user-uploads."""
        return s3.keys(self.vibe, f"{prefix}/{self.id}/")

    def begun(self):
        """The multipart uploads in progress of this user."""
        listed = self.vibe.s3().list_multipart_uploads(Bucket=self.vibe.bucket, Prefix=f"user-uploads/{self.id}/")
        return listed.get("Uploads", [])

    def new_activity(self):
        """A bare row, as an adopted app has it: its id."""
        return sql(self.vibe, "INSERT INTO activities (user_id) VALUES (:'id') RETURNING id", id=self.id)[0][0]

    def new_story(self, ends="24 hours"):
        return sql(self.vibe, "INSERT INTO vibe_stories (user_id, expires_at) VALUES (:'id', now() + :'ends'::interval) "
                              "RETURNING id", id=self.id, ends=ends)[0][0]
