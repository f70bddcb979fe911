"""Stories: who sees which, in what order, and who has seen them."""

import pytest

from helpers.database import sql
from helpers.phone import Phone


def tell(person, caption="hello 🌊", media=True):
    status, body = person.call("POST", "/api/stories", {"caption": caption})
    assert status == 201, body
    if media:  # as completing an upload does
        sql(person.vibe, "UPDATE vibe_stories SET image_url = 'https://s3/x.jpg', published_at = now() WHERE id = :'id'",
            id=body["story"]["id"])
    return body["story"]["id"]


def stories_of(*people, seen_by):
    """The stories of these people, in the order in which this one sees them."""
    ids = {one.id for one in people}
    return [story["id"] for story in seen_by.pages("/api/stories", "stories", limit=3) if story["user"]["id"] in ids]


def test_a_story_ends_a_day_after_it_was_made(vibe, ana, ben):
    story = tell(ana)
    made = ben.get(f"/api/stories/{story}")["story"]
    assert made["createdAt"][:10] < made["expiresAt"][:10] and made["createdAt"][11:] == made["expiresAt"][11:]
    sql(vibe, "UPDATE vibe_stories SET expires_at = now() WHERE id = :'id'", id=story)
    assert ben.call("GET", f"/api/stories/{story}")[1]["code"] == "story_not_found"
    assert stories_of(ana, seen_by=ben) == []
    assert ana.get("/api/stories", user="me")["stories"] == []


def test_a_story_without_media_is_visible_to_its_author_alone(ana, ben):
    story = tell(ana, media=False)
    assert ben.call("GET", f"/api/stories/{story}")[0] == 404
    assert ben.call("POST", f"/api/stories/{story}/seen", {})[0] == 404
    assert ben.get("/api/stories", user=ana.id)["stories"] == []
    assert [one["id"] for one in ana.get("/api/stories", user="me")["stories"]] == [story]


def test_authors_come_in_the_order_of_their_newest_story(vibe, ana, ben):
    cleo = Phone(vibe, "Cleo")
    first, second, third = tell(ana), tell(ben), tell(ana)
    fourth, fifth = tell(cleo), tell(ben)
    assert stories_of(ana, ben, cleo, seen_by=cleo) == [fifth, second, fourth, third, first]


def test_a_caption_comes_back_exactly(ana):
    for caption in ("'; DROP TABLE vibe_stories;--", "עברית\nשורה", "𝕏" * 500, "", None):
        status, body = ana.call("POST", "/api/stories", {"caption": caption})
        assert (status, body["story"]["caption"]) == (201, caption)
    for caption in ("x" * 501, 5, "a\u0007"):
        status, problem = ana.call("POST", "/api/stories", {"caption": caption})
        assert (status, problem["errors"][0]["field"]) == (422, "caption")


def test_views_count_each_person_once_and_only_the_author_sees_them(ana, ben):
    story = tell(ana)
    assert ben.get(f"/api/stories/{story}")["story"]["seen"] is False
    for _ in range(2):
        assert ben.call("POST", f"/api/stories/{story}/seen", {})[0] == 204
    told = ana.get(f"/api/stories/{story}")["story"]
    assert (told["seenCount"], told["seen"]) == (1, False)
    assert [(one["id"], one["name"]) for one in ana.get(f"/api/stories/{story}/seen")["seenBy"]] == [(ben.id, "Ben")]
    seen = ben.get(f"/api/stories/{story}")["story"]
    assert seen["seen"] is True and "seenCount" not in seen
    assert ben.call("GET", f"/api/stories/{story}/seen")[1]["code"] == "forbidden"


def test_a_deleted_account_takes_its_views_along(ana, ben):
    story = tell(ana)
    ben.call("POST", f"/api/stories/{story}/seen", {})
    assert ben.call("DELETE", "/api/users/me")[0] == 204
    assert ana.get(f"/api/stories/{story}")["story"]["seenCount"] == 0
    assert ana.get(f"/api/stories/{story}/seen")["seenBy"] == []


def test_only_the_author_deletes_a_story(ana, ben):
    story = tell(ana)
    assert ben.call("DELETE", f"/api/stories/{story}")[0] == 403
    assert ana.call("DELETE", f"/api/stories/{story}")[0] == 204
    assert ana.call("DELETE", f"/api/stories/{story}")[0] == 404


@pytest.mark.parametrize("which", ["0", "x", "5f0c6c1e-0000-4000-8000-000000000000", "%27"])
def test_an_unknown_or_malformed_id_is_404(ana, which):
    for method, path, body in (("GET", "", None), ("DELETE", "", None), ("POST", "/seen", {}), ("GET", "/seen", None)):
        assert ana.call(method, f"/api/stories/{which}{path}", body)[0] == 404
    assert ana.get("/api/stories", user=which)["stories"] == []
