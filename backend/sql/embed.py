#!/usr/bin/env python3
"""Turns the migrations, NNNN_name.sql, into one C file: the table that db/migrate.c runs."""
import pathlib
import re
import sys


def main(output, *inputs):
    migrations = {}
    for path in map(pathlib.Path, inputs):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if not match:
            sys.exit(f"{path.name} is not named like 0001_name.sql")
        version = int(match[1])
        if version in migrations:
            sys.exit(f"{path.name} has the number of {migrations[version][0]}")
        migrations[version] = (path.name, match[2], path.read_text(encoding="utf-8"))
    if sorted(migrations) != list(range(1, len(migrations) + 1)):
        sys.exit("the migrations are not numbered 1, 2, 3 …")

    def literal(line):
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?").replace("\t", "\\t")
        return f'     "{escaped}\\n"'

    lines = ["/* Made by sql/embed.py from the migrations in sql/. */", '#include "db/migrate.h"', "",
             "const struct vb_migration vb_migrations[] = {"]
    for version, (_, name, text) in sorted(migrations.items()):
        lines += [f'    {{{version}, "{name}",', *map(literal, text.splitlines()), "    },"]
    lines += ["};", f"const size_t vb_migration_count = {len(migrations)};", ""]
    pathlib.Path(output).write_text("\n".join(lines), encoding="utf-8")


main(*sys.argv[1:])
