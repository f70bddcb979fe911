"""Activities: planning, finding, joining, changing and deleting them."""

import concurrent.futures
import itertools
import math
import random
import uuid

import pytest

from helpers.database import sql
from helpers.phone import Phone

NASTY = ["Robert'); DROP TABLE activities;--", "\" OR 1=1 --", "<script>alert(1)</script>", "שלום עולם", "مرحبا",
         "👩‍👩‍👧‍👦 𝕏 ﷽", "a\\b%c_d", "{x,\"y\"}", "$1 $2 %s"]


def test_an_activity_comes_back_as_it_was_planned(ana):
    made = ana.plan("Sunrise 🌅", description="Two\nlines", endsAt="2099-01-01T14:00:00+02:00", capacity=5,
                    place={"name": "Lake", "latitude": 52.5, "longitude": 13.25})
    assert ana.get(f"/api/activities/{made['id']}")["activity"] == made
    assert made["owner"] == {"id": ana.id, "name": "Ana", "profilePictureCdnUrl": None}
    assert made["place"] == {"name": "Lake", "latitude": 52.5, "longitude": 13.25}
    assert (made["startsAt"], made["endsAt"]) == ("2099-01-01T10:00:00.000Z", "2099-01-01T12:00:00.000Z")
    assert (made["capacity"], made["participantCount"], made["joined"]) == (5, 0, False)
    assert (made["heroImage"], made["gallery"]) == (None, [])


@pytest.mark.parametrize("text", NASTY)
def test_text_comes_back_exactly(ana, text):
    made = ana.plan(text, description=text, place={"name": text})
    found = ana.get(f"/api/activities/{made['id']}")["activity"]
    assert (found["title"], found["description"], found["place"]["name"]) == (text, text, text)


@pytest.mark.parametrize("field, value", [
    ("title", ""), ("title", " "), ("title", "x" * 121), ("title", 5), ("title", None), ("title", "a\nb"),
    ("description", "x" * 5001), ("description", []), ("startsAt", None), ("startsAt", "tomorrow"),
    ("startsAt", "2099-01-01T10:00:00"), ("startsAt", 5), ("endsAt", "2099-01-01T09:00:00Z"), ("endsAt", True),
    ("capacity", 0), ("capacity", 100001), ("capacity", 1.5), ("capacity", "5"), ("place", "Lake"), ("place", {}),
    ("place", {"latitude": 1}), ("latitude", {"latitude": 90.1, "longitude": 0}),
    ("longitude", {"latitude": 0, "longitude": -180.1}), ("name", {"name": "x" * 201})])
def test_a_field_that_breaks_its_rule_is_named(ana, field, value):
    body = {"title": "Swim", "startsAt": "2099-01-01T10:00:00Z"}
    body["place" if field in ("latitude", "longitude", "name") else field] = value
    status, problem = ana.call("POST", "/api/activities", body)
    assert (status, problem["code"], problem["errors"][0]["field"]) == (422, "validation_failed", field)


def test_a_patch_changes_only_the_fields_it_names(ana):
    made = ana.plan(description="as it was", capacity=3, place={"name": "Lake"})
    status, body = ana.call("PATCH", f"/api/activities/{made['id']}", {"title": "Dive", "capacity": None})
    assert status == 200
    assert body["activity"] | {"updatedAt": None} == made | {"title": "Dive", "capacity": None, "updatedAt": None}


def test_only_the_owner_changes_or_deletes_an_activity(ana, ben):
    path = f"/api/activities/{ana.plan()['id']}"
    for method, body in (("PATCH", {"title": "mine"}), ("DELETE", None)):
        status, problem = ben.call(method, path, body)
        assert (status, problem["code"]) == (403, "forbidden")
    assert ana.get(path)["activity"]["title"] == "Swim"
    assert ana.call("DELETE", path)[0] == 204
    assert ana.call("GET", path)[1]["code"] == "activity_not_found"
    assert ana.call("DELETE", path)[0] == 404


