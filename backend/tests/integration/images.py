"""Small valid pictures and videos, made here so that tests need no files from elsewhere."""

import base64
import functools
import io
import pathlib
import struct
import subprocess
import tempfile
import zlib

from PIL import Image, ImageChops, ImageStat


def png(width=8, height=8, colour=(200, 40, 40)):
    """An RGB picture of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class _Bits:
    """A bit writer: most significant first with JPEG's byte stuffing, or least significant first as in WebP."""

    def __init__(self):
        self.bits = []

    def add_msb(self, value, count):
        self.bits += [(value >> (count - 1 - i)) & 1 for i in range(count)]

    def add_lsb(self, value, count):
        self.bits += [(value >> i) & 1 for i in range(count)]

    def jpeg_bytes(self):
        bits = self.bits + [1] * (-len(self.bits) % 8)
        out = bytearray()
        for i in range(0, len(bits), 8):
            byte = int("".join(map(str, bits[i:i + 8])), 2)
            out += bytes([byte]) + (b"\0" if byte == 0xFF else b"")
        return bytes(out)

    def webp_bytes(self):
        bits = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(sum(bit << k for k, bit in enumerate(bits[i:i + 8])) for i in range(0, len(bits), 8))


def jpeg(width=16, height=16, size=0, seed=0):
    """A grey baseline JPEG (ITU T.81) of 8x8 blocks; comments fill it up to `size` bytes. seed: another picture."""
    def segment(marker, data):
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    # DC: category n (0…11) has the code n in four bits; AC: only "end of block", in one bit.
    dc_table = b"\0" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12))
    ac_table = b"\x10" + bytes([1] + [0] * 15) + b"\0"
    bits, previous = _Bits(), 0
    columns, rows = (width + 7) // 8, (height + 7) // 8
    for block in range(columns * rows):
        value = (block * 13 + seed * 29) % 200 - 100
        difference, previous = value - previous, value
        category = abs(difference).bit_length()
        bits.add_msb(category, 4)
        if category:
            bits.add_msb(difference if difference > 0 else difference + (1 << category) - 1, category)
        bits.add_msb(0, 1)
    head = b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    tables = segment(0xDB, b"\0" + b"\x08" * 64)
    tables += segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    tables += segment(0xC4, dc_table) + segment(0xC4, ac_table)
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + bits.jpeg_bytes() + b"\xff\xd9"
    filling = b""
    left = size - len(head) - len(tables) - len(scan)
    while left > 4:
        length = min(left - 4, 65000)
        if 0 < left - 4 - length <= 4:
            length -= 5
        filling += segment(0xFE, b"." * length)
        left -= length + 4
    return head + filling + tables + scan


def webp(width=8, height=8, colour=(40, 200, 40)):
    """A lossless WebP (VP8L) of one colour: five prefix codes of one symbol each, so pixels take no bits."""
    red, green, blue = colour
    bits = _Bits()
    for value, count in ((0x2F, 8), (width - 1, 14), (height - 1, 14), (0, 1), (0, 3), (0, 1), (0, 1), (0, 1)):
        bits.add_lsb(value, count)
    for symbol in (green, red, blue, 255, 0):
        for value, count in ((1, 1), (0, 1), (1, 1), (symbol, 8)):
            bits.add_lsb(value, count)
    data = bits.webp_bytes()
    data += b"\0" * (len(data) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@functools.lru_cache
def _film(extension, *options):
    """A second of H.264 with AAC."""
    with tempfile.TemporaryDirectory(prefix="vibe-test-") as folder:
        path = pathlib.Path(folder) / f"film.{extension}"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=1", "-f", "lavfi",
                        "-i", "sine=duration=1", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", *options, path],
                       check=True, stdin=subprocess.DEVNULL)
        return path.read_bytes()


def mp4():
    """A video of 160x90, as a browser's or an Android phone's recorder writes it."""
    return _film("mp4")


def mov():
    """The same as an iPhone's camera names it."""
    return _film("mov")


