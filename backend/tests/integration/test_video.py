"""Videos as phones record them: published without private metadata, playable from the first byte, the right way up, and not
re-encoded."""

import random
import struct

import pytest

from helpers import videos
from helpers.api import status_and_code
from helpers.database import row
from helpers.images import corners, decoded, size_of
from helpers.program import run_vibe
from helpers.videos import H264, HEVC, boxes, ffmpeg, probe, stream_hashes

LOCATION = ["-metadata", "location=+52.5200+013.4050/", "-metadata", "title=Zoë at home"]
APPLE = ["-movflags", "use_metadata_tags", "-metadata", "com.apple.quicktime.location.ISO6709=+52.5200+013.4050/",
         "-metadata", "com.apple.quicktime.make=Apple", "-metadata", "com.apple.quicktime.model=iPhone 15",
         "-metadata", "creation_time=2026-11-25T07:00:00Z"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """made(name, *options, seconds=, sound=, size=): the file of a film of four coloured quarters."""
    folder = tmp_path_factory.mktemp("films")

    def make(name, *options, **kind):
        videos.quarters(folder / name, *options, **kind)
        return folder / name

    return make


def publish(vibe, phone, path, folder, content_type="video/mp4"):
    """(the media, the file that the CDN delivers)"""
    media = phone.send("story-media", path.read_bytes(), content_type)
    served = folder / "served.mp4"
    status, headers, data = vibe.request("GET", media["cdnUrl"])
    assert status == 200 and headers["Content-Type"] == "video/mp4" and len(data) == media["bytes"]
    served.write_bytes(data)
    return media, served


@pytest.mark.parametrize("name, options", [
    ("android.mp4", [*H264, *LOCATION]), ("iphone.mov", [*H264, *APPLE]), ("hevc.mov", [*HEVC, "-tag:v", "hev1", *APPLE]),
    ("hvc1.mp4", [*HEVC, "-tag:v", "hvc1", *LOCATION]), ("first.mp4", [*H264, "-movflags", "faststart", *LOCATION]),
    ("pieces.mp4", [*H264, "-movflags", "frag_keyframe+empty_moov", *LOCATION])])
def test_a_video_is_published_without_private_metadata_and_not_reencoded(vibe, phone, made, tmp_path, name, options):
    path = made(name, *options)
    assert videos.private_fields(path)
    media, served = publish(vibe, phone, path, tmp_path, "video/quicktime" if name.endswith("mov") else "video/mp4")
    assert videos.private_fields(served) == {}
    assert b"+52.5" not in served.read_bytes() and b"iPhone" not in served.read_bytes()
    kinds = boxes(served.read_bytes())
    assert kinds.index("moov") < kinds.index("mdat") and set(kinds) <= {"ftyp", "moov", "free", "mdat"}
    assert stream_hashes(served) == stream_hashes(path)
    video = probe(served)["streams"][0]
    assert video["codec_tag_string"] == ("hvc1" if "hev" in name or "hvc" in name else "avc1")
    assert (media["width"], media["height"]) == (320, 180) and abs(media["durationMs"] - 2000) < 100
    assert media["key"].endswith(".mp4") and media["thumbhash"] and media["variants"][0]["url"].startswith(media["poster"]["cdnUrl"])


@pytest.mark.parametrize("turn, size, seen", [(0, (320, 180), "RGBW"), (90, (180, 320), "GWRB"), (180, (320, 180), "WBGR"),
                                              (270, (180, 320), "BRWG")])
def test_a_video_and_its_poster_are_the_right_way_up(vibe, phone, made, tmp_path, turn, size, seen):
    plain, path = made("plain.mp4", *H264), tmp_path / "turned.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-metadata:s:v:0", f"rotate={turn}", path)
    media, served = publish(vibe, phone, path, tmp_path)
    assert (media["width"], media["height"]) == size
    poster = vibe.request("GET", media["poster"]["cdnUrl"])[2]
    assert size_of(poster) == size and corners(decoded(poster)) == seen
    ffmpeg("-i", served, "-frames:v", "1", tmp_path / "player.png")
    assert corners(decoded((tmp_path / "player.png").read_bytes())) == seen


