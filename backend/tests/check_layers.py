"""Checks the one rule of the tree: a folder of backend/src includes only from the folders below it (DESIGN, "The house")."""

import argparse
import pathlib
import re
import sys
from xml.sax.saxutils import quoteattr

# Each folder and those it may include from, its own apart.
BELOW = {
    "base": set(),
    "http": {"base"},
    "s3": {"http", "base"},
    "db": {"http", "base"},
    "media": {"db", "s3", "http", "base"},
    "store": {"media", "db", "s3", "http", "base"},
    "ops": {"media", "db", "s3", "http", "base"},
    "edge": {"media", "db", "s3", "http", "base"},
    "api": {"media", "db", "s3", "http", "base"},
    "cmd": {"api", "edge", "store", "ops", "media", "db", "s3", "http", "base"},
}
# Libraries that one folder hides from the rest, so that they can be replaced.
OWNERS = {
    "microhttpd.h": {"http"},
    "curl/curl.h": {"http"},
    "libpq-fe.h": {"db"},
    "sqlite3.h": {"store"},
    "vips/vips.h": {"media"},
    "jpeglib.h": {"media", "cmd"},
    "libavformat/avformat.h": {"media"},
    "libavcodec/avcodec.h": {"media"},
    "libavutil/display.h": {"media"},
    "libavutil/imgutils.h": {"media"},
    "libswscale/swscale.h": {"media"},
    "seccomp.h": {"media"},
    "expat.h": {"s3", "store"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def problems_of(path, folder):
    text = path.read_text(encoding="utf-8", errors="replace")
    for match in INCLUDE.finditer(text):
        quote, name = match.groups()
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        if quote == "<":
            if name in OWNERS and folder not in OWNERS[name]:
                yield f"{where}: <{name}> belongs to {' and '.join(sorted(OWNERS[name]))} alone"
            continue
        first = name.split("/")[0]
        if "/" not in name or first not in BELOW:
            yield f'{where}: "{name}" should be written from src/, as "folder/file.h"'
        elif first != folder and first not in BELOW[folder]:
            yield f'{where}: {folder} may not include from {first} ("{name}")'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--junitxml", type=pathlib.Path, help="also write the result as JUnit XML")
    arguments = parser.parse_args()
    source = pathlib.Path(__file__).resolve().parent.parent / "src"
    cases, all_problems = [], []
    for folder in sorted(p for p in source.iterdir() if p.is_dir()):
        if folder.name not in BELOW:
            problems = [f"{folder}: not a folder of the house; name it in DESIGN and in {__file__}"]
        else:
            files = sorted([*folder.rglob("*.c"), *folder.rglob("*.h")])
            problems = [line for path in files for line in problems_of(path, folder.name)]
        all_problems += problems
        failure = f"<failure message={quoteattr(chr(10).join(problems))}/>" if problems else ""
        cases.append(f'<testcase classname="layers" name="{folder.name}_includes_only_downward">{failure}</testcase>')
    for line in all_problems:
        print(line, file=sys.stderr)
    if arguments.junitxml:
        arguments.junitxml.write_text(f"<testsuite>{''.join(cases)}</testsuite>\n")
    return 1 if all_problems else 0


if __name__ == "__main__":
    sys.exit(main())
