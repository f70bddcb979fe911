"""`vibe serve`: its configuration by the environment, its graceful stop, its log and its metrics."""

import concurrent.futures
import json
import re
import signal
import socket
import time
import urllib.parse

from helpers import images
from helpers.api import call, registration
from helpers.faults import database_behind, relay_to_database
from helpers.metrics import metric
from helpers.phone import Phone
from helpers.processes import free_port, listens
from helpers.program import run_vibe
from helpers.raw_http import Raw
from helpers.servers import JsonServer
from helpers.waiting import quickest, wait_until


def log_lines(instance):
    """All lines of the log. Each must be a JSON object."""
    lines = []
    for line in instance.log_path.read_text().splitlines():
        lines.append(json.loads(line))
        assert isinstance(lines[-1], dict)
    return lines


def logged(instance, **fields):
    """The first line with these fields; waits for it."""
    return wait_until(lambda: next((line for line in log_lines(instance)
                                    if all(line.get(name) == value for name, value in fields.items())), None), f"a log line with {fields}")


def journey(instance):
    """Journey 1. Returns the phone, its ticket and the media."""
    phone, data = Phone(instance), images.jpeg(64, 48, size=150_000)
    ticket = phone.stage("profile-picture", data)
    status, body = phone.complete(ticket)
    assert status == 200
    assert images.shows(instance.request("GET", body["media"]["cdnUrl"])[2], data)
    return phone, ticket, body["media"]


def test_it_starts_within_five_seconds(serve_factory):
    serve = serve_factory(start=False)

    def start():
        if serve.process:
            serve.stop()
        started = time.monotonic()
        serve.start()
        return time.monotonic() - started

    quickest(start, 5, "vibe serve, to its first healthy answer")


def test_the_environment_alone_configures_it(vibe, serve_factory):
    serve = serve_factory()
    status, _, body = serve.request("GET", "/api/health/ready")
    assert (status, json.loads(body)) == (200, {"status": "ok", "database": "ok", "bucket": "ok"})
    _, ticket, media = journey(serve)
    assert ticket["url"].startswith(vibe.s3_url + "/")
    assert media["cdnUrl"] == f"{vibe.cdn_url}/{media['key']}"
    assert logged(serve, message="ready")["port"] == serve.api_port
    serve.stop()


def test_public_addresses_may_differ_from_those_inside(vibe, serve_factory):
    serve = serve_factory(S3_PUBLIC_ENDPOINT="https://media.example.com", CLOUDFRONT_DOMAIN="d111.cloudfront.net",
                          CDN_BASE_URL=None)
    phone = Phone(serve)
    ticket = phone.ticket("profile-picture", images.jpeg())
    assert ticket["url"].startswith(f"https://media.example.com/{vibe.bucket}/user-uploads/")


