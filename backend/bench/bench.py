"""`./dev bench`: measures vibe beside its peers, in one run, on this machine's loopback alone.

Servers are pinned to the first core and clients to the last. Rounds are interleaved (A B C A B C …) and the table shows
medians, so that other load on the machine falls on all alike. This program starts, bounds and ends everything itself.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import cgroup
import client
import day
import feed
import load
import media
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = {
    "http": "health, upload tickets and a 20 KB picture: beside nginx, tickets also beside Express with the AWS SDK",
    "puts": "durable PUTs: beside create + write + fsync",
    "feed": "the first page of a million activities: beside Express with pg, and pgbench; then a day of 1000 users on 1/4 CPU",
    "media": "variants and renderings: beside nginx, Varnish, Express with sharp, and a bare loop of libvips",
}
PICTURE_BYTES = 20 * 1024
PICTURE_KEY = "profile-pictures/bench/avatar-1.jpg"
TICKET_PATH = "/api/upload/profile-picture"
TICKET_REQUEST = {"contentType": "image/jpeg", "contentLength": PICTURE_BYTES}


class Series:
    """One contestant over the rounds: its rates, and the processor time that each request took."""

    def __init__(self, name, run, program=None):
        self.name, self.run, self.program = name, run, program
        self.rates, self.costs_us = [], []

    def round(self):
        before, started = self.program and self.program.cpu_us(), time.monotonic()
        rate = self.run()
        self.rates.append(rate)
        if self.program:
            done = rate * (time.monotonic() - started)
            self.costs_us.append((self.program.cpu_us() - before) / done)

    def median(self):
        return statistics.median(self.rates)

    def cost(self):
        return f"{statistics.median(self.costs_us):.1f} us" if self.costs_us else ""


def race(title, rounds, *contestants):
    print(f"  {title} ", end="", flush=True, file=sys.stderr)
    for _ in range(rounds):
        for contestant in contestants:
            contestant.round()
            print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return contestants


class Table:
    HEAD = ("what", "vibe", "cpu", "beside", "cpu", "ratio", "target", "")

    def __init__(self):
        self.rows = []

    def add(self, cells, met):
        self.rows.append((*cells, {True: "met", False: "MISSED", None: ""}[met]))

    def rate(self, what, mine, other, target=None):
        ratio = mine.median() / other.median()
        self.add((what, f"{mine.median():,.0f}/s", mine.cost(), f"{other.median():,.0f}/s  {other.name}", other.cost(),
                  f"{ratio:.2f} x", f">= {target} x" if target else ""), ratio >= target if target else None)

    def ratio(self, what, mine, other, theirs, unit, most):
        """A row for a figure of which less is better."""
        self.add((what, f"{mine:.0f} {unit}", "", other, "", f"{mine / theirs:.2f} x", f"<= {most} x"), mine <= most * theirs)

    def bound(self, what, value, unit, most):
        self.add((what, f"{value:.1f} {unit}", "", "", "", "", f"<= {most} {unit}"), value <= most)

    def show(self):
        widths = [max(len(row[i]) for row in [self.HEAD, *self.rows]) for i in range(len(self.HEAD))]
        for row in [self.HEAD, tuple("-" * width for width in widths), *self.rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def measure_http(table, vibe, nginx, express, token, options):
    seconds, rounds, api = options.seconds, options.rounds, vibe.env["VIBE_API_URL"]

    def get(name, program, url):
        return Series(name, lambda: load.get(url, seconds), program)

    def post(name, program, url, token):
        return Series(name, lambda: load.post_json(url, token, TICKET_REQUEST, seconds), program)

    mine, other = race("health", rounds, get("vibe", vibe, api + "/api/health"),
                       get("nginx return 200, same size", nginx, nginx.url + "/health"))
    table.rate("GET /api/health", mine, other, 0.9)

    mine, other, node = race("tickets", rounds, post("vibe", vibe, api + TICKET_PATH, token),
                             post("nginx return 200, same size", nginx, nginx.url + "/ticket", token),
                             post("Express 5 + AWS SDK", express, express.url + TICKET_PATH, express.token))
    table.rate("POST " + TICKET_PATH, mine, other, 0.5)
    table.rate("  the same", mine, node, 50)

    mine, stock, tuned = race(
        "pictures", rounds, get("vibe", vibe, vibe.env["CDN_BASE_URL"] + "/" + PICTURE_KEY),
        get("nginx, the same file with sendfile", nginx, nginx.url + "/" + PICTURE_KEY),
        get("the same with open_file_cache", nginx, nginx.url + "/cached/" + PICTURE_KEY))
    table.rate("GET a 20 KB picture from the CDN", mine, stock, 0.9)
    table.rate("  the same", mine, tuned)


def measure_feed(table, vibe, express, token, folder, options):
    print("  a million activities …", file=sys.stderr)
    database_url = vibe.env["DATABASE_URL"]
    feed.fill(database_url)
    mine, theirs = feed.Feed(vibe.env["VIBE_API_URL"], token), feed.Feed(express.url, express.token)
    vibes, node, bare = race(
        "their first page", options.rounds, Series("vibe", lambda: mine.run(options.seconds), vibe),
        Series("Express 5 + pg", lambda: theirs.run(options.seconds), express),
        Series("pgbench, the bare query", lambda: feed.pgbench(database_url, folder, options.seconds)))
    table.rate("GET /api/activities, 20 of a million, 64 clients", vibes, node, 10)
    table.rate("  the same", vibes, bare, 0.7)
    p50, p99 = statistics.median(mine.p50_ms), statistics.median(mine.p99_ms)
    table.bound(f"  its p99, beside p50 = {p50:.1f} ms", p99, "ms", round(3 * p50, 1))


def measure_day(table, vibe, options):
    """Measures a `vibe serve` of its own in a control group. It uses the database, the bucket and the CDN of the `vibe up`."""
    with contextlib.ExitStack() as stack:
        try:
            prefix = stack.enter_context(cgroup.limited(0.25, 512 * 1024 * 1024))
        except servers.Failed as reason:
            print(f"  skipping the day of users: {reason}", file=sys.stderr)
            return
        serve = stack.enter_context(servers.Serve(options.binary, vibe.env, servers.free_port(), prefix))
        serve.wait_until_healthy()
        print(f"  a day of {day.USERS} users …", file=sys.stderr)
        api = f"http://127.0.0.1:{serve.port}"
        users = feed.psql(vibe.env["DATABASE_URL"], f"SELECT id FROM users LIMIT {day.USERS}").split()
        activities = feed.psql(vibe.env["DATABASE_URL"], "SELECT id FROM activities WHERE starts_at > now() + interval '1 day' LIMIT 500").split()
        one_day = day.Day(api, vibe.env["CDN_BASE_URL"], day.tokens(users, servers.JWT_SECRET), activities, PICTURE_KEY)
        latencies = one_day.run(options.day_seconds)
        table.bound(f"a day of {day.USERS} users at {day.SPEED} x, 1/4 CPU, 512 MB: p99 of {len(latencies):,}",
                    load.percentile(latencies, 0.99), "ms", 100)
        table.bound("  its median", load.percentile(latencies, 0.5), "ms", 100)


def measure_puts(table, vibe, folder, options):
    urls = load.presigned_puts(vibe.env, options.put_urls, folder)
    puts, one, many = race(
        "durable PUTs", options.rounds,
        Series("vibe", lambda: load.put(vibe.env["AWS_ENDPOINT_URL_S3"], urls, PICTURE_BYTES, 32, options.seconds)),
        Series("create + write + fsync, one at a time", lambda: load.fsync_rate(folder, PICTURE_BYTES, 1, options.seconds)),
        Series("the same, 32 at once", lambda: load.fsync_rate(folder, PICTURE_BYTES, 32, options.seconds)))
    table.rate("PUT 20 KB, durable, 32 at once", puts, one, 5)
    table.rate("  the same", puts, many)


def first_healthy_answer_ms(binary, environment):
    """From exec to the first 200 of /api/health."""
    port = servers.free_port()
    started = time.monotonic()
    with servers.Serve(binary, environment, port) as serve:
        serve.wait_until_healthy()
        return (time.monotonic() - started) * 1000, serve.resident_mb()


def measure_start(table, vibe, options):
    results = [first_healthy_answer_ms(options.binary, vibe.env) for _ in range(options.starts)]
    table.bound("vibe serve: to the first healthy answer", statistics.median(r[0] for r in results), "ms", 50)
    table.bound("vibe serve: resident memory, idle", statistics.median(r[1] for r in results), "MB", 25)


def run(options, folder):
    table = Table()
    picture = os.urandom(PICTURE_BYTES)
    with contextlib.ExitStack() as stack:
        print("starting vibe, nginx and Express …", file=sys.stderr)
        vibe = stack.enter_context(servers.VibeUp(options.binary, folder / "vibe"))
        time.sleep(1)  # until its start-up work is over, so that "idle" is idle
        idle_mb = vibe.resident_mb()
        api = vibe.env["VIBE_API_URL"]
        load.put_object(vibe.env, PICTURE_KEY, picture, "image/jpeg")
        token = client.register(api, "bench")
        answers = {"/health": client.fetch(api + "/api/health"),
                   "/ticket": client.fetch(api + TICKET_PATH, TICKET_REQUEST, token)}
        nginx = stack.enter_context(servers.Nginx(folder / "nginx", answers, {PICTURE_KEY: picture}))
        for url in (vibe.env["CDN_BASE_URL"], nginx.url, nginx.url + "/cached"):
            assert client.fetch(f"{url}/{PICTURE_KEY}") == picture, url
        express = stack.enter_context(servers.Express(ROOT / "backend/bench/express", ROOT / "build/bench/express",
                                                      vibe.env["DATABASE_URL"], folder))
        if options.only in (None, "http"):
            measure_http(table, vibe, nginx, express, token, options)
        if options.only in (None, "puts"):
            measure_puts(table, vibe, folder, options)
        if options.only in (None, "feed"):
            measure_feed(table, vibe, express, token, folder, options)
            measure_day(table, vibe, options)
        if options.only in (None, "media"):
            media.measure_cached(table, race, Series, vibe, folder, options)
        measure_start(table, vibe, options)
        table.bound("vibe up: resident memory, idle", idle_mb, "MB", 25)
        table.bound("vibe up: resident memory, peak of all this", vibe.peak_mb(), "MB", 100)
    if options.only in (None, "media"):  # on all cores, so after the others have ended
        media.measure(table, race, Series, folder, options)
    return table


def main():
    parts = "\n".join(f"  {name:6} {what}" for name, what in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__.split(": ", 1)[1].split("\n")[0].capitalize(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"parts, for --only:\n{parts}\nStart-up time and memory are measured in every run.")
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that it works; the figures are no result")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement (default: 5)")
    parser.add_argument("--seconds", type=float, help="seconds of each measurement (default: 4)")
    parser.add_argument("--only", choices=PARTS, help="one part, and leave out the others")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/vibe", help="the program to measure")
    parser.add_argument("--bare", type=pathlib.Path, default=ROOT / "build/release/bench/bench_media",
                        help="the bare loops to compare the media workers with")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 4)
    options.starts = 3 if options.quick else 11
    options.put_urls = 5000 if options.quick else 40000
    options.day_seconds = 10 if options.quick else 60
    # in the build folder, which is on a real disk: /tmp may be memory
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=ROOT / "build/bench"))
    try:
        table = run(options, folder)
    except (servers.Failed, load.Failed, day.Refused) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table.show()
    print(f"\nmedians of {options.rounds} rounds of {options.seconds:g} s, interleaved; "
          f"servers on core {servers.SERVER_CORE}, clients on core {servers.CLIENT_CORE}; {os.cpu_count()} cores in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
