"""`vibe up`: its output and its files, the starts that it refuses, its end, and what survives."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
import urllib.parse

import pytest

from helpers import images
from helpers.api import PASSWORD
from helpers.database import sql
from helpers.phone import Phone
from helpers.processes import command_name, free_port, listens, processes_in
from helpers.program import BINARY, ROOT, Up
from helpers.waiting import quickest, wait_until

NOBODY = 65534


def refused(up):
    """The message of a `vibe up` that must refuse to start. It must leave neither a process nor a listener."""
    before = processes_in(up.data_dir), [port for port in up.ports if listens(port)]
    done = up.start_and_fail()
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "ready" not in done.stdout
    words = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert words[0].startswith("vibe: ") and len(words) <= 2, done.stderr
    wait_until(lambda: processes_in(up.data_dir) <= before[0], f"the end of what started in {up.data_dir}")
    assert [port for port in up.ports if listens(port)] == before[1]
    return "\n".join(words)


def postmaster_of(vibe):
    return int((vibe.data_dir / "postgres/data/postmaster.pid").read_text().splitlines()[0])


def login(phone):
    return phone.call("POST", "/api/auth/login", {"email": phone.email, "password": PASSWORD})[0]


@pytest.fixture(scope="module")
def stopped(binary, scratch):
    """A `vibe up` that has run and stopped. Tests leave its folder as it is."""
    with Up(scratch / "stopped") as instance:
        pass
    return instance


@contextlib.contextmanager
def occupied(port):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def test_it_prints_its_addresses_and_then_ready(vibe):
    with open(vibe.log_path) as log:
        text = log.read(4000)
    table, found, _ = text.partition("\nready\n")
    assert found
    for word, address in ("API", vibe.api_url), ("S3", vibe.s3_url), ("CDN", vibe.cdn_url):
        assert re.search(rf"^ *{word} +{re.escape(address)}\b", table, re.M), table
    for secret in vibe.secret_key, urllib.parse.urlsplit(vibe.database_url).password:
        assert secret not in text


def test_a_shell_can_source_its_env_file(vibe):
    assert all(vibe.env.values())
    assert {name for name, url in vibe.env.items() if url.startswith("http://127.0.0.1:")} == {
        "VIBE_API_URL", "AWS_ENDPOINT_URL_S3", "CDN_BASE_URL"}
    assert re.fullmatch(r"[A-Z2-7]{20}", vibe.access_key) and len(vibe.secret_key) >= 40
    assert vibe.bucket == "vibe-app-production"
    assert vibe.request("GET", "/api/health")[0] == 200
    assert sql(vibe, "SELECT 1") == [["1"]]
    assert vibe.bucket in [bucket["Name"] for bucket in vibe.s3().list_buckets()["Buckets"]]


def test_only_the_owner_can_read_secrets(vibe):
    for name in "env", "secrets", "postgres.log":
        assert stat.S_IMODE((vibe.data_dir / name).stat().st_mode) == 0o600, name
    for name in "postgres", "store":
        assert stat.S_IMODE((vibe.data_dir / name).stat().st_mode) == 0o700, name


def test_only_loopback_is_listened_on(vibe):
    """Of PostgreSQL, too. Another user cannot look into the jailed decoders, which have no sockets."""
    inodes = set()
    for pid in vibe.processes():
        if command_name(pid) == "vibe-media":
            continue
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(entry))
    listeners = []
    for table in "tcp", "tcp6":
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listeners.append(fields[1].split(":")[0])
    assert len(listeners) == 4 and set(listeners) == {"0100007F"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run PostgreSQL as")
def test_postgresql_is_not_run_as_root_even_below_a_folder_only_root_may_enter(vibe):
    assert any(stat.S_IMODE(folder.stat().st_mode) == 0o700 and folder.stat().st_uid == 0
               for folder in vibe.data_dir.parents)
    assert pathlib.Path(f"/proc/{postmaster_of(vibe)}").stat().st_uid != 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "closed terminal"])
def test_a_second_start_finds_everything_again(vibe_factory, ending):
    vibe = vibe_factory()
    phone, first = Phone(vibe), dict(vibe.env)
    data = images.jpeg(size=200_000)
    vibe.s3().put_object(Bucket=vibe.bucket, Key="kept", Body=data)
    vibe.stop(ending)
    assert processes_in(vibe.data_dir) == set()
    assert not any(map(listens, vibe.ports))
    vibe.start()
    assert vibe.env == first
    assert vibe.s3().get_object(Bucket=vibe.bucket, Key="kept")["Body"].read() == data
    assert login(phone) == 200


@pytest.mark.parametrize("program, limit_s", [("sanitized", 3), ("optimised", 1)])
def test_a_second_start_is_quick(stopped, program, limit_s):
    optimised = ROOT / "build/vibe"
    if program == "optimised" and not optimised.exists():
        pytest.skip("there is no optimised program at build/vibe")
    up = Up(stopped.data_dir, program=[optimised if program == "optimised" else BINARY])

    def start():
        started = time.monotonic()
        up.start()
        seconds = time.monotonic() - started
        up.stop()
        return seconds

    quickest(start, limit_s, f"the second start of the {program} program, to ready")


@pytest.mark.parametrize("taken, server", [(0, "api"), (1, "store"), (2, "cdn")])
def test_a_port_in_use_is_named(stopped, taken, server):
    up = Up(stopped.data_dir)
    with occupied(up.ports[taken]):
        words = refused(up)
    assert f"port {up.ports[taken]} of 127.0.0.1, wanted for the {server}, is in use" in words


def test_a_folder_in_use_by_another_vibe_up_is_refused(vibe):
    env = (vibe.data_dir / "env").read_bytes()
    words = refused(Up(vibe.data_dir))
    assert str(vibe.data_dir) in words and "in use by another 'vibe up'" in words and "--data" in words
    assert (vibe.data_dir / "env").read_bytes() == env
    assert vibe.request("GET", "/api/health/ready")[0] == 200


@pytest.fixture
def as_nobody():
    """The first words of a command that runs `vibe` as another user."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to be another user")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", BINARY]


