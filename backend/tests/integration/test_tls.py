"""`vibe serve` with TLS of its own: which clients it serves, how it renews its certificate, and which files stop the start."""

import concurrent.futures
import http.client
import signal
import socket
import ssl
import subprocess

import pytest

from helpers.processes import free_port
from helpers.program import tool_environment
from helpers.waiting import wait_until


def make_certificate(folder, name="own"):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def curl(cert, url, *options):
    return subprocess.run(["curl", "-sS", "-i", "-m", "60", "--noproxy", "*", "--cacert", str(cert), *options, url],
                          capture_output=True, text=True, env=tool_environment())


@pytest.fixture
def secure(serve_factory, tmp_path):
    cert, key = make_certificate(tmp_path)
    cdn_port = free_port()
    serve = serve_factory(start=False, TLS_CERT=cert, TLS_KEY=key, CDN_PORT=cdn_port)
    serve.cert, serve.key, serve.ports = cert, key, (serve.api_port, cdn_port)
    serve.url = f"https://127.0.0.1:{serve.api_port}"
    serve.is_healthy = lambda: curl(cert, serve.url + "/api/health").returncode == 0
    return serve.start()


def test_only_https_is_served(secure):
    answer = curl(secure.cert, secure.url + "/api/users/me")
    assert answer.returncode == 0 and " 401 " in answer.stdout.splitlines()[0], answer
    assert "strict-transport-security: max-age=" in answer.stdout.lower()
    assert curl(secure.cert, secure.url + "/api/health", "--tlsv1.2", "--tls-max", "1.2").returncode == 0
    assert curl(secure.cert, secure.url + "/api/health", "--tlsv1.0", "--tls-max", "1.1").returncode != 0
    plain = curl(secure.cert, secure.url.replace("https", "http") + "/api/health")
    assert plain.returncode not in (0, 28), "plain HTTP is refused and does not hang"
    with socket.create_connection(("127.0.0.1", secure.api_port)):
        assert curl(secure.cert, secure.url + "/api/health").returncode == 0, "a silent connection blocks nobody"


def shown_certificate(port):
    """The certificate that a client gets, in PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=60)


def test_sighup_takes_a_renewed_certificate_and_loses_no_client(secure, tmp_path):
    first = shown_certificate(secure.api_port)
    context = ssl.create_default_context(cafile=secure.cert)
    old_client = http.client.HTTPSConnection("127.0.0.1", secure.api_port, context=context, timeout=60)
    old_client.request("GET", "/api/health")
    assert old_client.getresponse().read()
    for number in range(3):
        before = shown_certificate(secure.api_port)
        for made, used in zip(make_certificate(tmp_path, f"new{number}"), (secure.cert, secure.key)):
            used.write_bytes(made.read_bytes())
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            asked = [threads.submit(shown_certificate, secure.api_port) for _ in range(40)]
            secure.process.send_signal(signal.SIGHUP)
            assert {one.result() for one in asked} <= {before, secure.cert.read_text()}  # and every client got one
        wait_until(lambda: {shown_certificate(port) for port in secure.ports} == {secure.cert.read_text()},
                   "the new certificate")
    assert shown_certificate(secure.api_port) != first
    old_client.request("GET", "/api/health")  # over the connection from before
    assert old_client.getresponse().read()
    assert curl(secure.cert, secure.url + "/api/users/me").returncode == 0


def test_a_certificate_that_cannot_be_used_changes_nothing(secure):
    before = shown_certificate(secure.api_port)
    secure.key.write_text("garbage")
    secure.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "not renewed" in secure.log(), "a message in the log")
    assert shown_certificate(secure.api_port) == before and secure.is_healthy()


@pytest.mark.parametrize("broken", ["other-key", "no-file", "locked", "garbage", "no-key"])
def test_a_wrong_certificate_or_key_stops_the_start_and_is_named(serve_factory, tmp_path, broken):
    cert, key = make_certificate(tmp_path)
    bad = tmp_path / "bad.key"
    if broken == "other-key":
        _, bad = make_certificate(tmp_path, "other")
    elif broken == "locked":
        subprocess.run(["openssl", "pkey", "-in", str(key), "-out", str(bad), "-aes256", "-passout", "pass:hunter22"], check=True)
    elif broken == "garbage":
        bad.write_text("garbage")
    serve = serve_factory(start=False, TLS_CERT=cert, TLS_KEY=None if broken == "no-key" else bad)
    out = serve.start_and_fail()
    assert out.returncode == 1
    assert ("TLS_KEY" if broken == "no-key" else str(bad)) in out.stderr, out.stderr
    assert {"other-key": "is not that of", "no-file": "cannot be read", "locked": "passphrase", "garbage": "no private key",
            "no-key": "is missing"}[broken] in out.stderr
