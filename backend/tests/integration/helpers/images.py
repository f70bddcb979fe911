"""Pictures, made here so that tests need no files from elsewhere, and a look at what came out of them."""

import base64
import io
import json
import struct
import subprocess
import zlib

from PIL import Image, ImageChops, ImageCms, ImageStat

# ---- small valid files, byte by byte --------------------------------------------------------------------------------


def png_of(width, height, packed_rows):
    """A PNG of RGB pixels with these zlib-compressed rows."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed_rows) + chunk(b"IEND", b"")


def png(width=8, height=8, colour=(200, 40, 40)):
    """An RGB picture of one colour."""
    return png_of(width, height, zlib.compress((b"\0" + bytes(colour) * width) * height))


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


# ---- pictures with something to recognise ---------------------------------------------------------------------------


QUARTERS = {"R": (220, 30, 30), "G": (30, 160, 30), "B": (30, 30, 220), "W": (240, 240, 240)}


def quarters(width=320, height=200):
    """Red, green, blue and white quarters, row by row: their order tells which way up a picture is."""
    picture = Image.new("RGB", (width, height))
    for colour, box in zip(QUARTERS.values(), ((0, 0), (width // 2, 0), (0, height // 2), (width // 2, height // 2))):
        picture.paste(colour, (*box, box[0] + width // 2, box[1] + height // 2))
    return picture


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def quarters_jpeg(width=320, height=200, quality=90, **options):
    return encoded(quarters(width, height), "JPEG", quality=quality, **options)


def heif(folder, picture, *options):
    """The picture as heif-enc encodes it: HEIC, or AVIF with -A."""
    source, out = folder / "to-encode.png", folder / "encoded.heif"
    picture.save(source)
    subprocess.run(["heif-enc", *options, "-o", str(out), str(source)], check=True, capture_output=True)
    return out.read_bytes()


def with_private_fields(folder, data, orientation=1):
    """The same JPEG with what a phone's camera writes into it: place, time, serial number, author and a thumbnail."""
    path, small = folder / "phone.jpg", folder / "small.jpg"
    path.write_bytes(data)
    small.write_bytes(encoded(quarters(80, 50), "JPEG"))
    subprocess.run(["exiftool", "-q", "-overwrite_original", "-n", f"-Orientation={orientation}", "-GPSLatitude=52.52",
                    "-GPSLatitudeRef=N", "-GPSLongitude=13.405", "-GPSLongitudeRef=E", "-Make=Apple", "-Model=iPhone 15",
                    "-SerialNumber=C8QXJ0ABC", "-Artist=Zoë", "-XMP:Creator=Zoë", "-IPTC:City=Berlin", "-Comment=secret",
                    "-DateTimeOriginal=2026:11:25 07:00:00", f"-ThumbnailImage<={small}", str(path)], check=True)
    return path.read_bytes()


def swapped_profile():
    """sRGB with the primaries of red and blue exchanged: a converted picture has red and blue exchanged, too."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red:red + 4], profile[blue:blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


# ---- a look at what came out ----------------------------------------------------------------------------------------

# Fields that say something of a picture's owner. Size and density, which every picture has, are not among them.
PRIVATE = ["-GPS*", "-*SerialNumber*", "-Make", "-Model", "-Artist", "-Copyright", "-Comment", "-DateTimeOriginal", "-*ThumbnailImage",
           "-MakerNotes:all", "-XMP:all", "-IPTC:all", "-EXIF:all", "-Keys:all", "-UserData:all"]


def private_fields(path):
    """{name: value} of the fields of a file that say something of its owner."""
    out = subprocess.run(["exiftool", "-j", "-G", *PRIVATE, str(path)], capture_output=True, text=True, check=True).stdout
    return {name: value for name, value in json.loads(out)[0].items() if name != "SourceFile"}


def decoded(data):
    return Image.open(io.BytesIO(data))


def size_of(data):
    return decoded(data).size


def corners(picture):
    """The letters of the colours in the corners, row by row: RGBW for quarters() the right way up."""
    picture = picture.convert("RGB")
    width, height = picture.size
    spots = ((8, 8), (width - 8, 8), (8, height - 8), (width - 8, height - 8))

    def nearest(pixel):
        return min(QUARTERS, key=lambda name: sum(abs(a - b) for a, b in zip(QUARTERS[name], pixel)))

    return "".join(nearest(picture.getpixel(spot)) for spot in spots)


def shows(served, original):
    """Whether a served JPEG is the rendition of the original: the same picture, the same size, no metadata."""
    made, meant = decoded(served), decoded(original).convert("RGB")
    difference = ImageStat.Stat(ImageChops.difference(made.convert("RGB"), meant)).mean
    return made.format == "JPEG" and made.size == meant.size and not made.getexif() and max(difference) < 5
