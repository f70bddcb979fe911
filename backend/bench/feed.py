"""The first page of a million activities: vibe beside Express with pg, and beside pgbench with the bare query."""

import pathlib
import re
import subprocess

import load
import servers

ACTIVITIES = 1_000_000
OWNERS = 1000
CLIENTS = 64
CONNECTIONS = 16  # to the database: as many as the pools of vibe and of Express have
PATH = "/api/activities"

# Indexes are created after all rows. Every activity has an image, every owner a picture.
FILL = f"""
INSERT INTO users (name, profile_picture_s3_key, profile_picture_cdn_url)
SELECT 'Owner ' || i, 'profile-pictures/' || i || '/avatar-1.jpg', 'http://cdn/profile-pictures/' || i || '/avatar-1.jpg'
FROM generate_series(1, {OWNERS}) AS i;

CREATE TEMPORARY TABLE owners AS SELECT row_number() OVER () AS number, id FROM users;
CREATE TEMPORARY TABLE definitions AS
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'activities' AND indexname LIKE 'vibe\\_%';
SELECT format('DROP INDEX %I', indexname) FROM definitions \\gexec

INSERT INTO activities (user_id, title, description, place_name, latitude, longitude, starts_at, capacity, created_at,
                        hero_image_url, hero_image_s3_key, hero_image_cdn_url)
SELECT owners.id, 'Activity ' || i, 'What there is to say about it, in a sentence or two, as people write.', 'Place ' || i % 997,
       (i * 7919::bigint % 180000) / 1000.0 - 90, (i * 104729::bigint % 360000) / 1000.0 - 180, now() + (i % 5000 - 2500) * interval '1 hour', 20,
       now() - i * interval '1 second', 'http://s3/activity-images/' || i || '/hero-1.jpg', 'activity-images/' || i || '/hero-1.jpg',
       'http://cdn/activity-images/' || i || '/hero-1.jpg'
FROM generate_series(1, {ACTIVITIES}) AS i
JOIN owners ON owners.number = i % {OWNERS} + 1;

SELECT indexdef FROM definitions \\gexec
VACUUM ANALYZE activities, users;
"""


def psql(database_url, text):
    done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", database_url], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise servers.Failed(f"psql failed:\n{done.stderr}")
    return done.stdout


def fill(database_url):
    psql(database_url, FILL)


def bare_query():
    """The query of Express, with its parameters filled in."""
    text = re.search(r"const feed = `(.*?)`", (load.SCRIPTS / "express/server.mjs").read_text(), re.S)[1]
    return text.replace("$1", "21").replace("$2", "'00000000-0000-4000-8000-000000000000'").replace("\n", " ") + ";\n"


def pgbench(database_url, folder, seconds):
    """Transactions a second of the bare query, prepared, on as many connections as the pools have."""
    script = folder / "feed.sql"
    if not script.exists():
        script.write_text(bare_query())
    program = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pgbench"))[-1]
    done = subprocess.run(servers.pinned(servers.CLIENT_CORE, [
        program, "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1", "-T", str(max(1, round(seconds))), "-f", script, database_url]),
        capture_output=True, text=True)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode != 0 or not rate:
        raise servers.Failed(f"pgbench failed:\n{done.stdout}{done.stderr}")
    return float(rate[1])


class Feed:
    """One contestant's address and token, and the latencies of its runs."""

    def __init__(self, url, token):
        self.url, self.token, self.p50_ms, self.p99_ms = url, token, [], []

    def run(self, seconds):
        rate, latency = load.get_with_latency(self.url + PATH, self.token, seconds, CLIENTS)
        self.p50_ms.append(latency[50])
        self.p99_ms.append(latency[99])
        return rate
