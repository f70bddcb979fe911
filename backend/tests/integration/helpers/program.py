"""The real program: `vibe up` and `vibe serve` as running instances, and every other command as one call.

The program is $VIBE_BINARY, by default the sanitized one of build/asan."""

import contextlib
import http.client
import os
import pathlib
import signal
import subprocess
import urllib.parse

import pytest

from helpers.processes import descendants_of, free_port, process_table, start_time, works_in
from helpers.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[4]
BINARY = pathlib.Path(os.environ.get("VIBE_BINARY") or ROOT / "build/asan/src/cmd/vibe").resolve()
START_TIMEOUT_S = 90  # initdb under a sanitized program on a busy machine


def tool_environment(**variables):
    """An environment without anything of the caller's but what programs and sanitizers need. None leaves a variable out."""
    kept = {name: value for name, value in os.environ.items()
            if name in ("PATH", "LANG", "TMPDIR") or name.split("_")[0] in ("ASAN", "LSAN", "UBSAN", "TSAN")}
    return kept | {name: str(value) for name, value in variables.items() if value is not None}


def run_vibe(*arguments, cwd=None, timeout_s=120, environment=None, **options):
    """Runs a command to its end: `vibe ARGUMENTS…` in an environment of its own. The result has returncode, stdout, stderr."""
    return subprocess.run([str(BINARY), *map(str, arguments)], cwd=cwd, text=True, timeout=timeout_s,
                          env=tool_environment(**(environment or {})), **({"capture_output": True} | options))


def vibe_upload(vibe, home, *arguments, environment=None, **options):
    """`vibe upload ARGUMENTS…` to this instance, by somebody with this home folder."""
    return run_vibe("upload", *arguments, environment={"HOME": home, "VIBE_API_URL": vibe.api_url} | (environment or {}), **options)


