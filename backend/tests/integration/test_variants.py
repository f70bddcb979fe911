"""Variants: every screen gets the right size in the best format that it accepts, rendered once and cached."""

import asyncio
import concurrent.futures
import contextlib
import select
import socket
import subprocess
import urllib.parse

import pytest
from PIL import Image

from helpers import images, videos
from helpers.cdn import get, new_key, put
from helpers.faults import Relay, small_disk
from helpers.images import corners, decoded, encoded, quarters, quarters_jpeg, size_of
from helpers.metrics import metric
from helpers.phone import Phone
from helpers.processes import free_port
from helpers.waiting import wait_until

WIDTHS = [64, 96, 128, 160, 256, 320, 480, 640, 750, 828, 1080, 1280, 1920, 2560]
ALL_FORMATS = "image/avif,image/webp,image/apng,*/*;q=0.8"


def picture(width=1200, height=800):
    return quarters_jpeg(width, height)


@pytest.fixture
def key(vibe):
    return put(vibe, new_key(), picture())


def variant(vibe, key, query, accept=None, method="GET"):
    return get(vibe, f"{key}?{query}", method, **({"Accept": accept} if accept else {}))


def from_avif(data, tmp_path):
    """The picture of an AVIF file."""
    (tmp_path / "in.avif").write_bytes(data)
    subprocess.run(["heif-convert", tmp_path / "in.avif", tmp_path / "out.png"], check=True, capture_output=True)
    return Image.open(tmp_path / "out.png")


# ---- sizes ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("width", WIDTHS)
def test_each_width_of_the_list_is_made_and_none_is_enlarged(vibe, key, width):
    status, headers, data = variant(vibe, key, f"w={width}&fm=jpeg")
    assert status == 200 and headers["Content-Type"] == "image/jpeg"
    shown = decoded(data)
    expected = min(width, 1200)
    assert shown.size == (expected, round(expected * 2 / 3)) and corners(shown) == "RGBW"


@pytest.mark.parametrize("query, name", [
    ("w=100", "w"), ("w=0", "w"), ("w=-64", "w"), ("w=64.5", "w"), ("w=", "w"), ("w=064", "w"), ("w=99999", "w"),
    ("h=0", "h"), ("h=2561", "h"), ("h=x", "h"), ("w=64&fit=fill", "fit"), ("w=64&fm=png", "fm"), ("w=64&fm=svg", "fm"),
    ("w=64&q=0", "q"), ("w=64&q=101", "q"), ("w=64&w=96", "w")])
def test_a_disallowed_parameter_is_refused_by_name(vibe, key, query, name):
    status, headers, text = variant(vibe, key, query)
    assert status == 400 and text.decode().startswith(f"bad_variant: {name} ")
    if name == "w" and "w=64&w" not in query:
        assert " ".join(map(str, WIDTHS)) in text.decode()


@pytest.mark.parametrize("query, size", [
    ("w=320&h=100&fit=cover", (320, 100)), ("w=96&h=96&fit=cover", (96, 96)), ("w=320&h=100", (150, 100)),
    ("w=320&h=2000&fit=contain", (320, 213)), ("h=100", (150, 100)), ("w=2560&h=2560&fit=cover", (800, 800)),
    ("w=320&fit=cover", (320, 213))])
def test_height_and_fit_give_the_documented_size(vibe, key, query, size):
    assert size_of(variant(vibe, key, query + "&fm=jpeg")[2]) == size


def test_cover_cuts_evenly_on_both_sides(vibe):
    wide = Image.new("RGB", (900, 300), (20, 200, 20))
    wide.paste((200, 20, 20), (0, 0, 300, 300))
    wide.paste((20, 20, 200), (600, 0, 900, 300))
    key = put(vibe, new_key(), encoded(wide, "JPEG", quality=95))
    shown = decoded(variant(vibe, key, "w=256&h=256&fit=cover&fm=jpeg")[2])
    assert all(shown.getpixel((x, 128))[1] > 150 for x in (5, 128, 250))


def test_quality_is_rounded_to_steps_and_changes_the_bytes(vibe, key):
    low, high = (len(variant(vibe, key, f"w=640&fm=jpeg&q={q}")[2]) for q in (40, 90))
    assert low < high
    assert variant(vibe, key, "w=640&fm=jpeg&q=81")[1]["ETag"] == variant(vibe, key, "w=640&fm=jpeg&q=80")[1]["ETag"]


