"""Videos, made by ffmpeg as phones record them, and a look at what came out of them."""

import functools
import json
import pathlib
import struct
import subprocess
import tempfile

H264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p"]
HEVC = ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p"]


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


@functools.lru_cache
def _second(extension):
    """A second of H.264 with AAC."""
    with tempfile.TemporaryDirectory(prefix="vibe-test-") as folder:
        path = pathlib.Path(folder) / f"film.{extension}"
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=1", "-f", "lavfi", "-i", "sine=duration=1", *H264,
               "-c:a", "aac", path)
        return path.read_bytes()


def mp4():
    """A video of 160x90, as a browser or an Android phone records it."""
    return _second("mp4")


def mov():
    """The same in the container of an iPhone."""
    return _second("mov")


def noise(path, size="1280x720", seconds=6, rate="28M"):
    """Writes a film that does not compress, so that it has the size that its rate says."""
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=30", "-t", seconds, "-vf", "noise=alls=40:allf=t", "-c:v", "libx264",
           "-preset", "ultrafast", "-b:v", rate, "-pix_fmt", "yuv420p", path)


def quarters(path, *options, seconds=2, sound=True, size="320x180"):
    """Writes a film of four coloured quarters, those of images.quarters(); `options` are those of ffmpeg's output."""
    width, height = map(int, size.split("x"))
    half = f"w={width // 2}:h={height // 2}"
    film = (f"color=red:s={size}:r=15:d={seconds},drawbox=x={width // 2}:y=0:{half}:c=green:t=fill,"
            f"drawbox=x=0:y={height // 2}:{half}:c=blue:t=fill,drawbox=x={width // 2}:y={height // 2}:{half}:c=white:t=fill")
    tone = ["-f", "lavfi", "-i", f"sine=d={seconds}"] if sound else []
    ffmpeg("-f", "lavfi", "-i", film, *tone, *(["-c:a", "aac"] if sound else []), *options, path)


# ---- a look at what came out ----------------------------------------------------------------------------------------

def probe(path):
    out = subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)],
                         check=True, capture_output=True)
    return json.loads(out.stdout)


def stream_hashes(path):
    """A hash of each stream's packets, whatever the container around them."""
    out = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-map", "0:a?", "-c", "copy", "-f", "streamhash",
                          "-"], check=True, capture_output=True, text=True)
    return out.stdout.split()


def boxes(data):
    """The kinds of the outermost boxes, in order (ISO 14496-12)."""
    at, found = 0, []
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        found.append(kind.decode("latin-1"))
        at += size or len(data)
    return found


def private_fields(path):
    """{name: value} of the fields of a film that say something of its owner; "0000:…" is no time."""
    out = subprocess.run(["exiftool", "-j", "-ee", "-G1", str(path)], capture_output=True, text=True)
    words = ("gps", "location", "make", "model", "title", "software", "encoder", "author", "comment", "date")
    return {name: value for name, value in json.loads(out.stdout)[0].items()
            if not name.startswith(("File:", "System:", "Composite:")) and any(word in name.lower() for word in words)
            and not str(value).startswith("0000:")}