def _boxes(data, start, end):
    """type → (start, end) of the boxes there (ISO 14496-12)."""
    found = {}
    while start < end:
        size, name = struct.unpack(">I4s", data[start:start + 8])
        found[name] = (start, start + size)
        start += size
    return found


def _count_boxes(data, start, end):
    count = 0
    while start < end:
        start += struct.unpack(">I", data[start:start + 4])[0]
        count += 1
    return count


def turned_heic(data, quarters):
    """A HEIC of heif-enc whose container says that it is to be turned, as an iPhone's does for a photo that was taken
    upright (irot, ISO 23008-12): by so many quarters, anticlockwise. Its first item is the picture."""
    data = bytearray(data)
    meta = _boxes(data, 0, len(data))[b"meta"]
    inner = _boxes(data, meta[0] + 12, meta[1])
    properties = _boxes(data, inner[b"iprp"][0] + 8, inner[b"iprp"][1])
    (list_start, list_end), (of_start, _), (where, _) = properties[b"ipco"], properties[b"ipma"], inner[b"iloc"]
    assert data[of_start + 8] == 0 and data[of_start + 11] == 0  # an item's number has two bytes, a property's one
    assert data[where + 8] == 0 and data[where + 12:where + 14] == b"\x44\x40"  # four bytes for each field
    grows = 9 + 1
    for at in range(where + 16, where + 16 + 18 * struct.unpack(">H", data[where + 14:where + 16])[0], 18):
        data[at + 4:at + 8] = struct.pack(">I", struct.unpack(">I", data[at + 4:at + 8])[0] + grows)  # bases
    number, count = _count_boxes(data, list_start + 8, list_end) + 1, data[of_start + 18]
    data[of_start + 18] += 1
    data[of_start + 19 + count:of_start + 19 + count] = bytes([0x80 | number])  # essential
    data[list_end:list_end] = struct.pack(">I4sB", 9, b"irot", quarters)
    for start, by in (list_start, 9), (inner[b"iprp"][0], grows), (meta[0], grows), (of_start + 9, 1):
        data[start:start + 4] = struct.pack(">I", struct.unpack(">I", data[start:start + 4])[0] + by)
    return bytes(data)


def heic():
    """A 16x16 HEIC picture."""
    return base64.b64decode(_HEIC)


_HEIC = """
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAa1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAA
AAAAACAAAAEGlkYXQAAAAAABAAEAAAADhpbG9jAQAAAERAAAIAAQAAAAAAAAHRAAEAAAAAAAAAJgACAAEAAAAAAAAAAQAAAAAAAAAIAAAAOGlp
bmYAAAAAAAIAAAAVaW5mZQIAAAEAAQAAaHZjMQAAAAAVaW5mZQIAAAAAAgAAZ3JpZAAAAADYaXBycAAAALZpcGNvAAAAdmh2Y0MBA3AAAAAAAA
AAAAAe8AD8/fj4AAAPAyAAAQAYQAEMAf//A3AAAAMAkAAAAwAAAwAeugJAIQABACpCAQEDcAAAAwCQAAADAAADAB6gIIEFluqumubgQEDAgAAA
AwCAAAADAIQiAAEABkQBwXPBiQAAABRpc3BlAAAAAAAAAEAAAABAAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAQcGl4aQAAAAADCAgIAAAAGmlwbW
EAAAAAAAAAAgABAoECAAICA4QAAAAaaXJlZgAAAAAAAAAOZGltZwACAAEAAQAAAC5tZGF0AAAAIigBrwQSE0zg+OnCaD/Sp/kmVeuvJ+2rK+NJ
n3exGJKp/6A=
"""


def shows(served, original):
    """Whether what was served is the JPEG that the media pipeline makes of the original: the same picture, of the same size,
    without anything beside it."""
    made, meant = Image.open(io.BytesIO(served)), Image.open(io.BytesIO(original)).convert("RGB")
    difference = ImageStat.Stat(ImageChops.difference(made.convert("RGB"), meant)).mean
    return made.format == "JPEG" and made.size == meant.size and not made.getexif() and max(difference) < 5
