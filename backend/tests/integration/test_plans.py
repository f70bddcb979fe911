"""Lists stay quick with a million activities. PostgreSQL's own plans (auto_explain) show what each list reads: never a whole
table, and never all activities of one city."""

import json

import pytest

from helpers.database import sql
from helpers.phone import Phone

BIG = {"activities", "activity_participants", "users", "vibe_stories", "story_views"}
ROWS_MAX = 5000  # of one node of a plan
GENERIC_PLAN_AFTER = 6  # executions of a prepared statement: from then on PostgreSQL may choose a generic plan

# Users, then their rows. Triggers and foreign keys are off and indexes dropped meanwhile; both come back afterwards.
FILL = """
SET session_replication_role = replica;
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';
SELECT setseed(0.5);
CREATE TEMP TABLE later AS
    SELECT pg_get_indexdef(indexrelid) AS statement, indexrelid::regclass::text AS name FROM pg_index
    WHERE indrelid IN ('activities'::regclass, 'activity_participants'::regclass) AND NOT indisunique;
SELECT format('DROP INDEX %s', name) FROM later \\gexec
INSERT INTO users (email, name) SELECT 'user' || n || '@example.org', 'User ' || n FROM generate_series(1, 100000) n;
CREATE TEMP TABLE owners AS SELECT row_number() OVER () AS number, id FROM (SELECT id FROM users LIMIT 1000) u;
CREATE UNIQUE INDEX ON owners (number);
ANALYZE owners;
INSERT INTO activities (user_id, title, place_name, latitude, longitude, created_at, starts_at, ends_at)
    SELECT o.id, CASE WHEN n % 100000 = 7 THEN 'Xylophone' ELSE 'Activity' END || ' ' || n % 1000, 'Place',
           CASE WHEN n % 20 = 0 THEN 35.68 + random() * 0.1 ELSE random() * 160 - 80 END,
           CASE WHEN n % 20 = 0 THEN 139.70 + random() * 0.1 ELSE random() * 360 - 180 END, now() - random() * interval '300 days',
           now() + (random() - 0.5) * interval '200 days', now() + interval '200 days'
    FROM generate_series(1, 1000000) n JOIN owners o ON o.number = 1 + n % 1000;
INSERT INTO activities (user_id, title, place_name, latitude, longitude, starts_at)
    SELECT :'me', 'Mine ' || n, 'Lake', 52.5 + n * 0.0001, 13.25, now() + n * interval '1 day' FROM generate_series(1, 50) n;
INSERT INTO activity_participants (activity_id, user_id, joined_at)
    SELECT a.id, o.id, now() - random() * interval '9 days'
    FROM (SELECT id, row_number() OVER () AS n FROM activities LIMIT 197000) a JOIN owners o ON o.number = 1 + a.n % 1000;
INSERT INTO activity_participants (activity_id, user_id)
    SELECT id, :'me' FROM activities LIMIT 60;
INSERT INTO activity_participants (activity_id, user_id, joined_at)
    SELECT (SELECT id FROM activities WHERE title = 'Mine 1'), id, now() - random() * interval '9 days' FROM users
    OFFSET 1000 LIMIT 3000;
INSERT INTO vibe_stories (user_id, image_url, created_at, expires_at)
    SELECT o.id, 'http://127.0.0.1/' || n, t.at, t.at + interval '24 hours'
    FROM generate_series(1, 20000) n JOIN owners o ON o.number = 1 + n % 1000,
         LATERAL (SELECT now() - CASE WHEN n <= 200 THEN random() * interval '20 hours'
                                      ELSE interval '25 hours' + random() * interval '200 days' END AS at) t;
INSERT INTO story_views (story_id, user_id)
    SELECT s.id, u.id FROM vibe_stories s, (SELECT id FROM owners LIMIT 10) u;
SELECT statement FROM later \\gexec
ANALYZE;
ALTER DATABASE vibe SET session_preload_libraries = 'auto_explain';
ALTER DATABASE vibe SET auto_explain.log_min_duration = 0;
ALTER DATABASE vibe SET auto_explain.log_format = 'json';
ALTER DATABASE vibe SET auto_explain.log_nested_statements = on;
ALTER DATABASE vibe SET auto_explain.log_analyze = on;
ALTER DATABASE vibe SET auto_explain.log_timing = off;
"""