@pytest.mark.parametrize("which", ["0", "x", "5f0c6c1e-0000-4000-8000-000000000000", "%27%20OR%201=1", "%F0%9F%8C%8A"])
def test_an_unknown_or_malformed_id_is_404(ana, which):
    for method, path, body in (("GET", "", None), ("PATCH", "", {"title": "x"}), ("DELETE", "", None), ("POST", "/join", {}),
                               ("DELETE", "/join", None), ("GET", "/participants", None)):
        assert ana.call(method, f"/api/activities/{which}{path}", body)[0] == 404, (method, path)


def test_joining_twice_counts_once_and_so_does_leaving(ana, ben):
    path = f"/api/activities/{ana.plan()['id']}"
    for _ in range(2):
        status, body = ben.call("POST", f"{path}/join", {})
        assert (status, body["activity"]["participantCount"], body["activity"]["joined"]) == (200, 1, True)
    assert ana.get(path)["activity"]["joined"] is False
    assert [person["id"] for person in ana.get(f"{path}/participants")["participants"]] == [ben.id]
    assert [found["id"] for found in ben.get("/api/activities", joined="true")["activities"]] == [path.split("/")[-1]]
    for _ in range(2):
        status, body = ben.call("DELETE", f"{path}/join")
        assert (status, body["activity"]["participantCount"], body["activity"]["joined"]) == (200, 0, False)


def test_of_twenty_who_want_the_last_five_places_five_get_them(vibe, ana):
    path = f"/api/activities/{ana.plan(capacity=5)['id']}"
    people = [Phone(vibe) for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda person: person.call("POST", f"{path}/join", {}), people))
    assert sorted(status for status, _ in answers) == [200] * 5 + [409] * 15
    assert {body["code"] for status, body in answers if status == 409} == {"activity_full"}
    assert ana.get(path)["activity"]["participantCount"] == len(ana.get(f"{path}/participants")["participants"]) == 5


def test_one_person_who_joins_ten_times_at_once_takes_one_place(ana, ben):
    path = f"/api/activities/{ana.plan()['id']}"
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ben.call("POST", f"{path}/join", {})[0], range(10)))
    assert set(answers) == {200}
    assert ana.get(path)["activity"]["participantCount"] == 1


def test_a_past_activity_cannot_be_joined(vibe, ana, ben):
    made = ana.plan(startsAt="2020-01-01T10:00:00Z")
    status, problem = ben.call("POST", f"/api/activities/{made['id']}/join", {})
    assert (status, problem["code"]) == (409, "activity_over")


def test_a_deleted_account_frees_its_place(ana, ben):
    path = f"/api/activities/{ana.plan(capacity=1)['id']}"
    ben.call("POST", f"{path}/join", {})
    assert ben.call("DELETE", "/api/users/me")[0] == 204
    assert ana.get(path)["activity"]["participantCount"] == 0
    assert ana.get(f"{path}/participants")["participants"] == []


