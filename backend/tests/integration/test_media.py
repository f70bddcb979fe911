"""Pictures through the whole pipeline: published upright, small and without private metadata. Hostile files neither stop the
service nor reach anybody."""

import base64
import concurrent.futures
import contextlib
import os
import random
import signal
import struct
import subprocess
import threading
import time
import zlib

import pytest
from PIL import Image

from helpers import images
from helpers.images import corners, decoded, encoded, private_fields, quarters, quarters_jpeg, size_of, with_private_fields
from helpers.metrics import metric
from helpers.phone import Phone
from helpers.processes import command_name, parent_of
from helpers.program import BINARY, run_vibe
from helpers.waiting import wait_until


def fetched(vibe, media):
    """(headers, bytes) of what the CDN delivers."""
    status, headers, data = vibe.request("GET", media["cdnUrl"])
    assert status == 200
    return headers, data


def published(phone, data, content_type="image/jpeg"):
    """Uploads a profile picture: the picture that the CDN delivers."""
    return decoded(fetched(phone.vibe, phone.send("profile-picture", data, content_type))[1])


# ---- the wall: decoders are in vibe-media alone ---------------------------------------------------------------------

def linked(program):
    out = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    if out.returncode:
        pytest.skip(f"{program} is linked statically")
    return out.stdout


def test_the_service_links_no_decoder():
    decoders = ("libvips", "libavformat", "libavcodec", "libswscale", "libheif", "libde265")
    assert "libvips" in linked(BINARY.with_name("vibe-media")) and "libavcodec" in linked(BINARY.with_name("vibe-media"))
    assert not [name for name in decoders if name in linked(BINARY)]


# ---- pictures ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("orientation, seen", enumerate(["RGBW", "GRWB", "WBGR", "BWRG", "RBGW", "BRWG", "WGBR", "GWRB"], 1))
def test_every_orientation_comes_out_upright(vibe, phone, tmp_path, orientation, seen):
    media = phone.send("profile-picture", with_private_fields(tmp_path, quarters_jpeg(), orientation))
    assert (media["width"], media["height"]) == ((320, 200) if orientation <= 4 else (200, 320))
    picture = decoded(fetched(vibe, media)[1])
    assert picture.size == (media["width"], media["height"])
    assert corners(picture) == seen


def test_no_private_metadata_is_left(vibe, phone, tmp_path):
    data = with_private_fields(tmp_path, quarters_jpeg(1200, 900))
    assert len(private_fields(tmp_path / "phone.jpg")) >= 10  # so there is something to remove
    media, out = phone.send("profile-picture", data), tmp_path / "out.jpg"
    out.write_bytes(fetched(vibe, media)[1])
    assert private_fields(out) == {}
    for word in (b"Apple", b"iPhone", b"C8QXJ0ABC", b"Berlin", b"secret", b"Exif", b"ns.adobe.com"):
        assert word not in out.read_bytes()
    # and the original is gone
    assert phone.keys("user-uploads") == []
    staged = vibe.request("GET", f"{vibe.cdn_url}/user-uploads/{phone.id}/x")
    assert staged[0] in (403, 404)


@pytest.mark.parametrize("angle, seen", enumerate(["RGBW", "GWRB", "WBGR", "BRWG"]))
def test_a_photo_rotated_by_container_and_exif_is_rotated_once(vibe, phone, tmp_path, angle, seen):
    """iPhones write the rotation twice: in the container, which counts, and in EXIF."""
    sideways = tmp_path / "sideways.jpg"
    sideways.write_bytes(with_private_fields(tmp_path, quarters_jpeg(640, 400, quality=95), orientation=6))
    subprocess.run(["heif-enc", "-q", "90", "-o", str(tmp_path / "plain.heic"), str(sideways)], check=True, capture_output=True)
    data = images.turned_heic((tmp_path / "plain.heic").read_bytes(), angle)
    (tmp_path / "turned.heic").write_bytes(data)
    said = subprocess.run(["exiftool", "-n", "-s3", "-Orientation", "-Rotation", str(tmp_path / "turned.heic")],
                          capture_output=True, text=True).stdout.split()
    assert said[0] == "6"
    picture = published(phone, data, "image/heic")
    assert picture.size == ((640, 400), (400, 640))[angle % 2] and corners(picture) == seen


