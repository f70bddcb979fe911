"""A rolling deploy: a copy of the service gets tickets that a newer version issued, for a purpose that it does not know."""

import base64
import hashlib
import hmac

from helpers import images
from helpers.api import status_and_code
from helpers.phone import Phone

SECRET = "the-secret-of-both-versions-0123456789"


def of_purpose(ticket, user, number):
    """The ticket as a newer version would have issued it for its own purpose (backend/src/ingest/ticket.h)."""
    digest = lambda key, data: hmac.new(key, data, hashlib.sha256).digest()  # noqa: E731
    signed = bytearray(base64.urlsafe_b64decode(ticket["uploadId"] + "=" * (-len(ticket["uploadId"]) % 4))[:-16])
    mac = lambda: digest(digest(SECRET.encode(), b"vibe upload ticket 1"), bytes(signed) + user.encode())[:16]  # noqa: E731
    encode = lambda: base64.urlsafe_b64encode(bytes(signed) + mac()).decode().rstrip("=")  # noqa: E731
    assert encode() == ticket["uploadId"]
    signed[16] = number
    return ticket | {"uploadId": encode(), "key": ticket["key"].replace(ticket["uploadId"], encode())}


def test_an_upload_of_an_unknown_purpose_stays_for_a_copy_that_knows_it(serve_factory):
    phone = Phone(serve_factory(JWT_SECRET=SECRET))
    ticket = of_purpose(phone.ticket("profile-picture", images.jpeg()), phone.id, 99)
    phone.vibe.s3().put_object(Bucket=phone.vibe.bucket, Key=ticket["key"], Body=images.jpeg())
    status, headers, body = phone.answer_to_complete(ticket)
    assert (status, body["code"], headers["Retry-After"]) == (503, "purpose_unknown", "5")
    assert status_and_code(phone.cancel(ticket)) == (503, "purpose_unknown")
    assert phone.keys("user-uploads") == [ticket["key"]]