def metres_between(one, other):
    """The distance on a sphere, by the haversine formula."""
    (lat1, lon1), (lat2, lon2) = (map(math.radians, place) for place in (one, other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371008.8 * math.asin(math.sqrt(half))


@pytest.mark.parametrize("sort", ["newest", "soonest", "nearest"])
@pytest.mark.parametrize("limit", [3, 40])
def test_pages_of_nearby_activities_leave_nothing_out(vibe, ana, sort, limit):
    """Places at one spot, in the town and far off, so that the expanding search needs few steps or many for a page."""
    rng = random.Random(f"{sort} {limit}")
    here = (rng.uniform(-50, -40), rng.uniform(-179, 179))  # an area that no other test uses
    places = [(here[0] + rng.gauss(0, spread), here[1] + rng.gauss(0, spread)) for spread in (0, 0.002, 0.05, 1) for _ in range(9)]
    rows = ", ".join(f"('{ana.id}', 'Place {number}', {latitude!r}, {longitude!r}, now() - {rng.randrange(9000)} * interval '1 s', "
                     f"now() + {rng.randrange(1, 9000)} * interval '1 h')" for number, (latitude, longitude) in enumerate(places))
    made = sql(vibe, "INSERT INTO activities (user_id, title, latitude, longitude, created_at, starts_at) VALUES " + rows +
               " RETURNING title, extract(epoch FROM created_at), extract(epoch FROM starts_at)")
    radius_km = 60
    key = {"newest": lambda row: -float(row[1]), "soonest": lambda row: float(row[2]),
           "nearest": lambda row: metres_between(here, places[int(row[0].split()[1])])}[sort]
    near = [row for row in made if metres_between(here, places[int(row[0].split()[1])]) < radius_km * 1000]
    assert 20 < len(near) < len(made)
    found = ana.pages("/api/activities", "activities", near=f"{here[0]!r},{here[1]!r}", radiusKm=radius_km, sort=sort, limit=limit)
    value = {row[0]: key(row) for row in near}
    assert sorted(row["title"] for row in found) == sorted(value)
    order = [value[row["title"]] for row in found]
    assert order == sorted(order)


@pytest.mark.parametrize("sort", ["newest", "soonest", "nearest"])
def test_pages_lose_and_repeat_nothing_while_activities_are_added(vibe, ana, sort):
    word = f"w{uuid.uuid4().hex}"
    sql(vibe, """INSERT INTO activities (user_id, title, starts_at, latitude, longitude, created_at)
                 SELECT :'user'::uuid, :'word' || ' ' || i, now() + (1 + i / 7) * interval '1 hour', 10, 20 + (i / 7) * 0.01,
                        now() - (i / 7) * interval '1 hour'
                 FROM generate_series(1, 250) AS i""", user=ana.id, word=word)
    query = {"sort": sort, "owner": "me", "limit": 40} | ({"near": "10,20", "radiusKm": 500} if sort == "nearest" else {})
    rows, cursor = [], {}
    for page in itertools.count():
        ana.plan(f"{word} late {page}", startsAt="2020-01-01T00:00:00Z")  # the newest of all, and the first to start
        body = ana.get("/api/activities", **query, **cursor)
        rows += body["activities"]
        if not body["nextCursor"]:
            break
        cursor = {"cursor": body["nextCursor"]}
    planned = [row["title"] for row in rows if " late " not in row["title"]]
    assert sorted(planned, key=lambda title: int(title.split()[1])) == [f"{word} {i}" for i in range(1, 251)]
    keys = {"newest": lambda row: [-ord(c) for c in row["createdAt"]], "soonest": lambda row: row["startsAt"],
            "nearest": lambda row: row["distanceMeters"]}
    assert [keys[sort](row) for row in rows] == sorted(keys[sort](row) for row in rows)


def test_the_next_page_begins_where_the_last_one_ended(ana):
    planned = [ana.plan(f"p{i}", startsAt=f"2098-01-0{i + 1}T00:00:00Z")["id"] for i in range(5)]
    newest = [row["id"] for row in ana.pages("/api/activities", "activities", limit=2) if row["id"] in planned]
    soonest = [row["id"] for row in ana.pages("/api/activities", "activities", limit=2, sort="soonest") if row["id"] in planned]
    assert (newest, soonest) == (planned[::-1], planned)


def test_simultaneous_readers_see_one_page_each_with_its_own_joins(vibe, ana):
    made = ana.plan()["id"]
    people = [Phone(vibe) for _ in range(16)]
    for person in people[::2]:
        assert person.call("POST", f"/api/activities/{made}/join", {})[0] == 200

    def ask(person):
        return {row["id"]: row["joined"] for row in person.get("/api/activities", limit=100)["activities"]}

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            joined = [page[made] for page in pool.map(ask, people)]
            assert joined == [True, False] * 8


def test_a_new_activity_is_in_the_next_answer(ana):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        others = [pool.submit(ana.get, "/api/activities") for _ in range(40)]
        for _ in range(10):
            made = ana.plan()["id"]
            assert made in [row["id"] for row in ana.get("/api/activities")["activities"]]
        for other in others:
            other.result()


def test_a_cursor_works_for_its_own_list_only(ana):
    ana.plan(), ana.plan()
    cursor = ana.get("/api/activities", limit=1)["nextCursor"]
    for query in ({"sort": "soonest"}, {"owner": "me"}, {"q": "x"}, {"near": "1,2"}):
        status, problem = ana.call("GET", "/api/activities", cursor=cursor, **query)
        assert (status, problem["code"]) == (400, "invalid_cursor"), query


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "A" * 2000, "%00", "eyJhIjoxfQ", "💥"])
def test_a_made_up_cursor_is_refused(ana, cursor):
    status, problem = ana.call("GET", "/api/activities", cursor=cursor)
    assert (status, problem["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("field, query", [
    ("limit", {"limit": "0"}), ("limit", {"limit": "101"}), ("limit", {"limit": "-1"}), ("limit", {"limit": "ten"}),
    ("sort", {"sort": "oldest"}), ("near", {"sort": "nearest"}), ("near", {"near": "52.5"}), ("near", {"near": "91,0"}),
    ("near", {"near": "0,181"}), ("near", {"near": "nan,0"}), ("near", {"near": "1,2,3"}), ("near", {"radiusKm": "5"}),
    ("radiusKm", {"near": "1,2", "radiusKm": "0"}), ("radiusKm", {"near": "1,2", "radiusKm": "501"}),
    ("radiusKm", {"near": "1,2", "radiusKm": "1e2"}), ("joined", {"joined": "yes"}), ("owner", {"owner": ""}),
    ("q", {"q": "x" * 900})])
