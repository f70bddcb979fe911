"""Checks the rules of the tree: a folder of backend/src includes only from the folders below it (DESIGN, "The house"),
libraries stay where they are hidden, and what the house has a mechanism for is not done by hand.
Checks also that the files exist which docs/journeys.md names, and that no line passes the column limit: the formatter
leaves comments alone, so that drawings stay drawings.

EDGES holds the actual includes. An include without an edge fails, and so does an edge without an include: the table is an
exact drawing of the house."""

import argparse
import functools
import pathlib
import re
import sys
from xml.sax.saxutils import quoteattr

# Each folder, and the other folders that it includes from. The list goes from the ground up: an edge points to a folder
# further up in it. Only vibe-media links jail, and no other folder includes from it.
EDGES = {
    "base": set(),
    "http": {"base"},
    "mail": {"base"},
    "s3": {"http", "base"},
    "db": {"base"},
    "media": {"base"},
    "jail": {"media", "base"},
    "ingest": {"media", "db", "s3", "http", "base"},
    "store/engine": {"base"},
    "store": {"store/engine", "s3", "http", "base"},
    "ops/postgres": {"db", "base"},
    "ops": {"media", "db", "s3", "base"},
    "edge": {"media", "s3", "http", "base"},
    "client": {"media", "http", "base"},
    # api.c joins the floors, and holds what they share: these edges go both ways. A floor uses two others: auth, for who
    # sends a request, and users, for how a person is shown.
    "api": {"api/auth", "api/users", "api/activities", "api/stories", "api/upload", "ingest", "db", "s3", "http",
            "base"},
    "api/users": {"api", "api/auth", "ingest", "db", "http", "base"},
    "api/auth": {"api", "api/users", "mail", "db", "http", "base"},
    "api/activities": {"api", "api/auth", "api/users", "db", "http", "base"},
    "api/stories": {"api", "api/auth", "api/users", "db", "http", "base"},
    "api/upload": {"api", "api/auth", "ingest", "media", "http", "base"},
    "app": {"api", "ingest", "edge", "store", "ops/postgres", "media", "db", "s3", "mail", "http", "base"},
    "cmd": {"app", "client", "edge", "ops", "media", "db", "s3", "http", "base"},
}
# Libraries that these folders hide from the others, so that they can be replaced.
OWNERS = {
    "microhttpd.h": {"http"},
    "curl/curl.h": {"http", "mail"},
    "libpq-fe.h": {"db"},
    "sqlite3.h": {"store/engine"},
    "vips/vips.h": {"jail"},
    "jpeglib.h": {"jail", "client"},
    "libavformat/avformat.h": {"jail"},
    "libavcodec/avcodec.h": {"jail"},
    "libavutil/display.h": {"jail"},
    "libavutil/imgutils.h": {"jail"},
    "libswscale/swscale.h": {"jail"},
    "seccomp.h": {"jail"},
    "expat.h": {"s3"},
}
# The wall: decoders read strangers' bytes, so they run in vibe-media alone, and the service links none of them.
JAIL = "jail"
# What only these folders may say: a library's words elsewhere mean that it has leaked.
WORDS = {"db": re.compile(r"\b(PGresult|PGconn|PQ[a-z]\w*)\b")}
# One mechanism of each kind: what other files may not do by hand, and where it is done.
MECHANISMS = (
    # A wait of one's own is soon on a clock that jumps. The sandbox lists the system calls' names.
    (re.compile(r"\b(\w*(timedwait|clockwait|nanosleep)|usleep|pthread_condattr_\w+)\b"), "base/wait.c",
     {"jail/sandbox.c"}),
    # A thread that blocks no signals may get the one that the main thread waits for.
    (re.compile(r"\bpthread_(create|setname_np)\b"), "base/thread.c", set()),
    # These take blanks, signs and what follows, some know no overflow, and some ask the locale.
    (re.compile(r"\b(strto(u?ll?|[iu]max|d|f|ld)|ato(i|l|ll|f)|v?sscanf)\b"), "base/number.c", set()),
)
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
COLUMNS = 110  # as in .clang-format
URL = re.compile(r"https?://\S*")  # cannot be wrapped, so it does not count
SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src"


def files_of(folder):
    """(path, text) of the files of a folder, not of those below it."""
    for path in sorted([*(SOURCE / folder).glob("*.c"), *(SOURCE / folder).glob("*.h")]):
        yield path, path.read_text(encoding="utf-8", errors="replace")