@pytest.fixture
def open_folder():
    """A folder that other users can reach; pytest's own are private."""
    made = subprocess.run(["mktemp", "-d", "/tmp/vibe-test-open-XXXXXX"], check=True, capture_output=True, text=True)
    folder = pathlib.Path(made.stdout.strip())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_an_unwritable_folder_is_named(open_folder, as_nobody):
    words = refused(Up(open_folder / "data", program=as_nobody))
    assert str(open_folder / "data") in words and "Permission denied" in words and "--data" in words
    assert list(open_folder.iterdir()) == []
    owned = open_folder / "of-root"
    owned.mkdir(mode=0o755)
    words = refused(Up(owned, program=as_nobody))
    assert str(owned) in words and "Permission denied" in words
    file = open_folder / "file"
    file.write_text("not a folder")
    words = refused(Up(file))
    assert f"{file} is not a folder" in words


def test_a_full_instance_runs_for_an_unprivileged_user(open_folder, as_nobody):
    os.chown(open_folder, NOBODY, NOBODY)
    with Up(open_folder / "data", program=as_nobody):
        assert {pathlib.Path(f"/proc/{pid}").stat().st_uid for pid in processes_in(open_folder / "data")} == {NOBODY}
    assert processes_in(open_folder / "data") == set()


@pytest.fixture
def without_postgresql():
    """The first words of a command that runs `vibe` in a mount namespace without the system's PostgreSQL."""
    hide = ["unshare", "--mount", "/bin/sh", "-c", 'mount -t tmpfs none /usr/lib/postgresql && exec "$@"', "sh"]
    if not os.path.isdir("/usr/lib/postgresql"):
        pytest.skip("PostgreSQL is not where Debian keeps it, so it cannot be hidden")
    if subprocess.run([*hide, "true"], capture_output=True).returncode != 0:
        pytest.skip("mount namespaces are not permitted here, so PostgreSQL cannot be hidden")
    return [*hide, BINARY]


def test_a_missing_postgresql_is_named_with_what_to_install(stopped, tmp_path, without_postgresql):
    words = refused(Up(tmp_path / "new", program=without_postgresql))
    assert "PostgreSQL 15 or newer is not installed" in words and "apt-get install postgresql" in words
    words = refused(Up(stopped.data_dir, program=without_postgresql))
    assert re.search(r"made by PostgreSQL \d+, which is not installed", words)


def test_kill_9_ends_postgresql_too_and_loses_nothing(vibe_factory):
    vibe = vibe_factory()
    phone, data = Phone(vibe), images.jpeg(size=300_000)
    vibe.s3().put_object(Bucket=vibe.bucket, Key="large", Body=data)
    vibe.s3().put_object(Bucket=vibe.bucket, Key="small", Body=data[:1000])
    assert postmaster_of(vibe) in processes_in(vibe.data_dir)
    vibe.kill()  # fails if a process stays
    assert processes_in(vibe.data_dir) == set()
    vibe.start()
    assert vibe.s3().get_object(Bucket=vibe.bucket, Key="large")["Body"].read() == data
    assert vibe.s3().get_object(Bucket=vibe.bucket, Key="small")["Body"].read() == data[:1000]
    assert login(phone) == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT])
def test_postgresql_that_ends_is_started_again(vibe, number):
    phone, server = Phone(vibe), postmaster_of(vibe)
    started = time.monotonic()
    os.kill(server, number)
    ended = []

    def back():
        if not pathlib.Path(f"/proc/{server}").exists():
            ended.append(time.monotonic())
        status = login(phone)
        assert status in (200, 503)
        return ended and status == 200

    wait_until(back, "a login after PostgreSQL's restart")
    print(f"\nPostgreSQL after {number.name}: the API answered again after {time.monotonic() - started:.2f} s")
    assert postmaster_of(vibe) != server
    assert sql(vibe, "SELECT count(*) FROM users WHERE email = :'email'", email=phone.email) == [["1"]]
    assert vibe.request("GET", "/api/health")[0] == 200