def fails_to_start(**environment):
    done = run_vibe("serve", environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_all_missing_variables_are_named_at_once():
    words = fails_to_start(AWS_EC2_METADATA_DISABLED="true")
    for name in "DATABASE_URL", "AWS_REGION", "S3_BUCKET_NAME", "JWT_SECRET", "CLOUDFRONT_DOMAIN":
        assert name in words
    assert "S3_ENDPOINT" not in words and "PORT " not in words  # they have a default


def test_all_malformed_variables_are_named_at_once_and_no_secret_is_shown():
    wrong = {"PORT": "70000", "DATABASE_URL": "mysql://vibe:hunter2@db/vibe", "AWS_REGION": "eu central",
             "S3_BUCKET_NAME": "No_Bucket", "S3_ENDPOINT": "not a url", "S3_PUBLIC_ENDPOINT": "ftp://x",
             "CDN_BASE_URL": "cdn", "JWT_SECRET": "hunter2-short", "CORS_ALLOWED_ORIGINS": "not an origin",
             "TRUSTED_PROXIES": "10.0.0.0/99", "RATE_LIMIT": "many", "LOG_LEVEL": "loud"}
    words = fails_to_start(**wrong, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="hunter2-secret")
    for name in wrong:
        assert name in words, f"{name} is not named in:\n{words}"
    assert "hunter2" not in words


def test_missing_credentials_are_reported_with_their_sources(vibe):
    words = fails_to_start(DATABASE_URL=vibe.database_url, AWS_REGION="us-east-1", S3_BUCKET_NAME="a-bucket",
                           CDN_BASE_URL="http://cdn", JWT_SECRET="x" * 40, PORT=free_port(),
                           AWS_EC2_METADATA_DISABLED="true")
    assert "AWS_ACCESS_KEY_ID" in words and "ECS" in words and "EC2" in words
    assert urllib.parse.urlsplit(vibe.database_url).password not in words


def test_a_taken_port_is_named(serve_factory, vibe):
    serve = serve_factory(start=False, PORT=vibe.api_port)
    done = serve.start_and_fail()
    assert done.returncode == 1 and f"port {vibe.api_port}" in done.stderr and "in use" in done.stderr


def begin_registration(serve):
    """A connection whose request lacks its last bytes, and those bytes."""
    body = json.dumps(registration()).encode()
    client = Raw(serve.api_port)
    client.send(b"POST /api/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body[:20])
    wait_until(lambda: metric(serve, "vibe_http_requests_in_flight", server="api") >= 2,  # this one and the one that asks
               "a request in flight")
    return client, body[20:]


def test_sigterm_finishes_requests_in_flight_and_accepts_no_new_ones(serve_factory):
    serve = serve_factory()
    idle = socket.create_connection(("127.0.0.1", serve.api_port), timeout=60)
    client, rest = begin_registration(serve)
    with idle, client:
        serve.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listens(serve.api_port), "a closed listener")
        assert idle.recv(1) == b""  # closed, so that a load balancer turns to another copy
        assert serve.process.poll() is None
        answer = client.send(rest).answer()
        assert answer.status == 201 and "accessToken" in json.loads(answer.body)
    serve.wait_for_end()


def test_an_unfinished_request_delays_the_end_for_less_than_30_seconds(serve_factory):
    serve = serve_factory()
    client, _ = begin_registration(serve)
    with client:
        started = time.monotonic()
        serve.stop()
        assert 5 < time.monotonic() - started < 30  # ECS kills at 30
    assert logged(serve, message="stopped")


def ask_from(serve, source, path="/api/nothing", **headers):
    """(status, headers) of a GET by a client with this address."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return serve.request("GET", path, headers=names, source=source)[:2]


def test_x_forwarded_for_counts_from_trusted_proxies_only(serve_factory):
    serve = serve_factory(TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")

    def client(source, forwarded):
        _, headers = ask_from(serve, source, X_Forwarded_For=forwarded)
        return logged(serve, requestId=headers["X-Request-Id"], message="request")["client"]

    assert client("127.0.0.1", "203.0.113.7") == "203.0.113.7"
    assert client("127.0.0.1", "198.51.100.1, 203.0.113.7, 10.1.2.3") == "203.0.113.7"  # an untrusted client wrote the left one
    assert client("127.0.0.1", "2001:db8::7") == "2001:db8::7"
    assert client("127.0.0.1", "<script>") == "127.0.0.1"
    assert client("127.0.0.2", "203.0.113.7") == "127.0.0.2"


def test_the_rate_limit_is_per_client_and_spares_health(serve_factory):
    serve = serve_factory(RATE_LIMIT="1/5", TRUSTED_PROXIES="127.0.0.1")
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: ask_from(serve, "127.0.0.1", X_Forwarded_For="203.0.113.7", path="/api/users/me"),
                                   range(60)))
    statuses = [status for status, _ in answers]
    assert set(statuses) == {401, 429} and 5 <= statuses.count(401) <= 6 + time.monotonic() - started  # one more a second
    refused = next(headers for status, headers in answers if status == 429)
    assert int(refused["Retry-After"]) >= 1
    assert refused["Content-Type"] == "application/problem+json"
    assert ask_from(serve, "127.0.0.1", X_Forwarded_For="203.0.113.8", path="/api/users/me")[0] == 401
    assert {ask_from(serve, "127.0.0.1", X_Forwarded_For="203.0.113.7", path="/api/health")[0]
            for _ in range(20)} == {200}


def test_the_log_is_json_and_holds_no_secret(vibe, serve_factory):
    serve = serve_factory(LOG_LEVEL="debug")
    phone, ticket, media = journey(serve)
    email = phone.me()["email"]
    status, session = phone.call("POST", "/api/auth/login", {"email": email, "password": "correct horse"})
    assert status == 200
    assert phone.call("POST", "/api/auth/login", {"email": email, "password": "wrong staple"})[0] == 401
    status, renewed = phone.call("POST", "/api/auth/refresh", {"refreshToken": session["refreshToken"]})
    assert status == 200
    assert serve.request("GET", "/api/users/me", headers={"Authorization": f"Bearer {phone.token}x"})[0] == 401
    assert phone.put(dict(ticket, url=ticket["url"][:-2]), b"")[0] == 403
    _, headers, _ = serve.request("GET", "/api/health/ready?token=in-a-query")
    logged(serve, requestId=headers["X-Request-Id"])

    for line in log_lines(serve):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] in ("debug", "info", "warn", "error") and line["message"]
        if line["message"] == "request":
            assert line["requestId"] and line["method"] and line["path"] and line["client"] and line["status"]
    request = logged(serve, message="request", operation="POST /api/upload/{uploadId}/complete")
    assert (request["user"], request["status"]) == (phone.id, 200)

    signature = re.search(r"X-Amz-Signature=([0-9a-f]+)", ticket["url"])[1]
    secrets = ["correct horse", "wrong staple", phone.token, phone.token.split(".")[2], session["accessToken"],
               session["refreshToken"], renewed["refreshToken"], signature, "X-Amz-", "in-a-query", serve.jwt_secret,
               vibe.secret_key, urllib.parse.urlsplit(vibe.database_url).password]
    for log in serve.log_path.read_text(), vibe.log_path.read_text(), (vibe.data_dir / "postgres.log").read_text():
        assert [secret for secret in secrets if secret in log] == []
    assert media["key"] in vibe.log_path.read_text()  # so this is the log of the requests above


def test_a_request_is_found_in_the_log_by_its_id(serve_factory):
    serve = serve_factory()
    status, headers, body = serve.request("GET", "/api/nothing")
    line = logged(serve, requestId=headers["X-Request-Id"])
    assert (line["message"], line["status"], line["path"]) == ("request", 404, "/api/nothing")
    assert json.loads(body)["requestId"] == headers["X-Request-Id"]
    others = {serve.request("GET", "/api/nothing")[1]["X-Request-Id"] for _ in range(20)}
    assert len(others) == 20 and headers["X-Request-Id"] not in others


def test_metrics_count_by_route_and_by_upload_outcome(serve_factory):
    serve = serve_factory()
    journey(serve)
    phone = Phone(serve)
    assert phone.upload("profile-picture", b"not a picture")[0] == 422
    assert phone.complete(phone.ticket("profile-picture", images.jpeg()))[0] == 409
    text = serve.request("GET", "/metrics")[2].decode()

    name, labels = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*")*\}'
    types, samples = {}, {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, metric, kind = line.split(" ")
            assert metric not in types, f"{metric} is described twice"
            types[metric] = kind
        elif not line.startswith("# HELP "):
            found = re.fullmatch(rf"({name})({labels})? (\S+)", line)
            assert found, line
            assert found[1] in types or re.sub("_(bucket|sum|count)$", "", found[1]) in types, line
            assert (found[1], found[2]) not in samples, line
            samples[found[1], found[2]] = float(found[3])

    def count(metric, **wanted):
        return sum(value for (found, labels), value in samples.items() if found == metric and
                   all(f'{label}="{text}"' in (labels or "") for label, text in wanted.items()))

    uploads = {outcome: count("vibe_uploads_total", outcome=outcome)
               for outcome in ("ticket", "completed", "rejected", "incomplete")}
    assert uploads == {"ticket": 3, "completed": 1, "rejected": 1, "incomplete": 1}
    requests, seconds = "vibe_http_requests_total", "vibe_http_request_duration_seconds"
    assert types[requests] == "counter" and types[seconds] == "histogram"
    assert count(requests, server="api", route="POST /api/auth/register") == 2
    complete = {status: count(requests, route="POST /api/upload/{uploadId}/complete", status=status) for status in ("2xx", "4xx")}
    assert complete == {"2xx": 1, "4xx": 2}
    buckets = [value for (found, labels), value in samples.items()
               if found == f"{seconds}_bucket" and 'route="POST /api/auth/register"' in labels]
    assert buckets == sorted(buckets) and buckets[-1] == count(f"{seconds}_count", route="POST /api/auth/register") == 2
    assert 0 < count(f"{seconds}_sum", route="POST /api/auth/register") < 60


class TaskEndpoint(JsonServer):
    """Gives a task the credentials of its role if it brings the token, as ECS does. `seen` has each (path, token)."""

    def __init__(self, vibe):
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6 * 3600))
        credentials = {"AccessKeyId": vibe.access_key, "SecretAccessKey": vibe.secret_key, "Expiration": expires,
                       "RoleArn": "arn:aws:iam::1:role/vibe"}
        self.seen = []

        def answer(path, headers):
            self.seen.append((path, headers["Authorization"]))
            return (200, credentials) if headers["Authorization"] == "task-token" else (403, {})

        super().__init__(answer)


def test_credentials_come_from_the_ecs_task_endpoint(vibe, serve_factory):
    with TaskEndpoint(vibe) as endpoint:
        serve = serve_factory(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None,
                              AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.url + "/role",
                              AWS_CONTAINER_AUTHORIZATION_TOKEN="task-token")
        _, ticket, _ = journey(serve)
        assert endpoint.seen[0] == ("/role", "task-token")
        assert f"X-Amz-Credential={vibe.access_key}%2F" in ticket["url"]
        serve.stop()
        assert vibe.secret_key not in serve.log_path.read_text() and "task-token" not in serve.log_path.read_text()


def test_credentials_of_the_environment_come_before_those_of_the_task(vibe, serve_factory):
    with TaskEndpoint(vibe) as endpoint:
        serve = serve_factory(AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.url + "/role",
                              AWS_CONTAINER_AUTHORIZATION_TOKEN="task-token")
        assert serve.request("GET", "/api/health/ready")[0] == 200
        assert endpoint.seen == []


def test_it_starts_without_its_database_and_recovers_when_it_comes(vibe, serve_factory):
    with relay_to_database(vibe) as relay:
        serve = serve_factory(DATABASE_URL=database_behind(relay, vibe.database_url))
        status, headers, body = serve.request("GET", "/api/health/ready")
        assert (status, json.loads(body)) == (503, {"status": "unavailable", "database": "unavailable", "bucket": "ok"})
        assert int(headers["Retry-After"]) >= 1
        status, headers, body = call(serve, "POST", "/api/auth/register", registration())
        assert (status, body["code"]) == (503, "database_unavailable")
        assert int(headers["Retry-After"]) >= 1
        assert serve.request("GET", "/api/health")[0] == 200

        def is_back():
            return call(serve, "POST", "/api/auth/register", registration())[0] == 201

        def recover():
            relay.cut()
            wait_until(lambda: not is_back(), "a refusal without the database")
            relay.restore()
            came = time.monotonic()
            wait_until(is_back, "a registration")
            return time.monotonic() - came

        quickest(recover, 3, "registering after the database came")
        wait_until(lambda: serve.request("GET", "/api/health/ready")[0] == 200, "readiness")
        assert urllib.parse.urlsplit(vibe.database_url).password not in serve.log_path.read_text()