# ---- formats -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("accept, content_type", [
    (None, "image/jpeg"), ("*/*", "image/jpeg"), ("image/*", "image/jpeg"), ("image/webp,*/*", "image/webp"),
    ("image/webp;q=0,*/*", "image/jpeg"), ("image/png,image/*;q=0.8", "image/jpeg")])
def test_auto_chooses_a_format_that_the_client_accepts(vibe, key, accept, content_type):
    for query in ("w=320", "w=320&fm=auto"):
        status, headers, data = variant(vibe, key, query, accept)
        assert (status, headers["Content-Type"], headers["Vary"]) == (200, content_type, "Accept")
        assert "immutable" in headers["Cache-Control"] and size_of(data) == (320, 213)


def test_avif_is_rendered_in_the_background_while_webp_is_served(vibe, key, tmp_path):
    status, headers, data = variant(vibe, key, "w=640", ALL_FORMATS)
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "image/webp", "public, max-age=600")

    def avif():
        answer = variant(vibe, key, "w=640", ALL_FORMATS)
        return answer if answer[1]["Content-Type"] == "image/avif" else None

    status, headers, data = wait_until(avif, "the AVIF")
    assert status == 200 and "immutable" in headers["Cache-Control"] and headers["Vary"] == "Accept"
    shown = from_avif(data, tmp_path)
    assert shown.size == (640, 427) and corners(shown) == "RGBW"


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_an_explicit_format_is_served(vibe, key, tmp_path, format):
    status, headers, data = variant(vibe, key, f"w=320&fm={format}", "text/html")
    assert (status, headers["Content-Type"]) == (200, f"image/{format}") and "Vary" not in headers
    shown = from_avif(data, tmp_path) if format == "avif" else decoded(data)
    assert shown.size == (320, 213) and corners(shown) == "RGBW"


# ---- caching -------------------------------------------------------------------------------------------------------

def test_one_variant_has_one_cache_entry_whatever_the_order_of_its_parameters(vibe, key):
    before = metric(vibe, "vibe_cdn_renderings_total")
    same = ["w=480&fm=webp", "fm=webp&w=480", "w=480&fm=webp&q=80", "w=480&fm=webp&fit=cover", "w=480&fm=webp&utm=x",
            "&fm=webp&&w=480&fit=contain"]
    answers = [variant(vibe, key, query) for query in same]
    assert len({(status, headers["ETag"], data) for status, headers, data in answers}) == 1
    assert [headers["X-Cache"] for _, headers, _ in answers] == ["miss"] + ["hit"] * 5
    assert metric(vibe, "vibe_cdn_renderings_total") - before == 1


def test_widths_beyond_the_original_share_one_rendering(vibe):
    key = put(vibe, new_key(), picture(300, 200))
    before = metric(vibe, "vibe_cdn_renderings_total")
    answers = {variant(vibe, key, f"w={width}&fm=jpeg")[1]["ETag"] for width in (320, 640, 1280, 2560)}
    assert len(answers) == 1 and metric(vibe, "vibe_cdn_renderings_total") - before == 1


def test_etags_belong_to_the_variant(vibe, key):
    etags = {variant(vibe, key, query)[1]["ETag"] for query in ("w=64&fm=jpeg", "w=96&fm=jpeg", "w=64&fm=webp")}
    etags.add(get(vibe, key)[1]["ETag"])
    assert len(etags) == 4
    etag = variant(vibe, key, "w=64&fm=jpeg")[1]["ETag"]
    assert get(vibe, key + "?w=64&fm=jpeg", If_None_Match=etag)[0] == 304
    assert get(vibe, key + "?w=96&fm=jpeg", If_None_Match=etag)[0] == 200
    status, headers, data = get(vibe, key + "?w=64&fm=jpeg", Range="bytes=0-1")
    assert (status, data) == (206, b"\xff\xd8")
    status, headers, data = variant(vibe, key, "w=64&fm=jpeg", method="HEAD")
    assert status == 200 and data == b"" and headers["ETag"] == etag and int(headers["Content-Length"]) > 100


async def ask_all(url, count):
    parts = urllib.parse.urlsplit(url)
    request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()

    async def ask():
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    return await asyncio.wait_for(asyncio.gather(*(ask() for _ in range(count))), 600)


def test_a_thousand_clients_cost_one_rendering(vibe, key):
    before = metric(vibe, "vibe_cdn_renderings_total")
    answers = asyncio.run(ask_all(f"{vibe.cdn_url}/{key}?w=750&fm=webp", 1000))
    assert {status for status, _ in answers} == {200} and len({body for _, body in answers}) == 1
    assert metric(vibe, "vibe_cdn_renderings_total") - before == 1


