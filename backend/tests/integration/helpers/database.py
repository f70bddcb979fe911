"""The database of an instance, through psql."""

import json
import subprocess


def sql(vibe, statement, **variables):
    """Rows of a statement as lists of text; :'name' in it is a variable, which psql quotes."""
    options = [f"--set={name}={value}" for name, value in variables.items()]
    out = subprocess.run(["psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1", *options, vibe.database_url],
                         input=statement, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return [line.split("\t") for line in out.stdout.splitlines()]


def count(vibe, what, **variables):
    """Rows of a table; `what` may go on with WHERE …"""
    return int(sql(vibe, f"SELECT count(*) FROM {what}", **variables)[0][0])


def row(vibe, table, identifier, columns):
    """One row as JSON has it: {column: value}."""
    return json.loads(sql(vibe, f"SELECT to_json(t) FROM (SELECT {columns} FROM {table} WHERE id = :'id') AS t",
                          id=identifier)[0][0])


def media_states(vibe, phone):
    """{key: status} of a user's media."""
    return dict(sql(vibe, "SELECT key, status FROM media WHERE user_id = :'id'", id=phone.id))