def includes_of(folder):
    """(where, quote, name) of each #include in the files of a folder."""
    for path, text in files_of(folder):
        for match in INCLUDE.finditer(text):
            yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}", *match.groups()


@functools.cache
def libraries_of(header):
    """The libraries of OWNERS that a header of src/ brings in, itself or by way of others."""
    found = set()
    path = SOURCE / header
    for quote, name in INCLUDE.findall(path.read_text(encoding="utf-8") if path.exists() else ""):
        found |= libraries_of(name) if quote == '"' else {name} & set(OWNERS)
    return found


def leaks_of(folder):
    """Words of a library that another folder hides, and headers that bring one in."""
    for where, quote, name in includes_of(folder):
        for library in sorted(libraries_of(name) if quote == '"' else ()):
            if folder not in OWNERS[library]:
                yield f'{where}: "{name}" brings in <{library}>: it is for {" and ".join(sorted(OWNERS[library]))} alone'
    for owner, words in WORDS.items():
        if folder == owner:
            continue
        for path, text in files_of(folder):
            for match in words.finditer(text):
                yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]} is for {owner} alone"


def handwork_of(folder):
    """What a file does by hand although the house has a mechanism for it."""
    for path, text in files_of(folder):
        name = path.relative_to(SOURCE).as_posix()
        for words, home, others in MECHANISMS:
            for match in words.finditer(text) if name != home and name not in others else ():
                yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]} by hand: {home} does that"


def problems_of(folder):
    used = set()
    for where, quote, name in includes_of(folder):
        other = name.rpartition("/")[0]
        if quote == "<":
            if name in OWNERS and folder not in OWNERS[name]:
                yield f"{where}: <{name}> may be included in {' and '.join(sorted(OWNERS[name]))} only"
        elif other not in EDGES:
            yield f'{where}: "{name}" must be written with its folder, as "folder/file.h"'
        elif other != folder:
            used.add(other)
            if other == JAIL:
                yield (f'{where}: {folder} includes "{name}", which vibe-media alone may link: what the service needs '
                       "of it belongs in media/")
            elif other not in EDGES[folder]:
                yield f'{where}: {folder} may not include from {other} ("{name}")'
    for other in sorted(EDGES[folder] - used):
        yield f"{__file__}: {folder} includes nothing from {other}: remove the edge"


def problems_of_journeys():
    """docs/journeys.md names files by their path below src/ or below the root. Each must exist."""
    page = SOURCE.parent.parent / "docs" / "journeys.md"
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        for name in re.findall(r"`([\w./-]+\.(?:c|h|sql))`", line):
            if not (SOURCE / name).exists() and not (SOURCE.parent.parent / name).exists():
                yield f"{page}:{number}: there is no {name}"


def problems_of_columns():
    """No line passes the column limit, but for a URL in it."""
    for path in sorted(SOURCE.parent.rglob("*.[ch]")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if len(URL.sub("", line)) > COLUMNS:
                yield f"{path}:{number}: {len(line)} columns, {COLUMNS} are the limit"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--junitxml", type=pathlib.Path, help="also write the result as JUnit XML")
    arguments = parser.parse_args()
    checks = {"journeys_name_files_that_exist": list(problems_of_journeys()),
              "lines_keep_the_column_limit": list(problems_of_columns())}
    for folder in sorted({str(p.parent.relative_to(SOURCE)) for p in SOURCE.rglob("*.[ch]")} | set(EDGES)):
        checks[re.sub(r"\W", "_", folder) + "_includes_only_downward"] = (
            [*problems_of(folder), *leaks_of(folder), *handwork_of(folder)] if folder in EDGES else
            [f"{SOURCE / folder}: this folder is not in EDGES; name it in DESIGN and in {__file__}"])
    all_problems = [line for problems in checks.values() for line in problems]
    cases = [f'<testcase classname="layers" name="{name}">'
             + (f"<failure message={quoteattr(chr(10).join(problems))}/>" if problems else "") + "</testcase>"
             for name, problems in checks.items()]
    for line in all_problems:
        print(line, file=sys.stderr)
    if arguments.junitxml:
        arguments.junitxml.write_text(f"<testsuite>{''.join(cases)}</testsuite>\n")
    return 1 if all_problems else 0


if __name__ == "__main__":
    sys.exit(main())