def test_the_poster_is_the_image_of_the_story_and_has_variants(vibe, phone, made, tmp_path):
    media, _ = publish(vibe, phone, made("story.mp4", *H264), tmp_path)
    story = row(vibe, "vibe_stories", media["storyId"], "video_s3_key, image_s3_key, image_cdn_url")
    assert story == {"video_s3_key": media["key"], "image_s3_key": media["poster"]["key"],
                     "image_cdn_url": media["poster"]["cdnUrl"]}
    small = vibe.request("GET", media["poster"]["cdnUrl"] + "?w=160&fm=jpeg")[2]
    assert size_of(small) == (160, 90) and corners(decoded(small)) == "RGBW"


def test_a_player_gets_the_ranges_it_asks_for(vibe, phone, made, tmp_path):
    media, served = publish(vibe, phone, made("range.mp4", *H264), tmp_path)
    data = served.read_bytes()
    status, headers, first = vibe.request("GET", media["cdnUrl"], headers={"Range": "bytes=0-1"})
    assert (status, headers["Content-Range"], headers["Accept-Ranges"]) == (206, f"bytes 0-1/{len(data)}", "bytes")
    status, _, rest = vibe.request("GET", media["cdnUrl"], headers={"Range": f"bytes={len(data) // 2}-"})
    assert status == 206 and rest == data[len(data) // 2:] and first == data[:2]


def test_a_video_without_sound_and_one_with_other_tracks_are_published(vibe, phone, made, tmp_path):
    silent, _ = publish(vibe, phone, made("silent.mp4", *H264, sound=False), tmp_path)
    assert silent["durationMs"] > 1900
    timecode = made("timecode.mov", *H264, "-timecode", "10:00:00:00")
    assert len(probe(timecode)["streams"]) == 3
    _, served = publish(vibe, phone, timecode, tmp_path, "video/quicktime")
    assert [stream["codec_type"] for stream in probe(served)["streams"]] == ["video", "audio"]


def test_a_canonical_video_is_kept_byte_for_byte(vibe, phone, made, tmp_path):
    _, served = publish(vibe, phone, made("twice.mp4", *H264, *LOCATION), tmp_path)
    _, again = publish(vibe, phone, served, tmp_path)
    assert again.read_bytes() == served.read_bytes()
    hidden = tmp_path / "hidden.mp4"
    hidden.write_bytes(served.read_bytes() + struct.pack(">I4s", 40, b"free") + b"geo:52.5200,13.4050;u=35 .......")
    _, clean = publish(vibe, phone, hidden, tmp_path)
    assert b"geo:" not in clean.read_bytes()


@pytest.mark.parametrize("transfer", ["arib-std-b67", "smpte2084"])
def test_the_poster_of_an_hdr_video_has_standard_range(vibe, phone, made, tmp_path, transfer):
    """iPhones film in HLG with the primaries of BT.2020, in 10 bits. The poster is converted, the film is not."""
    described = ["-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc"]
    path = made(f"{transfer}.mov", "-vf", "zscale=pin=709:tin=iec61966-2-1:min=709:rin=limited:p=2020:"
                f"t={transfer}:m=2020_ncl:r=limited:npl=203,format=yuv420p10le", "-c:v", "libx265", "-x265-params",
                f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc", *described, "-tag:v", "hvc1")
    media, served = publish(vibe, phone, path, tmp_path, "video/quicktime")
    stream = probe(served)["streams"][0]
    assert (stream["pix_fmt"], stream["color_transfer"]) == ("yuv420p10le", transfer)
    poster = decoded(vibe.request("GET", media["poster"]["cdnUrl"])[2]).convert("RGB")
    width, height = poster.size
    red, white = poster.getpixel((20, 20)), poster.getpixel((width - 20, height - 20))
    assert red[0] > 200 and max(red[1:]) < 80  # brighter than the pixel values of the film
    assert min(white) > 215 and max(white) - min(white) < 12


@pytest.mark.parametrize("name, tracks", [
    ("sounds.mov", ["-c:v", "libx264", "-c:a:0", "pcm_s16le", "-c:a:1", "aac"]),
    ("depth.mov", ["-map", "0:v", "-c:v:0", "mjpeg", "-c:v:1", "libx264", "-c:a", "aac"])])
def test_of_several_tracks_the_ones_that_every_phone_plays_are_kept(vibe, phone, made, tmp_path, name, tracks):
    """An iPhone writes spatial sound or depth as tracks of their own, enabled or not, beside those that every phone plays."""
    maps = ["-map", "0:v", "-map", "1:a", *(["-map", "1:a"] if name == "sounds.mov" else [])]
    path = made(name, *maps, *tracks, "-pix_fmt:v", "yuv420p", "-disposition:v", "default", "-disposition:a:1", "0")
    assert len(probe(path)["streams"]) == 3
    media, served = publish(vibe, phone, path, tmp_path, "video/quicktime")
    streams = probe(served)["streams"]
    assert [stream["codec_name"] for stream in streams] == ["h264", "aac"]
    assert all(stream["disposition"]["default"] == 1 for stream in streams)
    poster = vibe.request("GET", media["poster"]["cdnUrl"])[2]
    assert corners(decoded(poster)) == "RGBW"


@pytest.mark.parametrize("name, options, kind, words", [
    ("long.mp4", [*H264, "-g", "600"], {"seconds": 61, "size": "64x64"}, "61.0 seconds"),
    ("vp9.mp4", ["-c:v", "libvpx-vp9"], {}, "vp9"), ("mpeg4.mp4", ["-c:v", "mpeg4"], {}, "mpeg4"),
    ("pcm.mov", [*H264, "-c:a", "pcm_s16le"], {}, "pcm_s16le"), ("sound.mp4", ["-vn"], {}, "no video")])
def test_an_unsupported_video_is_refused_with_a_reason(phone, made, name, options, kind, words):
    data = made(name, *options, **kind).read_bytes()
    status, body = phone.upload("story-media", data, "video/mp4" if name.endswith("mp4") else "video/quicktime")
    assert (status, body["code"]) == (422, "media_rejected") and words in body["detail"]


def test_a_minute_by_its_header_that_lasts_longer_is_refused(phone, made):
    """mvhd, tkhd and mdhd say one second; the samples are longer."""
    data = made("liar.mp4", *H264, seconds=65, size="64x64").read_bytes()
    for kind in (b"mvhd", b"mdhd"):
        at = -1
        while (at := data.find(kind, at + 1)) > 0:
            rate = struct.unpack(">I", data[at + 16:at + 20])[0]
            data = data[:at + 20] + struct.pack(">I", rate) + data[at + 24:]
    assert status_and_code(phone.upload("story-media", data, "video/mp4")) == (422, "media_rejected")


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("name, options", [("cut-last.mp4", H264), ("cut-first.mp4", [*H264, "-movflags", "faststart"]),
                                           ("cut-pieces.mp4", [*H264, "-movflags", "frag_keyframe+empty_moov", "-g", "5"])])
def test_a_video_that_was_cut_off_is_refused(phone, made, name, options, keep):
    data = made(name, *options).read_bytes()
    status, body = phone.upload("story-media", data[:int(len(data) * keep)], "video/mp4")
    assert (status, body["code"]) == (422, "media_rejected") and "cut off" in body["detail"]


def test_bit_flips_crash_nothing_and_reveal_nothing(vibe, made, tmp_path):
    """Of a damaged film the program makes a film or a message. It never crashes or hangs, and reveals nothing private."""
    chance = random.Random(4)
    films = [made("flip.mp4", *H264, *LOCATION).read_bytes(), made("flip.mov", *HEVC, *APPLE).read_bytes()]
    for round in range(24):
        data = bytearray(films[round % 2])
        moov = data.find(b"moov")
        for _ in range(chance.choice((1, 5, 50))):
            at = chance.randrange(moov, len(data)) if round % 3 else chance.randrange(len(data))
            data[at] ^= 1 << chance.randrange(8)
        (tmp_path / "in").write_bytes(data)
        done = run_vibe("media", "render", tmp_path / "in", "-o", tmp_path / "out.mp4")
        assert done.returncode in (0, 1), done.stderr
        if done.returncode == 0:
            assert b"+52.5" not in (tmp_path / "out.mp4").read_bytes()
        else:
            assert done.stderr.startswith("vibe: ") and not (tmp_path / "out.mp4").exists()


def test_inspect_says_what_a_video_is(vibe, made):
    done = run_vibe("media", "inspect", made("seen.mov", *H264, *APPLE))
    assert done.returncode == 0 and "video/quicktime" in done.stdout and "320 x 180 upright" in done.stdout
    assert "YES: GPS" in done.stdout and "2.0 s" in done.stdout
