"""What integration tests share: the real program, started as a user would (`vibe up`), and pictures to send through it.

The program is $VIBE_BINARY, by default the sanitized one of build/asan. A test that only uses the service takes the
fixture `vibe` (one instance per worker of pytest-xdist); one that kills, fills or reconfigures it takes `vibe_factory`.
"""

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("VIBE_BINARY") or ROOT / "build/asan/src/cmd/vibe").resolve()
PHOTOS = ROOT.parent / "shared" / "photos"
START_TIMEOUT_S = 90  # initdb under a sanitized program on a busy machine


def wait_until(condition, timeout_s=10, what="the condition", interval_s=0.02):
    """Asks condition() until it gives something true, and returns that; fails past the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come true within {timeout_s} s")
        time.sleep(interval_s)


def _worker_number():
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


class _Ports:
    """Free ports below the ephemeral range, so that no outgoing connection takes one between choice and use. Each worker
    has a range of its own, and begins somewhere in it, as another run of the tests may be going on."""

    def __init__(self):
        self.first = 15000 + 1000 * (_worker_number() % 16)
        self.next = self.first + os.getpid() * 37 % 1000

    def take(self):
        while True:
            self.next = self.first + (self.next + 1 - self.first) % 1000
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", self.next))
                    return self.next


free_port = _Ports().take


def _start_time(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def command_name(pid):
    """What `ps` calls a process; None when it has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def _process_table():
    """pid → parent, of all processes that are not zombies."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
                if fields[0] not in "ZX":
                    table[int(entry)] = int(fields[1])
    return table


def parent_of(pid):
    return _process_table().get(pid)


class Vibe:
    """One `vibe up` with its data folder. start() waits for `ready` and reads DIR/env."""

    def __init__(self, data_dir, arguments=(), environment=None):
        self.data_dir = pathlib.Path(data_dir)
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self.api_port, self.s3_port, self.cdn_port = free_port(), free_port(), free_port()
        self.arguments, self.environment = list(arguments), dict(environment or {})
        self.process = None
        self.env = {}

    def command(self):
        return [str(BINARY), "up", "--data", str(self.data_dir), "--api-port", str(self.api_port),
                "--s3-port", str(self.s3_port), "--cdn-port", str(self.cdn_port), *self.arguments]

    def start(self, timeout_s=START_TIMEOUT_S):
        assert self.process is None, "it runs already"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG"))}
        environment |= {"RATE_LIMIT": "off", **self.environment}
        env_file = self.data_dir / "env"
        before = env_file.stat().st_mtime_ns if env_file.exists() else None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, start_new_session=True)

        def is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"vibe up ended with status {self.process.returncode}:\n{self.log()}")
            return env_file.exists() and env_file.stat().st_mtime_ns != before

        try:
            wait_until(is_ready, timeout_s, f"`ready` of vibe up (log: {self.log_path})")
        except BaseException:
            print(self.log())
            self.kill()
            raise
        self.env = self._read_env(env_file)
        return self

    @staticmethod
    def _read_env(path):
        """As a shell reads it: the file is there to be sourced."""
        names = ("VIBE_API_URL AWS_ENDPOINT_URL_S3 AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION S3_BUCKET_NAME "
                 "CDN_BASE_URL DATABASE_URL").split()
        script = 'set -eu; . "$1"; shift; for n; do eval "printf \'%s\\\\0\' \\"\\$$n\\""; done'
        out = subprocess.run(["/bin/sh", "-c", script, "sh", str(path), *names], check=True, capture_output=True,
                             env={"PATH": os.environ["PATH"]}).stdout
        return dict(zip(names, out.decode().split("\0")))

    api_url = property(lambda self: self.env["VIBE_API_URL"])
    s3_url = property(lambda self: self.env["AWS_ENDPOINT_URL_S3"])
    cdn_url = property(lambda self: self.env["CDN_BASE_URL"])
    access_key = property(lambda self: self.env["AWS_ACCESS_KEY_ID"])
    secret_key = property(lambda self: self.env["AWS_SECRET_ACCESS_KEY"])
    region = property(lambda self: self.env["AWS_REGION"])
    bucket = property(lambda self: self.env["S3_BUCKET_NAME"])
    database_url = property(lambda self: self.env["DATABASE_URL"])

    def log(self):
        return self.log_path.read_text(errors="replace")[-20000:] if self.log_path.exists() else ""

    def processes(self):
        """Its own process, those below it, and those that work inside its folder (PostgreSQL's)."""
        table = _process_table()
        found = {self.process.pid} & table.keys() if self.process else set()
        grown = True
        while grown:
            more = {pid for pid, parent in table.items() if parent in found} - found
            grown = bool(more)
            found |= more
        for pid in table:
            with contextlib.suppress(OSError):
                if pathlib.Path(os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")).is_relative_to(self.data_dir):
                    found.add(pid)
        return found

    def _wait_for_end(self, known, timeout_s):
        def all_gone():
            return not self.processes() and all(_start_time(pid) != start or pid not in _process_table()
                                                for pid, start in known)

        wait_until(all_gone, timeout_s, "the end of all its processes")

    def stop(self, timeout_s=30):
        """Ends it as Ctrl-C or a service manager would; everything that it started must be gone with it."""
        known = [(pid, _start_time(pid)) for pid in self.processes()]
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"vibe up was still there {timeout_s} s after SIGTERM:\n{self.log()}")
        self._wait_for_end(known, 5)
        self.process = None
        assert status == 0, f"vibe up ended with status {status} upon SIGTERM:\n{self.log()}"

    def kill(self, timeout_s=15):
        """kill -9 of the program alone; what it started must end by itself."""
        if self.process is None:
            return
        known = [(pid, _start_time(pid)) for pid in self.processes()]
        self.process.kill()
        self.process.wait()
        try:
            self._wait_for_end(known, timeout_s)
        finally:
            self.process = None
            for pid, start in known:
                if _start_time(pid) == start:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    # -- asking it --

    def request(self, method, url, body=None, headers=None, timeout_s=30):
        """One request over a fresh connection. url: whole, or a path of the API. Returns (status, headers, body)."""
        parts = urllib.parse.urlsplit(url if "://" in url else self.api_url + url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def s3(self, **options):
        """A boto3 client with its default settings but for the address."""
        import boto3
        return boto3.client("s3", endpoint_url=self.s3_url, aws_access_key_id=self.access_key,
                            aws_secret_access_key=self.secret_key, region_name=self.region, **options)


def tool_environment(**variables):
    """An environment with nothing of the caller's but what programs and sanitizers need. None leaves one out."""
    kept = {name: value for name, value in os.environ.items()
            if name in ("PATH", "LANG", "TMPDIR") or name.split("_")[0] in ("ASAN", "LSAN", "UBSAN", "TSAN")}
    return kept | {name: str(value) for name, value in variables.items() if value is not None}


def listens(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((host, port)) == 0


def processes_in(folder):
    """Those that work inside the folder or were told it: PostgreSQL changes into its data folder."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError):
                where = pathlib.Path(os.readlink(f"/proc/{entry}/cwd").removesuffix(" (deleted)"))
                words = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                if where.is_relative_to(folder) or str(folder).encode() in words:
                    found.add(int(entry))
    return found & _process_table().keys()


class Serve(Vibe):
    """One `vibe serve`, configured by its environment alone, beside a `vibe up` whose store, edge and database it uses."""

    def __init__(self, folder, beside, **changed):
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
        if self.process.poll() is not None:
            raise AssertionError(f"vibe serve ended with status {self.process.returncode}:\n{self.log()}")
        try:
            return self.request("GET", "/api/health", timeout_s=5)[0] == 200
        except OSError:
            return False

    def start(self, timeout_s=30):
        assert self.process is None, "it runs already"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, cwd=self.data_dir, start_new_session=True)
        wait_until(self.is_healthy, timeout_s, "the first healthy answer of vibe serve", interval_s=0.002)
        return self


@pytest.fixture(scope="session")
def binary():
    if not BINARY.exists():
        pytest.fail(f"there is no program at {BINARY}: build it (./dev test does) or set VIBE_BINARY")
    return BINARY


@pytest.fixture(scope="session")
def _scratch():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vibe-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def vibe(binary, _scratch):
    """The instance that tests of one worker share: leave it as you found it, and use keys and accounts of your own."""
    instance = Vibe(_scratch / "shared").start()
    yield instance
    instance.stop()


@pytest.fixture
def vibe_factory(binary, _scratch):
    """vibe_factory(*arguments, data_dir=None, environment={}, start=True): an instance of the test's own. What still
    runs at the end of the test is ended, and must end cleanly."""
    made = []

    def make(*arguments, data_dir=None, environment=None, start=True):
        folder = data_dir or pathlib.Path(tempfile.mkdtemp(prefix="own-", dir=_scratch)) / "data"
        instance = Vibe(folder, arguments, environment)
        made.append(instance)
        return instance.start() if start else instance

    yield make
    try:
        for instance in made:
            if instance.process is not None:
                instance.stop()
    finally:
        for instance in made:
            instance.kill()
            shutil.rmtree(instance.data_dir, ignore_errors=True)


@pytest.fixture
def serve_factory(vibe, _scratch):
    """serve_factory(beside=vibe, start=True, **environment): a `vibe serve` of the test's own; None unsets a variable."""
    made = []

    def make(beside=None, start=True, **environment):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="serve-", dir=_scratch)) / "work"
        instance = Serve(folder, beside or vibe, **environment)
        made.append(instance)
        return instance.start() if start else instance

    yield make
    try:
        for instance in made:
            if instance.process is not None:
                instance.stop()
    finally:
        for instance in made:
            instance.kill()


@pytest.fixture(scope="session")
def photos():
    """The folder of real photographs beside the project; tests that use it also have a sibling on made pictures."""
    if not PHOTOS.is_dir():
        pytest.skip(f"the real photographs are missing: no folder {os.path.relpath(PHOTOS, ROOT)} beside the project")
    return PHOTOS
