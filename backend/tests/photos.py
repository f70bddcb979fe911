"""`./dev photos FOLDER`: uploads every picture and video of a folder as a phone does, and shows what went in and what came out,
as a table and a contact sheet."""

import argparse
import io
import pathlib
import shutil
import subprocess
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).parent / "integration"))

from PIL import Image, ImageDraw  # noqa: E402

from helpers.images import private_fields  # noqa: E402
from helpers.phone import Phone  # noqa: E402
from helpers.program import Up  # noqa: E402

TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".heic": "image/heic",
         ".heif": "image/heif", ".avif": "image/avif", ".gif": "image/gif", ".mp4": "video/mp4", ".mov": "video/quicktime"}
TILE, CAPTION, COLUMNS = 320, 48, 4


def dimensions(path):
    out = subprocess.run(["exiftool", "-s3", "-ImageSize", str(path)], capture_output=True, text=True).stdout
    return out.strip() or "?"


def tile(picture, colour, lines):
    """A picture on its dominant colour, which an app shows while it loads, with a caption."""
    made = Image.new("RGB", (TILE, TILE + CAPTION), "white")
    made.paste(colour, (0, 0, TILE, TILE))
    made.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
    ImageDraw.Draw(made).text((4, TILE + 4), "\n".join(lines), fill="black")
    return made


def send(vibe, path, folder):
    """One file through the pipeline: (line of the table, tile or None)."""
    kind = TYPES[path.suffix.lower()]
    phone = Phone(vibe)
    before = private_fields(path)
    status, body = phone.upload("story-media" if kind.startswith("video/") else "profile-picture", path.read_bytes(), kind)
    if status != 200:
        return f"{path.name[:32]:32}  {path.stat().st_size:>9,}  {'':11}  refused: {body['detail']}", None
    media = body["media"]
    out = folder / f"{path.stem}{pathlib.Path(media['key']).suffix}"
    out.write_bytes(vibe.request("GET", media["cdnUrl"])[2])
    after = private_fields(out)
    shown = media.get("poster", {}).get("cdnUrl", media["cdnUrl"])
    miniature = Image.open(io.BytesIO(vibe.request("GET", f"{shown}?w=320&h=320&fm=jpeg")[2])).convert("RGB")
    size = f"{media['width']}x{media['height']}"
    line = (f"{path.name[:32]:32}  {path.stat().st_size:>9,}  {dimensions(path):11}  {len(before):>3}  ->  "
            f"{media['bytes']:>9,}  {size:11}  {len(after):>3}  {media['dominantColor']}")
    caption = textwrap.shorten(path.name, 50), f"{dimensions(path)}, {path.stat().st_size:,} B, {len(before)} private fields", \
        f"{size}, {media['bytes']:,} B, {len(after)} private fields"
    return line, tile(miniature, media["dominantColor"], caption)


def sheet(tiles):
    rows = -(-len(tiles) // COLUMNS)
    made = Image.new("RGB", (COLUMNS * (TILE + 8) + 8, rows * (TILE + CAPTION + 8) + 8), "white")
    for at, one in enumerate(tiles):
        made.paste(one, (8 + at % COLUMNS * (TILE + 8), 8 + at // COLUMNS * (TILE + CAPTION + 8)))
    return made


def main():
    parser = argparse.ArgumentParser(prog="./dev photos", description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="a folder of pictures and videos")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/photos"), help="the folder for the results (default: build/photos)")
    options = parser.parse_args()
    files = sorted(path for path in options.folder.glob("*") if path.suffix.lower() in TYPES) if options.folder.is_dir() else []
    if not files:
        sys.exit(f"./dev photos: no picture or video in {options.folder}")
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    tiles = []
    with Up((options.out / "vibe").resolve()) as vibe:
        print(f"{'file':32}  {'bytes':>9}  {'pixels':11}  {'own':>3}      {'bytes':>9}  {'pixels':11}  {'own':>3}  colour")
        for path in files:
            line, made = send(vibe, path, options.out)
            print(line, flush=True)
            tiles += [made] if made else []
    if tiles:
        sheet(tiles).save(options.out / "sheet.jpg", quality=88)
    print(f"\nown: fields of EXIF, XMP, IPTC and the like that say something of the owner.\n"
          f"The results are in {options.out}; {options.out}/sheet.jpg shows all of them.")


main()
