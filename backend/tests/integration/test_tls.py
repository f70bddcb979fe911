"""`vibe serve` that speaks TLS itself: who is served, who is refused, and which files stop the start."""

import socket
import subprocess

import pytest
from conftest import tool_environment


def make_certificate(folder, name="own"):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def curl(cert, url, *options):
    return subprocess.run(["curl", "-sS", "-i", "-m", "20", "--noproxy", "*", "--cacert", str(cert), *options, url],
                          capture_output=True, text=True, env=tool_environment())


@pytest.fixture
def secure(serve_factory, tmp_path):
    cert, key = make_certificate(tmp_path)
    serve = serve_factory(start=False, TLS_CERT=cert, TLS_KEY=key)
    serve.cert = cert
    serve.url = f"https://127.0.0.1:{serve.api_port}"
    serve.is_healthy = lambda: curl(cert, serve.url + "/api/health").returncode == 0
    return serve.start()


def test_https_is_served_and_nothing_else(secure):
    answer = curl(secure.cert, secure.url + "/api/users/me")
    assert answer.returncode == 0 and " 401 " in answer.stdout.splitlines()[0], answer
    assert "strict-transport-security: max-age=" in answer.stdout.lower()
    assert curl(secure.cert, secure.url + "/api/health", "--tlsv1.2", "--tls-max", "1.2").returncode == 0
    assert curl(secure.cert, secure.url + "/api/health", "--tlsv1.0", "--tls-max", "1.1").returncode != 0
    plain = curl(secure.cert, secure.url.replace("https", "http") + "/api/health")
    assert plain.returncode not in (0, 28), "refused, and not left to hang"
    with socket.create_connection(("127.0.0.1", secure.api_port)):
        assert curl(secure.cert, secure.url + "/api/health").returncode == 0, "one that is silent holds nobody up"


@pytest.mark.parametrize("broken", ["other-key", "no-file", "locked", "garbage", "no-key"])
def test_a_wrong_pair_stops_the_start_with_its_file(serve_factory, tmp_path, broken):
    cert, key = make_certificate(tmp_path)
    bad = tmp_path / "bad.key"
    if broken == "other-key":
        _, bad = make_certificate(tmp_path, "other")
    elif broken == "locked":
        subprocess.run(["openssl", "pkey", "-in", str(key), "-out", str(bad), "-aes256", "-passout", "pass:hunter22"], check=True)
    elif broken == "garbage":
        bad.write_text("garbage")
    serve = serve_factory(start=False, TLS_CERT=cert, TLS_KEY=None if broken == "no-key" else bad)
    out = subprocess.run(serve.command(), env=serve.environment, capture_output=True, text=True, timeout=30)
    assert out.returncode == 1
    assert ("TLS_KEY" if broken == "no-key" else str(bad)) in out.stderr, out.stderr
    assert {"other-key": "is not that of", "no-file": "cannot be read", "locked": "passphrase", "garbage": "no private key",
            "no-key": "is missing"}[broken] in out.stderr