def test_a_query_parameter_that_breaks_its_rule_is_named(ana, field, query):
    status, problem = ana.call("GET", "/api/activities", **query)
    assert (status, problem["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize("title, words", [
    ("Mushroom hunting", "mushr hunt"), ("Straße und Fluß", "straße"), ("شاطئ البحر", "البحر"), ("Bootsfahrt O'Neill's", "o'neill"),
    ("東京 タワー", "東京")])
def test_words_are_found_by_their_prefix(ana, title, words):
    made = ana.plan(title)["id"]
    assert made in [row["id"] for row in ana.get("/api/activities", q=words, owner="me")["activities"]]


@pytest.mark.parametrize("words", ["!", "& | !", "():*", "'", "''", "\\", "a & !b", "<->", "🌊", "' & 'x", "a:*b", "--", "NULL"])
def test_search_words_are_never_a_syntax_error(ana, words):
    assert isinstance(ana.get("/api/activities", q=words)["activities"], list)


@pytest.mark.parametrize("here, there, metres", [
    ("0,179.99", (0, -179.99), 2224), ("0,-179.99", (0, 179.99), 2224), ("89.99,0", (89.99, 180), 2224),
    ("-89.99,-90", (-89.99, 90), 2224), ("52.5163,13.3777", (52.5186, 13.3761), 277)])
def test_nearby_works_at_the_poles_and_across_the_date_line(ana, here, there, metres):
    latitude, longitude = there
    near = ana.plan(place={"latitude": latitude, "longitude": longitude})["id"]
    far = ana.plan(place={"latitude": -latitude / 2 + 1, "longitude": longitude})["id"]
    found = {row["id"]: row["distanceMeters"] for row in
             ana.get("/api/activities", near=here, radiusKm=5, owner="me", sort="nearest")["activities"]}
    assert near in found and far not in found
    assert found[near] == pytest.approx(metres, rel=0.01)


def test_incomplete_rows_of_an_adopted_app_are_shown(vibe, ana):
    made = sql(vibe, "INSERT INTO activities (image_urls) VALUES (ARRAY[NULL, 'file:///a \"b\".jpg', '']) RETURNING id")[0][0]
    found = ana.get(f"/api/activities/{made}")["activity"]
    assert (found["owner"], found["title"], found["startsAt"]) == (None, None, None)
    assert found["gallery"] == [{"index": 1, "url": 'file:///a "b".jpg', "s3Key": None, "cdnUrl": 'file:///a "b".jpg'}]
    assert made in [row["id"] for row in ana.get("/api/activities", limit=100)["activities"]]