def test_a_phone_nearby_gets_urls_with_the_host_it_used(vibe_factory):
    vibe = vibe_factory("--bind", "0.0.0.0")
    assert urllib.parse.urlsplit(vibe.api_url).hostname == "127.0.0.1"
    if listens(vibe.api_port, "127.0.0.2"):
        vibe.env["VIBE_API_URL"] = f"http://127.0.0.2:{vibe.api_port}"
    else:
        pytest.skip("this machine has no address 127.0.0.2")
    phone, data = Phone(vibe), images.jpeg(size=20_000)
    ticket = phone.ticket("profile-picture", data)
    assert ticket["url"].startswith(f"http://127.0.0.2:{vibe.s3_port}/")
    assert phone.put(ticket, data)[0] == 200
    status, body = phone.complete(ticket)
    assert status == 200
    assert body["media"]["cdnUrl"].startswith(f"http://127.0.0.2:{vibe.cdn_port}/")
    assert images.shows(vibe.request("GET", body["media"]["cdnUrl"])[2], data)
    assert phone.me()["profilePictureCdnUrl"] == body["media"]["cdnUrl"]
    # the stored URL has the usual host, whichever host the phone used
    vibe.env["VIBE_API_URL"] = f"http://127.0.0.1:{vibe.api_port}"
    assert phone.me()["profilePictureCdnUrl"].startswith(vibe.cdn_url)
    # a strange Host misleads only its sender, and never breaks a header or a signature
    status, _, answer = phone.ask_api("POST", "/api/upload/profile-picture",
                                      {"contentType": "image/jpeg", "contentLength": 5}, {"Host": "x\"y/z@w"})
    assert status in (201, 400)
    assert status == 400 or "x\"y" not in answer["url"]


def test_another_database_and_another_s3_can_be_used(vibe, vibe_factory):
    sql(vibe, "CREATE DATABASE elsewhere")
    other = vibe_factory(
        "--database", vibe.database_url.rpartition("/")[0] + "/elsewhere", "--s3-endpoint", vibe.s3_url, environment={
            "AWS_ACCESS_KEY_ID": vibe.access_key, "AWS_SECRET_ACCESS_KEY": vibe.secret_key,
            "S3_BUCKET_NAME": "elsewhere"})
    assert not (other.data_dir / "postgres").exists() and not (other.data_dir / "store").exists()
    assert not listens(other.s3_port)
    assert (other.s3_url, other.bucket) == (vibe.s3_url, "elsewhere")
    # the env file has the credentials, not empty values that would hide those of the shell
    assert (other.access_key, other.secret_key) == (vibe.access_key, vibe.secret_key)
    phone, data = Phone(other), images.jpeg(size=100_000)
    media = phone.send("profile-picture", data)
    served = other.request("GET", media["cdnUrl"])[2]
    assert images.shows(served, data)
    assert vibe.s3().get_object(Bucket="elsewhere", Key=media["key"])["Body"].read() == served
    assert sql(other, "SELECT profile_picture_s3_key FROM users") == [[media["key"]]]
    other.stop()
    assert vibe.request("GET", "/api/health/ready")[0] == 200


def test_a_database_or_s3_that_cannot_be_used_is_named_without_its_password(tmp_path):
    closed = free_port()
    words = refused(Up(tmp_path / "a", ["--database", f"postgresql://vibe:hunter2@127.0.0.1:{closed}/vibe"]))
    assert str(closed) in words and "hunter2" not in words
    words = refused(Up(tmp_path / "b", ["--database", "mysql://vibe:hunter2@127.0.0.1/vibe"]))
    assert "hunter2" not in words
    words = refused(Up(tmp_path / "c", ["--s3-endpoint", f"http://127.0.0.1:{closed}"], {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2-secret"}))
    assert f"127.0.0.1:{closed}" in words and "hunter2" not in words


def test_unfinished_requests_delay_the_end_for_less_than_32_seconds(vibe_factory):
    vibe = vibe_factory()
    heads = [(vibe.api_port, b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"),
             (vibe.s3_port, b"PUT /%s/never HTTP/1.1\r\nHost: x\r\n" % vibe.bucket.encode()),
             (vibe.cdn_port, b"GET /profile-pictures/x HTTP/1.1\r\nHost: x\r\n")]
    with contextlib.ExitStack() as stack:
        for port, head in heads:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(head + b"Content-Length: 1000\r\n\r\nx")
        started = time.monotonic()
        vibe.stop(timeout_s=40)
        assert time.monotonic() - started < 32