@pytest.mark.parametrize("deep", [10, 12])
def test_pictures_of_10_and_12_bits_are_published_with_8(vibe, phone, tmp_path, deep):
    picture = published(phone, images.heif(tmp_path, quarters(640, 400), "-b", str(deep)), "image/heic")
    assert picture.size == (640, 400) and picture.mode == "RGB" and corners(picture) == "RGBW"


@pytest.mark.parametrize("kind, content_type", [
    ("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif"),
    ("HEIC", "image/heic"), ("AVIF", "image/avif")])
def test_every_format_becomes_a_jpeg(vibe, phone, tmp_path, kind, content_type):
    if kind in ("HEIC", "AVIF"):
        data = images.heif(tmp_path, quarters(640, 400), *(["-A"] if kind == "AVIF" else []))
    elif kind == "GIF":
        data = encoded(quarters(640, 400), kind, save_all=True, append_images=[Image.new("RGB", (640, 400))] * 3)
    else:
        data = encoded(quarters(640, 400), kind)
    media = phone.send("profile-picture", data, content_type)
    headers, data = fetched(vibe, media)
    assert headers["content-type"] == media["contentType"] == "image/jpeg" and media["key"].endswith(".jpg")
    picture = decoded(data)
    assert picture.format == "JPEG" and picture.size == (640, 400) and corners(picture) == "RGBW"
    assert media["bytes"] == len(data)


def test_colours_of_a_wide_profile_are_converted(vibe, phone):
    """The published picture has the colours that the profile describes, in sRGB."""
    rgb = Image.new("RGB", (64, 64), (200, 80, 20))
    picture = published(phone, encoded(rgb, "JPEG", quality=95, icc_profile=images.swapped_profile()))
    assert "icc_profile" not in picture.info
    r, g, b = picture.getpixel((32, 32))
    assert b > 150 and r < 80, (r, g, b)
    # without a profile nothing changes: white stays white
    white = published(phone, encoded(Image.new("RGB", (64, 64), (255, 255, 255)), "PNG"), "image/png")
    assert white.getpixel((32, 32)) == (255, 255, 255)


def test_transparency_becomes_white(vibe, phone):
    transparent = encoded(Image.new("RGBA", (40, 40), (255, 0, 0, 0)), "PNG")
    assert published(phone, transparent, "image/png").getpixel((20, 20)) == (255, 255, 255)


def test_the_longest_side_is_2560(vibe, phone):
    media = phone.send("profile-picture", quarters_jpeg(4000, 3000, quality=80))
    assert (media["width"], media["height"]) == (2560, 1920)
    assert size_of(fetched(vibe, media)[1]) == (2560, 1920)


def test_complete_returns_thumbhash_colour_and_variants(vibe, phone):
    media = phone.send("profile-picture", quarters_jpeg(1000, 600, quality=80))
    assert 5 <= len(base64.b64decode(media["thumbhash"])) <= 25
    assert media["dominantColor"].startswith("#") and len(media["dominantColor"]) == 7
    assert [variant["width"] for variant in media["variants"]] == [64, 96, 128, 160, 256, 320, 480, 640, 750, 828]
    assert media["variants"][5] == {"width": 320, "height": 192, "url": media["cdnUrl"] + "?w=320"}


# ---- vibe media ----------------------------------------------------------------------------------------------------

