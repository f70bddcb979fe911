"""`./dev bench`: vibe beside its peers, all in one run, on this machine's loopback alone.

Servers are pinned to the first core and clients to the second; rounds are interleaved (A B C A B C …) and medians are
shown, so that what else the machine does falls on all alike. Everything is started, bounded in time and ended here.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request

import load
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURE_BYTES = 20 * 1024
PICTURE_KEY = "profile-pictures/bench/avatar-1.jpg"
TICKET_PATH = "/api/upload/profile-picture"
TICKET_REQUEST = {"contentType": "image/jpeg", "contentLength": PICTURE_BYTES}
ACCOUNT = {"email": "bench@example.com", "password": "correct horse 42", "name": "Bench"}


class Series:
    """Results of one contestant over the rounds: its rates, and what each unit cost its processor."""

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

    def bound(self, what, value, unit, most):
        self.add((what, f"{value:.1f} {unit}", "", "", "", "", f"<= {most} {unit}"), value <= most)

    def show(self):
        widths = [max(len(row[i]) for row in [self.HEAD, *self.rows]) for i in range(len(self.HEAD))]
        for row in [self.HEAD, tuple("-" * width for width in widths), *self.rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def call(method, url, body=None, token=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


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
        time.sleep(1)  # what it does at its start is over, so that "idle" is idle
        idle_mb = vibe.resident_mb()
        api = vibe.env["VIBE_API_URL"]
        load.put_object(vibe.env, PICTURE_KEY, picture, "image/jpeg")
        token = json.loads(call("POST", api + "/api/auth/register", ACCOUNT))["accessToken"]
        answers = {"/health": call("GET", api + "/api/health"),
                   "/ticket": call("POST", api + TICKET_PATH, TICKET_REQUEST, token)}
        nginx = stack.enter_context(servers.Nginx(folder / "nginx", answers, {PICTURE_KEY: picture}))
        for url in (vibe.env["CDN_BASE_URL"], nginx.url, nginx.url + "/cached"):
            assert call("GET", f"{url}/{PICTURE_KEY}") == picture, url
        express = stack.enter_context(servers.Express(ROOT / "backend/bench/express", ROOT / "build/bench/express"))
        measure_http(table, vibe, nginx, express, token, options)
        measure_puts(table, vibe, folder, options)
        measure_start(table, vibe, options)
        table.bound("vibe up: resident memory, idle", idle_mb, "MB", 25)
        table.bound("vibe up: resident memory, peak of all this", vibe.peak_mb(), "MB", 100)
    return table


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two short rounds: a look, not a result")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement (default: 5)")
    parser.add_argument("--seconds", type=float, help="length of each measurement (default: 4)")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/vibe", help="the program to measure")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 4)
    options.starts = 3 if options.quick else 11
    options.put_urls = 5000 if options.quick else 40000
    # on a real disk, as the build folder is: /tmp may be memory
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=ROOT / "build/bench"))
    try:
        table = run(options, folder)
    except (servers.Failed, load.Failed) as failure:
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