class Vibe:
    """A running instance: its process, its log, its addresses and its credentials. `with` starts and stops it."""

    command_line = "vibe"

    def __init__(self, data_dir):
        self.data_dir = pathlib.Path(data_dir)
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self.api_port = free_port()
        self.process = None
        self.env = {}

    api_url = property(lambda self: self.env["VIBE_API_URL"])
    s3_url = property(lambda self: self.env["AWS_ENDPOINT_URL_S3"])
    cdn_url = property(lambda self: self.env["CDN_BASE_URL"])
    access_key = property(lambda self: self.env["AWS_ACCESS_KEY_ID"])
    secret_key = property(lambda self: self.env["AWS_SECRET_ACCESS_KEY"])
    region = property(lambda self: self.env["AWS_REGION"])
    bucket = property(lambda self: self.env["S3_BUCKET_NAME"])
    database_url = property(lambda self: self.env["DATABASE_URL"])

    # -- start and end --

    def _spawn(self, environment, **options):
        assert self.process is None, "it runs already"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, start_new_session=True, **options)

    def _must_run(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.command_line} ended with status {self.process.returncode}:\n{self.log()}")

    def __enter__(self):
        return self.start()

    def __exit__(self, exception, *_):
        if exception or self.process is None:
            self.kill()
        else:
            self.stop()

    def _identities(self):
        return [(pid, start_time(pid)) for pid in self.processes()]

    def _wait_until_gone(self, known, timeout_s):
        wait_until(lambda: not self.processes() and all(start_time(pid) != start or pid not in process_table()
                                                        for pid, start in known),
                   f"the end of all processes of {self.command_line}", timeout_s)

    def stop(self, number=signal.SIGTERM, timeout_s=60):
        """Ends it as a service manager or Ctrl-C does. It must end with status 0, and whatever it started with it."""
        known = self._identities()
        self.process.send_signal(number)
        self.wait_for_end(timeout_s)
        self._wait_until_gone(known, 15)

    def wait_for_end(self, timeout_s=60):
        """Waits for the end that a signal has asked for."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.command_line} still ran {timeout_s} s after the signal to end:\n{self.log()}")
        self.process = None
        assert status == 0, f"{self.command_line} ended with status {status}:\n{self.log()}"

    def kill(self, timeout_s=60):
        """kill -9 of the program alone; whatever it started must end by itself."""
        if self.process is None:
            return
        known = self._identities()
        self.process.kill()
        self.process.wait()
        try:
            self._wait_until_gone(known, timeout_s)
        finally:
            self.process = None
            for pid, start in known:
                if start_time(pid) == start:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def start_and_fail(self):
        """Runs a start that must fail, to its end. The result has returncode, stdout, stderr."""
        return subprocess.run(self.command(), env=self.environment, capture_output=True, text=True, timeout=START_TIMEOUT_S)

    def processes(self):
        """Its own process, those below it, and those that work inside its folder (PostgreSQL's)."""
        table = process_table()
        own = descendants_of({self.process.pid} if self.process else (), table)
        return own | {pid for pid in table if works_in(pid, self.data_dir)}

    def log(self):
        return self.log_path.read_text(errors="replace")[-20000:] if self.log_path.exists() else ""

    # -- its addresses --

    def request(self, method, url, body=None, headers=None, timeout_s=60, source=None):
        """One request over a fresh connection: (status, headers, body). url: whole, or a path of the API. source: the
        client's address."""
        parts = urllib.parse.urlsplit(url if "://" in url else self.api_url + url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s,
                                                source_address=source and (source, 0))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def s3(self, **options):
        """A boto3 client of the store; its settings are the defaults, but for the address."""
        import boto3
        return boto3.client("s3", endpoint_url=self.s3_url, aws_access_key_id=self.access_key,
                            aws_secret_access_key=self.secret_key, region_name=self.region, **options)


class Up(Vibe):
    """`vibe up` with its data folder. start() waits for `ready` and reads DIR/env."""

    command_line = "vibe up"
    NAMES = ("VIBE_API_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "S3_BUCKET_NAME",
             "CDN_BASE_URL", "DATABASE_URL")

    def __init__(self, data_dir, arguments=(), environment=None, program=(BINARY,)):
        """environment: variables to set. program: the first words of the command, to run it as another user for example."""
        super().__init__(data_dir)
        self.s3_port, self.cdn_port = free_port(), free_port()
        self.arguments, self.program = list(arguments), list(program)
        self.environment = tool_environment(**{"RATE_LIMIT": "off"} | (environment or {}))

    ports = property(lambda self: (self.api_port, self.s3_port, self.cdn_port))

    def command(self):
        return [*map(str, self.program), "up", "--data", str(self.data_dir), "--api-port", str(self.api_port),
                "--s3-port", str(self.s3_port), "--cdn-port", str(self.cdn_port), *self.arguments]

    def start(self, timeout_s=START_TIMEOUT_S):
        begin = self.log_path.stat().st_size if self.log_path.exists() else 0

        def is_ready():
            self._must_run()
            return b"\nready\n" in self.log_path.read_bytes()[begin:]

        self._spawn(self.environment)
        try:
            wait_until(is_ready, f"`ready` of vibe up (log: {self.log_path})", timeout_s, interval_s=0.005)
        except BaseException:
            print(self.log())
            self.kill()
            raise
        self.env = self._read_env(self.data_dir / "env")
        return self

    def _read_env(self, path):
        """As a shell reads it: the file is there to be sourced."""
        script = 'set -eu; . "$1"; shift; for n; do eval "printf \'%s\\\\0\' \\"\\$$n\\""; done'
        out = subprocess.run(["/bin/sh", "-c", script, "sh", str(path), *self.NAMES], check=True, capture_output=True,
                             env={"PATH": os.environ["PATH"]}).stdout
        return dict(zip(self.NAMES, out.decode().split("\0")))


class Serve(Vibe):
    """`vibe serve`, configured by its environment alone. It uses the store, the edge and the database of a `vibe up`."""

    command_line = "vibe serve"

    def __init__(self, folder, beside, **changed):
        """changed: variables to set; None leaves one out."""
        super().__init__(folder)
        self.beside = beside
        self.env = dict(beside.env, VIBE_API_URL=f"http://127.0.0.1:{self.api_port}")
        self.jwt_secret = "only-for-tests-" + "0123456789abcdef" * 2
        self.environment = tool_environment(**{
            "PORT": self.api_port, "DATABASE_URL": beside.database_url, "AWS_REGION": beside.region,
            "S3_BUCKET_NAME": beside.bucket, "S3_ENDPOINT": beside.s3_url, "CDN_BASE_URL": beside.cdn_url,
            "JWT_SECRET": self.jwt_secret, "RATE_LIMIT": "off", "AWS_ACCESS_KEY_ID": beside.access_key,
            "AWS_SECRET_ACCESS_KEY": beside.secret_key, **changed})

    def command(self):
        return [str(BINARY), "serve"]

    def is_healthy(self):
        self._must_run()
        try:
            return self.request("GET", "/api/health", timeout_s=5)[0] == 200
        except OSError:
            return False

    def start(self, timeout_s=60):
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._spawn(self.environment, cwd=self.data_dir)
        wait_until(self.is_healthy, "the first healthy answer of vibe serve", timeout_s, interval_s=0.002)
        return self