def test_inspect_says_what_the_pipeline_sees(vibe, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(with_private_fields(tmp_path, quarters_jpeg(), 6))
    out = run_vibe("media", "inspect", path)
    assert out.returncode == 0, out.stderr
    assert "image/jpeg, by its bytes" in out.stdout and "200 x 320 upright" in out.stdout
    assert "YES: GPS coordinates" in out.stdout and "would be accepted" in out.stdout
    path.write_bytes(b"not a picture at all")
    out = run_vibe("media", "inspect", path)
    assert out.returncode == 1 and "its first bytes decide" in out.stderr


def test_inspect_reads_an_object_in_the_bucket(vibe, phone, tmp_path):
    ticket = phone.stage("profile-picture", with_private_fields(tmp_path, quarters_jpeg(), orientation=6))

    def inspect(key):
        return run_vibe("media", "inspect", key, cwd=tmp_path, environment=vibe.env)

    staged = inspect(ticket["key"])
    assert staged.returncode == 0, staged.stderr
    assert "image/jpeg in bucket" in staged.stdout and "200 x 320 upright" in staged.stdout and "YES" in staged.stdout
    assert phone.complete(ticket)[0] == 200
    assert "none" in inspect(phone.keys("profile-pictures")[0]).stdout
    missing = inspect(ticket["key"])
    assert missing.returncode == 1 and ticket["key"] in missing.stderr and vibe.bucket in missing.stderr


def test_render_makes_the_variant_that_the_cdn_serves(vibe, tmp_path):
    source, out = tmp_path / "a.png", tmp_path / "out.webp"
    quarters(1000, 600).save(source)
    done = run_vibe("media", "render", source, "-o", out, "--w", 640, "--fm", "webp")
    assert done.returncode == 0, done.stderr
    picture = Image.open(out)
    assert (picture.format, picture.size) == ("WEBP", (640, 384))
    done = run_vibe("media", "render", source, "-o", tmp_path / "c.jpg")
    assert done.returncode == 0 and Image.open(tmp_path / "c.jpg").size == (1000, 600)


# ---- hostile files -------------------------------------------------------------------------------------------------

def png_bomb(width, height):
    """A decompression bomb: kilobytes that decode to gigabytes."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + 3 * width)
    return images.png_of(width, height, b"".join(packer.compress(row) for _ in range(min(height, 2000))) + packer.flush())


def scan_bomb():
    """A small progressive JPEG that asks for the same scan a thousand times."""
    data = encoded(quarters(64, 64), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 1000 + b"\xff\xd9"


def lying_jpeg(width, height):
    data = bytearray(encoded(quarters(64, 64), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5:frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def hostile_files(tmp_path):
    jpeg, png = encoded(quarters(), "JPEG"), encoded(quarters(), "PNG")
    yield "truncated.jpg", jpeg[:len(jpeg) // 2], "image/jpeg"
    yield "truncated.png", png[:len(png) // 2], "image/png"
    yield "header only.jpg", jpeg[:20], "image/jpeg"
    yield "bomb.png", png_bomb(30000, 30000), "image/png"
    yield "wide bomb.png", png_bomb(2_000_000_000, 1), "image/png"
    yield "scans.jpg", scan_bomb(), "image/jpeg"
    yield "lying.jpg", lying_jpeg(65000, 65000), "image/jpeg"
    heic = images.heic()
    yield "truncated.heic", heic[:len(heic) - 20], "image/heic"
    yield "empty gif", b"GIF89a" + struct.pack("<HH", 65000, 65000) + bytes(20), "image/gif"
    yield "webp without data", images.webp()[:30], "image/webp"
    yield "svg inside", b"\xff\xd8\xff\xe0" + b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>', "image/jpeg"
    yield "mvg inside", b"\x89PNG\r\n\x1a\n" + b"push graphic-context\nimage over 0,0 0,0 '/etc/passwd'\n", "image/png"


def test_hostile_files_are_refused_with_a_reason(vibe, phone, tmp_path):
    for name, data, content_type in hostile_files(tmp_path):
        status, body = phone.upload("profile-picture", data, content_type)
        assert (status, body.get("code")) == (422, "media_rejected"), (name, status, body)
        assert body["detail"], name
    assert phone.keys("user-uploads") == [] and phone.keys("profile-pictures") == []
    assert phone.me()["profilePicture"] is None


def test_a_polyglot_loses_its_other_half(vibe, phone):
    """A file that is a JPEG, a script and an archive at once is published as a JPEG only."""
    tail = b"<script>alert(1)</script>PK\x03\x04"
    media = phone.send("profile-picture", quarters_jpeg(comment=b"/*") + tail)
    assert b"<script>" not in fetched(vibe, media)[1]


def test_bit_flips_crash_nothing(vibe, tmp_path):
    """Of a file with random damage the program makes a picture or a message; it never crashes or hangs."""
    rng = random.Random(4)
    sources = [("x.jpg", encoded(quarters(), "JPEG")), ("x.png", encoded(quarters(), "PNG")),
               ("x.webp", encoded(quarters(), "WEBP")), ("x.gif", encoded(quarters(), "GIF")), ("x.heic", images.heic())]
    for round_ in range(30):
        name, data = sources[round_ % len(sources)]
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 12)):
            damaged[rng.randrange(12, len(damaged))] ^= 1 << rng.randrange(8)
        path = tmp_path / name
        path.write_bytes(damaged)
        out = run_vibe("media", "render", path, "-o", tmp_path / "out.jpg")
        assert out.returncode in (0, 1), (name, round_, out.stderr)
        assert out.returncode == 0 or out.stderr.startswith("vibe: "), out.stderr


def test_one_persons_heavy_pictures_keep_nobody_waiting(vibe, phone):
    """One user completes more pictures at once than a user may. The excess is refused, and another user goes between."""
    heavy = Image.frombytes("RGB", (500, 400), random.Random(7).randbytes(600_000)).resize((6000, 4800))
    data = encoded(heavy, "JPEG", progressive=True)
    crowd, other, photo = 24, Phone(vibe), encoded(quarters(), "JPEG")
    tickets = [phone.stage("profile-picture", data) for _ in range(crowd)]
    mine = other.stage("profile-picture", photo)

    def complete(ticket):
        status, headers, body = phone.answer_to_complete(ticket, timeout_s=300)
        return status, body.get("code"), headers["Retry-After"]

    def published():
        return sum(one.done() and one.result()[0] == 200 for one in waiting)

    with concurrent.futures.ThreadPoolExecutor(crowd) as threads:
        waiting = [threads.submit(complete, ticket) for ticket in tickets]
        first = wait_until(lambda: [one.result() for one in waiting if one.done()], "the refusal of the excess")[0]
        wait_until(lambda: metric(vibe, "vibe_media_jobs_waiting") >= 12, "a queue of the others")
        before = published()
        status, body = other.complete(mine, timeout_s=300)
        overtaken = 12 - (published() - before)  # of those that stood in the queue before it
        assert status == 200 and overtaken >= 4, (status, overtaken)
        assert vibe.request("GET", body["media"]["cdnUrl"] + "?w=64")[0] == 200
        answers = [one.result() for one in waiting]
    assert first == (503, "media_busy", "2")
    assert set(answers) == {(200, None, None), first}  # on a busy machine some wait too long, and are refused as well
    wait_until(lambda: all(phone.complete(ticket, timeout_s=300)[0] == 200 for ticket in tickets),
               "the completion of all, one after the other", timeout_s=600)


def test_the_service_goes_on_when_its_workers_are_killed(vibe, phone):
    """Workers and their nursery are killed at random; the next upload works."""
    data, rng = encoded(quarters(), "JPEG"), random.Random(5)
    for _ in range(4):
        media = sorted(pid for pid in vibe.processes() if command_name(pid) == "vibe-media")
        for pid in rng.sample(media, rng.randint(1, len(media))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ticket = phone.stage("profile-picture", data)
        wait_until(lambda: phone.complete(ticket)[0] == 200, "a completed upload")
    assert vibe.request("GET", "/api/health")[0] == 200


def test_killed_workers_cost_no_upload(vibe, phone):
    """A system that is out of memory kills workers. That is never a reason to refuse a file."""
    heavy = Image.frombytes("RGB", (500, 400), random.Random(9).randbytes(600_000)).resize((4000, 3200))
    data, seen = encoded(heavy, "JPEG", progressive=True), []
    tickets = [phone.stage("profile-picture", data) for _ in range(6)]
    over = threading.Event()

    def complete(ticket):
        while not over.is_set():
            status, body = phone.complete(ticket, timeout_s=300)
            seen.append((status, body.get("code")))
            if status == 200:
                return

    with concurrent.futures.ThreadPoolExecutor(len(tickets)) as threads:
        running = [threads.submit(complete, ticket) for ticket in tickets]
        until = time.monotonic() + 300
        while time.monotonic() < until and seen.count((503, "media_busy")) < 2 * len(tickets):
            for pid in vibe.processes():
                if command_name(pid) == "vibe-media" and parent_of(pid) != vibe.process.pid:  # not the nursery, which forks new ones
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            over.wait(0.05)  # between two rounds of kills
        over.set()
        for one in running:
            one.result()
    assert set(seen) <= {(200, None), (503, "media_busy")} and (503, "media_busy") in seen, set(seen)
    wait_until(lambda: all(phone.complete(ticket)[0] == 200 for ticket in tickets), "the completion of all", timeout_s=300)