class Crowd:
    """An instance with many rows, and the plans of its database for a request."""

    def __init__(self, vibe):
        self.vibe, self.me = vibe, Phone(vibe)
        sql(vibe, FILL, me=self.me.id)
        self.mine = sql(vibe, "SELECT id FROM activities WHERE title = 'Mine 1'")[0][0]
        self.teller = sql(vibe, "SELECT user_id FROM vibe_stories WHERE expires_at > now() LIMIT 1")[0][0]
        vibe.restart()  # so that its connections load auto_explain

    def plans(self, path, **query):
        """(answer, the plans of all its statements). It asks often enough to see the generic plan, too."""
        log = self.vibe.data_dir / "postgres.log"
        begin = log.stat().st_size
        for _ in range(GENERIC_PLAN_AFTER + 2):
            answer = self.me.get(path, **query)
        return answer, list(self.read(log.read_bytes()[begin:].decode()))

    @staticmethod
    def read(text):
        decoder = json.JSONDecoder()
        for part in text.split(" plan:\n")[1:]:
            yield decoder.raw_decode(part.lstrip())[0]


@pytest.fixture(scope="module")
def crowd(module_vibe):
    return Crowd(module_vibe(SWEEP_INTERVAL="86400"))  # the sweeper would delete the ended stories, and with few a scan is right


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def relations(plan):
    return {node["Relation Name"] for node in nodes(plan["Plan"]) if "Relation Name" in node}


def check(plans, table, sorted_by_index):
    """No list reads a whole table, and a list in the order of an index does not sort."""
    assert any(table in relations(plan) for plan in plans), f"no statement touched {table}"
    for plan in plans:
        kinds = {(node["Node Type"], node.get("Relation Name")) for node in nodes(plan["Plan"])}
        whole = {name for kind, name in kinds if kind == "Seq Scan"} & BIG
        assert not whole, f"it reads all of {whole}: {json.dumps(plan, indent=1)}"
        most = max(node["Actual Rows"] * node["Actual Loops"] for node in nodes(plan["Plan"]))
        assert most <= ROWS_MAX, f"it reads {most} rows: {json.dumps(plan, indent=1)}"
        if sorted_by_index and table in relations(plan):
            assert not any("Sort" in kind for kind, _ in kinds), f"it sorts: {json.dumps(plan, indent=1)}"


LISTS = {  # name: path, query, table, whether an index gives the order
    "newest": ("/api/activities", {"sort": "newest"}, "activities", True),
    "soonest": ("/api/activities", {"sort": "soonest"}, "activities", True),
    "nearest": ("/api/activities", {"sort": "nearest", "near": "52.5,13.25", "radiusKm": 5, "limit": 10}, "activities", False),
    "near, newest": ("/api/activities", {"near": "52.5,13.25", "radiusKm": 5, "limit": 10}, "activities", False),
    "nearest of many": ("/api/activities", {"sort": "nearest", "near": "35.7,139.75", "radiusKm": 20}, "activities", False),
    "near many, newest": ("/api/activities", {"near": "35.7,139.75", "radiusKm": 20}, "activities", False),
    "near many, soonest": ("/api/activities", {"near": "35.7,139.75", "radiusKm": 20, "sort": "soonest"}, "activities", False),
    "words": ("/api/activities", {"q": "xylophone", "limit": 5}, "activities", False),
    "owner": ("/api/activities", {"owner": "me"}, "activities", True),
    "joined": ("/api/activities", {"joined": "true"}, "activity_participants", False),
    "joined, soonest": ("/api/activities", {"joined": "true", "sort": "soonest", "limit": 5}, "activity_participants", False),
    "participants": ("/api/activities/{mine}/participants", {}, "activity_participants", True),
    "stories": ("/api/stories", {}, "vibe_stories", False),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_and_its_next_page_read_few_rows(crowd, name):
    path, query, table, sorted_by_index = LISTS[name]
    path = path.format(mine=crowd.mine)
    first, plans = crowd.plans(path, **query)
    check(plans, table, sorted_by_index)
    assert first["nextCursor"]
    _, plans = crowd.plans(path, **query, cursor=first["nextCursor"])
    check(plans, table, sorted_by_index)


def test_the_stories_of_a_user_read_few_rows(crowd):
    answer, plans = crowd.plans("/api/stories", user=crowd.teller)
    check(plans, "vibe_stories", sorted_by_index=False)  # there are few in one day: two indexes together find them
    assert answer["stories"]


def test_one_activity_reads_few_rows(crowd):
    _, plans = crowd.plans(f"/api/activities/{crowd.mine}")
    check(plans, "activities", sorted_by_index=True)