def test_one_clients_many_renderings_keep_nobody_waiting(vibe_factory):
    vibe = vibe_factory(environment={"TRUSTED_PROXIES": "127.0.0.1"})
    key, other, many = put(vibe, new_key(), picture(1600, 1100)), put(vibe, new_key(), picture()), 120
    flood = [socket.create_connection(("127.0.0.1", vibe.cdn_port), timeout=600) for _ in range(many)]
    try:
        for number, one in enumerate(flood):
            one.sendall(f"GET /{key}?w=1920&h={300 + number}&fit=cover&fm=webp HTTP/1.1\r\nHost: x\r\n"
                        "X-Forwarded-For: 203.0.113.1\r\n\r\n".encode())
        assert get(vibe, f"{other}?w=64&fm=webp", X_Forwarded_For="203.0.113.2")[0] == 200
        answered = len(select.select(flood, [], [], 0)[0])
        assert {one.recv(12) for one in flood} == {b"HTTP/1.1 200"} and answered < many * 3 // 4, answered
    finally:
        for one in flood:
            one.close()


def test_the_cache_survives_a_restart(vibe_factory):
    vibe = vibe_factory()
    key = put(vibe, new_key(), picture())
    first = variant(vibe, key, "w=320&fm=webp")
    assert first[1]["X-Cache"] == "miss"
    vibe.restart()
    second = variant(vibe, key, "w=320&fm=webp")
    assert second[1]["X-Cache"] == "hit" and second[2] == first[2] and second[1]["ETag"] == first[1]["ETag"]
    assert metric(vibe, "vibe_cdn_renderings_total") == 0
    vibe.kill()
    vibe.start()
    assert variant(vibe, key, "w=320&fm=webp")[1]["X-Cache"] == "hit"


def test_a_changed_object_has_new_variants_after_a_restart(vibe_factory):
    """The program never reuses a key. A key that is reused by hand does not mix old and new variants."""
    vibe = vibe_factory()
    key = put(vibe, new_key(), picture())
    first = variant(vibe, key, "w=64&fm=jpeg")
    put(vibe, key, picture(800, 800))
    vibe.restart()
    second = variant(vibe, key, "w=64&fm=jpeg")
    assert size_of(first[2]) == (64, 43) and size_of(second[2]) == (64, 64) and second[1]["X-Cache"] == "miss"


def test_a_deleted_picture_goes_with_its_variants_at_once(vibe_factory):
    vibe = vibe_factory(environment={"SWEEP_INTERVAL": "1", "SWEEP_REPLACED_AFTER": "1"})
    phone = Phone(vibe)
    media = phone.send("profile-picture", picture())
    old = media["key"]
    assert get(vibe, old)[0] == 200 and variant(vibe, old, "w=64&fm=webp")[0] == 200
    cached = vibe.data_dir / "cache"
    assert list(cached.glob("*/*/w=64*"))
    phone.send("profile-picture", picture(600, 600))
    wait_until(lambda: get(vibe, old)[0] == 404, "a 404 for the replaced picture")
    assert variant(vibe, old, "w=64&fm=webp")[0] == 404
    assert not list(cached.glob("*/*/w=64*"))


def test_a_rendering_in_flight_of_a_deleted_picture_is_not_kept(vibe_factory):
    vibe = vibe_factory(environment={"SWEEP_INTERVAL": "1", "SWEEP_REPLACED_AFTER": "1"})
    grain = encoded(Image.effect_noise((2560, 1900), 90).convert("RGB"), "JPEG", quality=80)

    def busy():
        return metric(vibe, "vibe_pool_running", pool="render-slow") + metric(vibe, "vibe_pool_queued", pool="render-slow")

    def delete_in_the_middle():
        """Deletes a picture while AVIFs of it are rendered: its key, or None if they were done before it was gone."""
        phone = Phone(vibe)
        key = phone.send("profile-picture", grain)["key"]
        with concurrent.futures.ThreadPoolExecutor(14) as threads:
            list(threads.map(lambda quality: variant(vibe, key, f"w=2560&q={quality}", ALL_FORMATS), range(30, 96, 5)))
        assert phone.call("DELETE", "/api/users/me")[0] == 204
        wait_until(lambda: get(vibe, key)[0] == 404, "a 404 for the deleted picture")
        return key if busy() else None

    old = next(filter(None, (delete_in_the_middle() for _ in range(5))), None)
    assert old, "the renderings were always done before the picture was gone"
    wait_until(lambda: busy() == 0, "the end of the renderings", timeout_s=600)
    assert [path.name for path in (vibe.data_dir / "cache").glob("*/*/*")] == []
    assert variant(vibe, old, "w=2560&q=30", ALL_FORMATS)[0] == 404


