"""The load of the benchmark: wrk on the clients' core, presigned PUTs, and fsync on the bare disk."""

import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess
import threading
import time
import urllib.parse

import client
import servers

SCRIPTS = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 64


class Failed(Exception):
    """A measurement that would mean nothing; the text tells a person why."""


def percentile(ascending, share):
    if not ascending:
        raise Failed("nothing was measured")
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))]


def run_wrk(url, seconds, *, connections=CONNECTIONS, script=None, arguments=(), options=()):
    """(requests a second, wrk's output). Answers other than 2xx make the measurement worthless."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", *options]
    command += ["-s", SCRIPTS / script] if script else []
    done = subprocess.run(servers.pinned(servers.CLIENT_CORE, [*command, url, "--", *arguments]), capture_output=True,
                          text=True, timeout=seconds + 60)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    errors = re.search(r"Socket errors: (.*)", done.stdout)
    if done.returncode != 0 or not rate or bad or errors or float(rate[1]) == 0:
        raise Failed(f"wrk failed on {url}:\n{done.stdout}{done.stderr}")
    return float(rate[1]), done.stdout


def wrk(url, seconds, **options):
    return run_wrk(url, seconds, **options)[0]


def get_with_latency(url, token, seconds, connections):
    """(requests a second, {percentile: latency in ms})"""
    rate, said = run_wrk(url, seconds, connections=connections, options=["--latency", "-H", f"Authorization: Bearer {token}"])
    units = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}
    latency = {int(percent): float(number) * units[unit]
               for percent, number, unit in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s|m) *$", said, re.M)}
    if 99 not in latency:
        raise Failed(f"wrk shows no latencies of {url}:\n{said}")
    return rate, latency


def get(url, seconds):
    return wrk(url, seconds)


def post_json(url, token, body, seconds):
    return wrk(url, seconds, script="post.lua", arguments=[token, json.dumps(body)])


def put(url, paths_file, size, connections, seconds):
    return wrk(url, seconds, connections=connections, script="put.lua", arguments=[paths_file, str(size)])


def presign_put(environment, key, now, expires_s=3600):
    """The path and query of a presigned PUT: AWS Signature Version 4, "Using Query Parameters"."""
    date, host = now.strftime("%Y%m%dT%H%M%SZ"), urllib.parse.urlsplit(environment["AWS_ENDPOINT_URL_S3"]).netloc
    scope = f"{date[:8]}/{environment['AWS_REGION']}/s3/aws4_request"
    path = f"/{environment['S3_BUCKET_NAME']}/{urllib.parse.quote(key)}"
    query = urllib.parse.urlencode({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{environment['AWS_ACCESS_KEY_ID']}/{scope}",
        "X-Amz-Date": date, "X-Amz-Expires": expires_s, "X-Amz-SignedHeaders": "host"}, quote_via=urllib.parse.quote, safe="")
    canonical = f"PUT\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signing_key = f"AWS4{environment['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    return f"{path}?{query}&X-Amz-Signature={hmac.digest(signing_key, to_sign.encode(), 'sha256').hex()}"


def put_object(environment, key, data, content_type):
    target = presign_put(environment, key, datetime.datetime.now(datetime.timezone.utc))
    client.fetch(environment["AWS_ENDPOINT_URL_S3"] + target, data, method="PUT", headers={"Content-Type": content_type})


def presigned_puts(environment, count, folder):
    """A file of request targets, one a line, for put.lua."""
    now = datetime.datetime.now(datetime.timezone.utc)
    path = folder / "put-targets"
    with open(path, "w") as out:
        for i in range(count):
            out.write(presign_put(environment, f"bench/{i:06}.jpg", now) + "\n")
    return path


def fsync_rate(folder, size, threads, seconds):
    """New files of this size a second; each thread creates, writes and fsyncs one file before the next. This is the upper
    bound for a store that syncs every PUT by itself."""
    data, counts, end = os.urandom(size), [0] * threads, time.monotonic() + seconds
    target = folder / f"fsync-{threads}"
    target.mkdir(exist_ok=True)

    def work(number):
        while time.monotonic() < end:
            path = target / f"{number}-{counts[number]}"
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.write(fd, data)
            os.fsync(fd)
            os.close(fd)
            counts[number] += 1

    started = time.monotonic()
    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = time.monotonic() - started
    for path in target.iterdir():
        path.unlink()
    return sum(counts) / elapsed
