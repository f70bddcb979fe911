"""The contestants of the benchmark. Each starts its program on free loopback ports, pinned to the servers' core, and stops
it at the end of its `with` block."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
ALL_CORES = ",".join(map(str, CORES))
JWT_SECRET = "only for this benchmark, only for a minute"  # of `vibe serve`


class Failed(Exception):
    """A program did not start or failed; the text tells a person which and why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)]


class Program:
    """A child process with its log."""

    def __init__(self, name, command, log, environment=None, core=SERVER_CORE, stdout=None):
        self.name, self.log = name, pathlib.Path(log)
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(pinned(core, command), stdin=subprocess.DEVNULL, stdout=stdout or out,
                                            stderr=out, env=environment, start_new_session=True)

    def wait_until(self, condition, timeout_s=60, interval_s=0.02):
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{self.name} did not start:\n" + self.log.read_text(errors="replace")[-3000:])
            time.sleep(interval_s)
        return result

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_us(self):
        """Processor time so far, of all its threads and of its workers (nginx has one)."""
        total = 0
        for pid in (self.process.pid, *self.workers()):
            for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(path.read_text().split()[0])
        return total / 1000

    def workers(self):
        """Its child processes, whose time and memory are its own."""
        return ()

    def children(self):
        return map(int, pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())

    def _status_mb(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise Failed(f"{self.name} has ended:\n" + self.log.read_text(errors="replace")[-3000:])

    def resident_mb(self):
        return self._status_mb("VmRSS")

    def peak_mb(self):
        return self._status_mb("VmHWM")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def descendants(pid):
    found = []
    with contextlib.suppress(OSError):
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, path.read_text().split()):
                found += [child, *descendants(child)]
    return found


def is_up(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG", "S3_", "CDN_"))}
    return kept | more


class VibeUp(Program):
    def __init__(self, binary, data, core=SERVER_CORE):
        command = [binary, "up", "--data", data]
        for option in ("--api-port", "--s3-port", "--cdn-port"):
            command += [option, free_port()]
        super().__init__("vibe up", command, f"{data}.log", clean_environment(RATE_LIMIT="off", LOG_LEVEL="warn"),
                         core=core)
        try:
            self.wait_until((data / "env").exists)
        except Failed:
            self.stop()
            raise
        lines = (line.split("=", 1) for line in (data / "env").read_text().splitlines() if "=" in line and line[0] != "#")
        self.env = {name.removeprefix("export ").strip(): value.strip("'\"") for name, value in lines}

    def media_mb(self):
        """Memory of the nursery and its workers; memory that they share counts once."""
        total = 0
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("vibe-media"):
                    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                        if line.startswith("Pss:"):
                            total += int(line.split()[1])
        return total / 1024


class Serve(Program):
    """`vibe serve` with the database and the store of a `vibe up`."""

    def __init__(self, binary, up, port, prefix=()):
        """prefix: a command that runs the program, for example in a control group."""
        self.port = port
        environment = clean_environment(
            PORT=str(port), DATABASE_URL=up["DATABASE_URL"], AWS_REGION=up["AWS_REGION"], S3_BUCKET_NAME=up["S3_BUCKET_NAME"],
            S3_ENDPOINT=up["AWS_ENDPOINT_URL_S3"], CDN_BASE_URL=up["CDN_BASE_URL"], LOG_LEVEL="warn",
            JWT_SECRET=JWT_SECRET, RATE_LIMIT="off",
            AWS_ACCESS_KEY_ID=up["AWS_ACCESS_KEY_ID"], AWS_SECRET_ACCESS_KEY=up["AWS_SECRET_ACCESS_KEY"])
        log = pathlib.Path(binary).parent / "bench" / "serve.log"
        log.parent.mkdir(exist_ok=True)
        super().__init__("vibe serve", [*prefix, binary, "serve"], log, environment, core=CLIENT_CORE)

    def wait_until_healthy(self):
        self.wait_until(lambda: is_up(self.port, "/api/health"), interval_s=0.0005)


NGINX_CONF = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;

    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    types {{ image/jpeg jpg; image/webp webp; }}
    server {{
        listen 127.0.0.1:{port};
        root {folder}/root;
        {answers}
        location /cached/ {{ alias {folder}/root/; open_file_cache max=100; }}
    }}
}}
"""


class Nginx(Program):
    def __init__(self, folder, answers, files):
        """answers: {path: bytes; nginx answers with as many}; files: {path: contents}."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        for key, data in files.items():
            path = folder / "root" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        user = "user root;" if os.geteuid() == 0 else ""
        locations = "\n".join(f"location = {path} {{ default_type application/json; return 200 '{'x' * len(body)}'; }}"
                              for path, body in answers.items())
        (folder / "nginx.conf").write_text(NGINX_CONF.format(user=user, folder=folder, port=port, answers=locations))
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        super().__init__("nginx", [program, "-e", folder / "error.log", "-c", folder / "nginx.conf"], folder / "log")
        self.wait_until(lambda: is_up(port, next(iter(answers))))

    workers = Program.children


class Varnish(Program):
    """In front of another server, with a cache in memory."""

    def __init__(self, folder, behind):
        """behind: a URL without a path."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        folder.mkdir()
        program = shutil.which("varnishd", path=os.environ["PATH"] + ":/usr/sbin")
        super().__init__("Varnish", [program, "-F", "-a", f"127.0.0.1:{port}", "-b", behind.removeprefix("http://"),
                                     "-s", "malloc,64m", "-j", "none", "-n", folder / "n"], folder / "log")
        self.wait_until(lambda: is_up(port, "/health"))

    workers = Program.children


class Express(Program):
    """backend/bench/express, with its packages installed in the build folder."""

    def __init__(self, source, installed, database_url, pictures, core=None):
        self.install(source, installed)
        reading, writing = os.pipe()
        environment = clean_environment(NODE_ENV="production", NODE_NO_WARNINGS="1", DATABASE_URL=database_url,
                                        PICTURES=str(pictures))
        super().__init__("Express", ["node", installed / "server.mjs"], installed / "log", environment,
                         core=SERVER_CORE if core is None else core, stdout=writing)
        os.close(writing)
        with open(reading) as out:
            line = out.readline()
        if not line:
            self.stop()
            raise Failed("Express did not start:\n" + self.log.read_text(errors="replace")[-3000:])
        ready = json.loads(line)
        self.url, self.token = f"http://127.0.0.1:{ready['port']}", ready["token"]

    @staticmethod
    def install(source, installed):
        stale = installed / "package.json"
        fresh = stale.exists() and stale.read_bytes() == (source / "package.json").read_bytes()
        installed.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            if path.is_file():
                shutil.copy(path, installed)
        if fresh and (installed / "node_modules/sharp").is_dir():
            return
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=installed,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("npm could not install Express:\n" + done.stderr[-3000:])
