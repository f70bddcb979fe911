"""Pictures: cached variants beside nginx and Varnish, renderings beside a bare loop and Express with sharp, how long a phone
waits for `complete`, and how many renderings at once slow everything else down."""

import concurrent.futures
import http.client
import io
import pathlib
import queue
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

from PIL import Image, ImageFilter

import client
import load
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARIANT = "w=640&fm=webp&q=80"
SIDE = (6000, 4000)  # 24 megapixels
AT_ONCE = 200
CLIENTS = 2 * len(servers.CORES) + 2  # enough that no core waits for the next request
COPIES = 48  # of the large picture, under names of their own, so that each can be rendered for the first time
SMALLER = 5  # times as many copies of its canonical file, each of which takes a fifth of the time


def landscape(size, seed=1):
    """A picture like a photograph: large soft shapes, edges, and the grain of a sensor. At 24 megapixels and quality 92 its
    JPEG has about 6 MB, as a phone's or a camera's has."""
    chance = random.Random(seed)
    small = Image.effect_noise((60, 40), 120).convert("L").resize(size, Image.BICUBIC)
    warm = Image.effect_noise((9, 6), 160).convert("L").resize(size, Image.BICUBIC)
    picture = Image.merge("RGB", (warm, small.filter(ImageFilter.GaussianBlur(3)), warm.transpose(Image.FLIP_TOP_BOTTOM)))
    for _ in range(40):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        box = (x, y, min(size[0], x + size[0] // 12), min(size[1], y + size[1] // 9))
        picture.paste(tuple(chance.randrange(256) for _ in range(3)), box)
    return Image.blend(picture, Image.effect_noise(size, 50).convert("RGB"), 0.08)


def encoded(picture, **options):
    out = io.BytesIO()
    picture.save(out, **options)
    return out.getvalue()


def measure_cached(table, race, Series, vibe, folder, options):
    """The same variant of about 20 KB: from the edge, from a file by nginx, from memory by Varnish."""
    key = "activity-images/bench/hero-1.jpg"
    load.put_object(vibe.env, key, encoded(landscape((1600, 1067)), format="JPEG", quality=88), "image/jpeg")
    mine = f"{vibe.env['CDN_BASE_URL']}/{key}?w=480&fm=webp&q=80"
    webp = client.fetch(mine)
    with servers.Nginx(folder / "nginx-media", {"/health": b"ok"}, {"hero.webp": webp}) as nginx, \
            servers.Varnish(folder / "varnish", nginx.url) as varnish:
        for url in (nginx.url, varnish.url):
            assert client.fetch(url + "/hero.webp") == webp, url
        edge, disk, memory = race(
            "cached variants", options.rounds, Series("vibe", lambda: load.get(mine, options.seconds), vibe),
            Series("nginx, the same bytes from a file", lambda: load.get(nginx.url + "/hero.webp", options.seconds), nginx),
            Series("Varnish, from memory", lambda: load.get(varnish.url + "/hero.webp", options.seconds), varnish))
    table.rate(f"GET a cached variant ({len(webp) / 1024:.0f} KB of WebP)", edge, disk, 1.0)
    table.rate("  the same", edge, memory, 1.0)


def bare(options, *arguments):
    done = subprocess.run([options.bare, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise servers.Failed(f"{options.bare.name} {arguments[0]} failed: {done.stderr}")
    return float(done.stdout)


def fetch_kept_alive(urls):
    """Fetches the URLs of a queue over one connection, until it is empty."""
    connection = None
    while True:
        try:
            parts = urllib.parse.urlsplit(urls.get_nowait())
        except queue.Empty:
            return
        connection = connection or http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200 and not (answer.status == 503 and answer.headers["Retry-After"]):
            raise load.Failed(f"{parts.path} answered {answer.status} {answer.headers}")


def many(urls, at_once):
    """Fetches all, so many at once: the rate a second."""
    waiting = queue.SimpleQueue()
    for url in urls:
        waiting.put(url)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(at_once) as clients:
        for one in [clients.submit(fetch_kept_alive, waiting) for _ in range(at_once)]:
            one.result()
    return len(urls) / (time.monotonic() - started)


class Renderings:
    """First requests for variants: each asks for another key."""

    def __init__(self, vibe, keys):
        self.urls = (f"{vibe.env['CDN_BASE_URL']}/{key}?{VARIANT}" for key in keys)

    def rate(self, count):
        return many([next(self.urls) for _ in range(count)], CLIENTS)


def copies(vibe, prefix, picture, count):
    keys = [f"activity-images/{prefix}/hero-{i}.jpg" for i in range(count)]
    for key in keys:
        load.put_object(vibe.env, key, picture, "image/jpeg")
    return keys


def measure_renderings(table, race, Series, vibe, express, picture, folder, options):
    seconds, rounds = max(2, round(options.seconds)), options.rounds
    (folder / "large.jpg").write_bytes(picture)
    loop, pool = race(
        "the workers beside a bare loop", rounds,
        Series("libvips in a bare loop, no jail", lambda: bare(options, "loop", folder / "large.jpg", seconds)),
        Series("vibe", lambda: bare(options, "pool", folder / "large.jpg", seconds, options.binary.with_name("vibe-media"))))
    table.rate("24 MP JPEG to 640 px WebP, jailed workers", pool, loop, 0.9)

    each = max(2, COPIES // rounds)
    originals = Renderings(vibe, copies(vibe, "originals", picture, each * rounds))
    canonical = pathlib.Path(folder / "canonical.jpg")
    subprocess.run([options.binary, "media", "render", folder / "large.jpg", "-o", canonical], check=True, capture_output=True)
    uploaded = Renderings(vibe, copies(vibe, "uploaded", canonical.read_bytes(), SMALLER * each * rounds))
    urls = [express.url + "/picture/large.jpg"] * each
    over_http, first, sharp = race(
        "renderings over HTTP", rounds, Series("vibe", lambda: originals.rate(each)),
        Series("vibe", lambda: uploaded.rate(SMALLER * each)),
        Series("Express 5 + sharp", lambda: many(urls, CLIENTS)))
    table.rate("  the same over HTTP, from the original in S3", over_http, sharp, 1.1)
    table.rate("first 640 px variant of an uploaded 24 MP photo", first, sharp, 4)


def measure_heic(table, vibe, token, folder, options):
    png, heic = folder / "phone.png", folder / "phone.heic"
    landscape((4032, 3024)).save(png, compress_level=1)
    subprocess.run(["heif-enc", "-q", "60", png, "-o", heic], check=True, capture_output=True)
    data = heic.read_bytes()
    theirs, mine = [], []
    for _ in range(max(3, options.rounds)):
        theirs.append(bare(options, "ingest", heic, 1))
        mine.append(client.upload(vibe.env["VIBE_API_URL"], token, data, "image/heic"))
    mine, theirs = statistics.median(mine), statistics.median(theirs)
    table.ratio("`complete` of a 12 MP HEIC, to the answer", mine, f"{theirs:.0f} ms  bare decode + encode", theirs, "ms", 1.15)


class Pulse:
    """Asks for /api/health again and again, and keeps the latencies."""

    def __init__(self, api):
        self.api, self.times_ms, self.over = api, [], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over.is_set():
            started = time.monotonic()
            client.fetch(self.api + "/api/health")
            self.times_ms.append((time.monotonic() - started) * 1000)
            self.over.wait(0.005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def p99_ms(self):
        return load.percentile(sorted(self.times_ms), 0.99)


def measure_crowd(table, vibe, picture, options):
    """All renderings at once, each of another key. A refusal must carry Retry-After."""
    urls = [f"{vibe.env['CDN_BASE_URL']}/{key}?{VARIANT}" for key in copies(vibe, "crowd", picture, AT_ONCE)]
    workers_mb = [0]

    def watch(over):
        while not over.wait(0.05):
            workers_mb[0] = max(workers_mb[0], vibe.media_mb())

    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(over,))
    watcher.start()
    with Pulse(vibe.env["VIBE_API_URL"]) as pulse:
        rate = many(urls, AT_ONCE)
    over.set()
    watcher.join()
    table.bound(f"{AT_ONCE} renderings of 24 MP at once ({rate:.0f}/s): vibe's peak memory", vibe.peak_mb(), "MB", 100)
    table.bound("  all media workers together, peak", workers_mb[0], "MB", 1024)
    table.bound(f"  p99 of {len(pulse.times_ms)} GET /api/health meanwhile", pulse.p99_ms(), "ms", 20)


def measure(table, race, Series, folder, options):
    print("drawing a picture of 24 megapixels …", file=sys.stderr)
    picture = encoded(landscape(SIDE), format="JPEG", quality=92)
    print(f"… of {len(picture) / 1e6:.1f} MB", file=sys.stderr)
    with servers.VibeUp(options.binary, folder / "vibe-media", servers.ALL_CORES) as vibe:
        token = client.register(vibe.env["VIBE_API_URL"], "media")
        with servers.Express(ROOT / "backend/bench/express", ROOT / "build/bench/express", vibe.env["DATABASE_URL"], folder,
                             servers.ALL_CORES) as express:
            measure_renderings(table, race, Series, vibe, express, picture, folder, options)
        measure_heic(table, vibe, token, folder, options)
        measure_crowd(table, vibe, picture, options)