# ---- pictures uploaded by other means, and files that are none ------------------------------------------------------

@pytest.mark.parametrize("kind, content_type", [("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")])
def test_pictures_uploaded_by_other_means_have_variants_too(vibe, kind, content_type):
    key = put(vibe, new_key(extension=kind.lower()), encoded(quarters(400, 300), kind), content_type)
    shown = decoded(variant(vibe, key, "w=256&fm=jpeg")[2])
    assert shown.size == (256, 192) and corners(shown) == "RGBW"


@pytest.mark.parametrize("query, size", [("w=96", (96, 154)), ("w=160&h=160", (100, 160)), ("w=640", (200, 320))])
def test_a_photo_uploaded_by_other_means_is_shown_upright(vibe, tmp_path, query, size):
    """A camera stores it sideways; the variants have the dimensions of the upright picture."""
    key = put(vibe, new_key(), images.with_private_fields(tmp_path, quarters_jpeg(), orientation=6))
    data = variant(vibe, key, query + "&fm=jpeg")[2]
    (tmp_path / "shown.jpg").write_bytes(data)
    shown = decoded(data)
    assert shown.size == size and corners(shown) == "BRWG"
    assert images.private_fields(tmp_path / "shown.jpg") == {}


def test_the_colours_of_a_photo_uploaded_by_other_means_are_converted(vibe):
    key = put(vibe, new_key(), encoded(Image.new("RGB", (640, 480), (200, 80, 20)), "JPEG", icc_profile=images.swapped_profile()))
    red, _, blue = decoded(variant(vibe, key, "w=256&fm=jpeg")[2]).getpixel((32, 32))
    assert blue > 150 and red < 80


def test_grey_and_cmyk_photos_uploaded_by_other_means_are_shown(vibe):
    for mode, colour in (("L", 100), ("CMYK", (0, 0, 0, 155))):
        key = put(vibe, new_key(), encoded(Image.new(mode, (640, 480), colour), "JPEG", quality=90))
        shown = decoded(variant(vibe, key, "w=256&fm=jpeg")[2]).convert("RGB")
        assert shown.size == (256, 192) and all(60 < number < 140 for number in shown.getpixel((99, 99))), mode


def test_a_jpeg_header_may_be_long(vibe):
    """Some cameras write hundreds of kilobytes of metadata before the picture."""
    data = picture()
    data = data[:2] + (b"\xff\xe4\xff\xff" + bytes(65533)) * 9 + data[2:]
    assert size_of(variant(vibe, put(vibe, new_key(), data), "w=128&fm=jpeg")[2]) == (128, 85)


