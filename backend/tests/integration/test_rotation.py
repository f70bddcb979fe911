"""JWT_SECRET rotates: signatures and seals of the earlier secret stay valid while it is in JWT_SECRET_PREVIOUS. Each test
starts `vibe serve` with one secret and restarts it with another."""

import pytest

from helpers import images
from helpers.api import call, me, register
from helpers.phone import Phone

OLD, NEW = "the-old-secret-0123456789abcdef0123", "the-new-secret-0123456789abcdef0123"


@pytest.fixture
def serve(serve_factory):
    return serve_factory(JWT_SECRET=OLD)


def rotate(serve):
    serve.stop()
    serve.environment |= {"JWT_SECRET": NEW, "JWT_SECRET_PREVIOUS": OLD}
    serve.start()


@pytest.mark.parametrize("kind, target", [
    ("activity-image", lambda phone: {"activityId": phone.new_activity(), "slot": "gallery", "index": 2}),
    ("story-media", lambda phone: {"storyId": phone.new_story()}),
    ("story-media", lambda phone: {}),
], ids=["activity", "story", "new story"])
def test_an_upload_with_a_target_survives_a_rotation(serve, kind, target):
    phone, data = Phone(serve), images.jpeg(64, 48)
    ticket = phone.stage(kind, data, **target(phone))
    rotate(serve)
    status, body = phone.complete(ticket)
    assert status == 200, body
    assert images.shows(serve.request("GET", body["media"]["cdnUrl"])[2], data)


def test_a_refresh_whose_answer_was_lost_is_repeated_across_a_rotation(serve):
    session = register(serve)
    lost = call(serve, "POST", "/api/auth/refresh", {"refreshToken": session["refreshToken"]})
    assert lost[0] == 200
    rotate(serve)
    status, _, repeated = call(serve, "POST", "/api/auth/refresh", {"refreshToken": session["refreshToken"]})
    assert status == 200, repeated
    assert repeated["refreshToken"] == lost[2]["refreshToken"] and me(serve, repeated) == (200, None)
    status, _, renewed = call(serve, "POST", "/api/auth/refresh", {"refreshToken": repeated["refreshToken"]})
    assert status == 200 and me(serve, renewed) == (200, None)