@pytest.mark.parametrize("data, content_type", [
    (videos.mp4(), "video/mp4"), (b"GIF89a<script>", "image/gif"), (picture()[:3000], "image/jpeg"),
    (b"", "image/jpeg"), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/jpeg")])
def test_a_file_that_is_no_picture_has_no_variants_and_harms_nobody(vibe, key, data, content_type):
    bad = put(vibe, new_key(), data, content_type)
    for _ in range(3):
        status, headers, text = variant(vibe, bad, "w=64")
        assert status == 422 and text.decode().startswith("not_a_picture:")
    assert variant(vibe, key, "w=160&fm=jpeg")[0] == 200


def test_missing_and_private_objects_have_no_variants(vibe):
    assert variant(vibe, new_key(), "w=64")[0] == 404
    assert variant(vibe, put(vibe, new_key("user-uploads"), picture()), "w=64")[0] == 403


def test_a_key_that_looks_like_a_variant_is_a_key(vibe, key):
    assert variant(vibe, key, "w=128&fm=webp")[0] == 200
    assert get(vibe, key + "%3Fw=128&fm=webp")[0] == 404
    assert get(vibe, key + "%0Aw=128&fm=webp&q=80")[0] == 400
    assert variant(vibe, key, "w=128&fm=webp")[1]["X-Cache"] == "hit"


# ---- faults --------------------------------------------------------------------------------------------------------

def test_without_the_bucket_the_cache_serves_stale_pictures(vibe, key, serve_factory):
    port = free_port()
    with Relay(vibe.s3_port) as relay:
        relay.restore()
        serve = serve_factory(S3_ENDPOINT=relay.url, CDN_PORT=port, CDN_CACHE_DIR="cache")
        serve.env["CDN_BASE_URL"] = f"http://127.0.0.1:{port}"
        before = variant(serve, key, "w=320&fm=webp"), get(serve, key)
        assert [answer[1]["X-Cache"] for answer in before] == ["miss", "hit"]
        serve.stop()
        relay.cut()
        serve.start()
        after = variant(serve, key, "w=320&fm=webp"), get(serve, key)
        assert [answer[0] for answer in after] == [200, 200]
        assert [answer[1]["X-Cache"] for answer in after] == ["stale", "stale"]
        assert [answer[2] for answer in after] == [answer[2] for answer in before]
        status, headers, _ = variant(serve, new_key(), "w=320&fm=webp")
        assert status == 503 and int(headers["Retry-After"]) >= 1
        relay.restore()
        wait_until(lambda: variant(serve, key, "w=320&fm=webp")[1]["X-Cache"] == "hit", "the bucket's return")


@pytest.fixture
def small_cache(vibe_factory):
    """A `vibe up` whose edge has a disk of 4 MB for its cache."""
    instance = vibe_factory(start=False)
    with small_disk(instance.data_dir / "cache", "4m"), instance:
        yield instance


def test_a_full_cache_disk_costs_time_and_nothing_else(small_cache):
    vibe, filling = small_cache, small_cache.data_dir / "cache" / "filling"
    first, large = put(vibe, new_key(), picture()), put(vibe, new_key(), bytes(3_000_000))
    kept = variant(vibe, first, "w=320&fm=webp")
    with contextlib.suppress(OSError), open(filling, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    for _ in range(3):  # no place for pieces of the large object, for small ones and for variants
        assert get(vibe, large)[2] == bytes(3_000_000)
        key = put(vibe, new_key(), picture())
        assert get(vibe, key)[0] == 200 and size_of(variant(vibe, key, "w=256&fm=jpeg")[2]) == (256, 171)
    assert variant(vibe, first, "w=320&fm=webp")[2] == kept[2]
    filling.unlink()
    key = put(vibe, new_key(), picture())
    assert variant(vibe, key, "w=64&fm=webp")[1]["X-Cache"] == "miss"
    wait_until(lambda: list(vibe.data_dir.glob("cache/*/*/w=64*")), "a variant on the disk")
    vibe.restart()
    for asked, query in ((first, "w=320&fm=webp"), (key, "w=64&fm=webp")):
        assert variant(vibe, asked, query)[1]["X-Cache"] == "hit"


def test_requests_that_wait_for_renderings_hold_nobody_up(vibe):
    """Renderings of many large pictures are in flight: a picture in memory is served meanwhile, and all renderings arrive."""
    large = [put(vibe, new_key(), encoded(quarters(4000, 3000), "JPEG", quality=60 + i)) for i in range(12)]
    small = put(vibe, new_key(), picture())
    assert get(vibe, small)[0] == 200

    async def race():
        waiting = [asyncio.create_task(ask_all(f"{vibe.cdn_url}/{key}?w=1920&fm=webp&q=90", 20)) for key in large]
        while not any(task.done() for task in waiting):
            [(status, _)] = await ask_all(f"{vibe.cdn_url}/{small}?", 1)
            assert status == 200
        return await asyncio.gather(*waiting)

    for answers in asyncio.run(race()):
        assert {status for status, _ in answers} == {200}


def test_a_stop_in_the_middle_of_renderings_is_clean(vibe_factory):
    vibe = vibe_factory()
    keys = [put(vibe, new_key(), encoded(quarters(4000, 3000), "JPEG", quality=60 + i)) for i in range(10)]

    async def ask_and_end():
        tasks = [asyncio.create_task(ask_all(f"{vibe.cdn_url}/{key}?w=2560&fm=avif", 1)) for key in keys]
        while metric(vibe, "vibe_media_jobs_waiting") + metric(vibe, "vibe_http_requests_in_flight") == 0:
            await asyncio.sleep(0.01)
        vibe.process.terminate()
        return await asyncio.gather(*tasks, return_exceptions=True)

    for answer in asyncio.run(ask_and_end()):
        assert isinstance(answer, Exception) or answer[0][0] in (200, 503)
    vibe.stop(timeout_s=60)
