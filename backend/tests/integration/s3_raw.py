"""S3 requests down to the byte: a signer of our own beside the program's, and a socket that says exactly what it is told."""

import datetime
import hashlib
import hmac
import socket
import urllib.parse

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def amz_date(offset_s=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)
    return now.strftime("%Y%m%dT%H%M%SZ")


def signing_key(secret_key, date, region):
    key = ("AWS4" + secret_key).encode()
    for word in (date[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key


def _canonical_query(query):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for k, v in pairs))


def _signature(vibe, method, target, headers, date, payload_hash, region, secret_key):
    path, _, query = target.partition("?")
    path = urllib.parse.quote(urllib.parse.unquote_to_bytes(path), safe="/-_.~")
    names = sorted(name.lower() for name in headers)
    lower = {name.lower(): value for name, value in headers.items()}
    canonical = "\n".join([method, path, _canonical_query(query), *(f"{name}:{lower[name].strip()}" for name in names), "",
                           ";".join(names), payload_hash])
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = signing_key(secret_key or vibe.secret_key, date, region)
    return scope, ";".join(names), hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def sign(vibe, method, target, headers=None, payload_hash="UNSIGNED-PAYLOAD", *, date=None, region=None, access_key=None,
         secret_key=None):
    """The headers of a signed request: those given, and what the signature adds. target: path and query as sent."""
    date, region = date or amz_date(), region or vibe.region
    headers = {"Host": urllib.parse.urlsplit(vibe.s3_url).netloc, "x-amz-date": date,
               "x-amz-content-sha256": payload_hash, **(headers or {})}
    scope, names, signature = _signature(vibe, method, target, headers, date, payload_hash, region, secret_key)
    headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={access_key or vibe.access_key}/{scope}, "
                                f"SignedHeaders={names}, Signature={signature}")
    return headers


def presign(vibe, method, path, expires_s=60, *, date=None, secret_key=None):
    """The target (path and query) of a presigned request."""
    date = date or amz_date()
    query = urllib.parse.urlencode({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{vibe.access_key}/{date[:8]}/{vibe.region}/s3/aws4_request",
        "X-Amz-Date": date, "X-Amz-Expires": str(expires_s), "X-Amz-SignedHeaders": "host"})
    headers = {"Host": urllib.parse.urlsplit(vibe.s3_url).netloc}
    target = f"{path}?{query}"
    signature = _signature(vibe, method, target, headers, date, "UNSIGNED-PAYLOAD", vibe.region, secret_key)[2]
    return f"{target}&X-Amz-Signature={signature}"


def head_bytes(method, target, headers):
    return (f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n").encode(
        "utf-8", "surrogateescape")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def code(self):
        """S3's error code, or ''."""
        return self.field("Code")

    def field(self, name):
        text = self.body.decode("utf-8", "replace")
        return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:600]!r}"


class Raw:
    """A connection to the store that sends what it is given."""

    def __init__(self, vibe, timeout_s=20):
        parts = urllib.parse.urlsplit(vibe.s3_url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout_s)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def _fill(self):
        more = self.socket.recv(65536)
        self.pending += more
        return bool(more)

    def answer(self, without_body=False):
        """The next answer, or None when the server has closed the connection instead."""
        try:
            while b"\r\n\r\n" not in self.pending:
                if not self._fill():
                    return None
        except ConnectionError:
            return None
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        size = 0 if without_body or status in (100, 304) else int(headers.get("content-length", 0))
        while len(self.pending) < size:
            if not self._fill():
                break
        body, self.pending = self.pending[:size], self.pending[size:]
        return Answer(status, headers, body)


def call(vibe, method, target, headers=None, body=b"", payload_hash="UNSIGNED-PAYLOAD", signed=True, **signing):
    """One signed request over a connection of its own. Content-Length is the body's unless given."""
    own = dict(headers or {})
    own.setdefault("Content-Length", str(len(body)))
    if own["Content-Length"] is None:
        del own["Content-Length"]
    if signed:
        unsigned = {name: own.pop(name) for name in ("Content-Length", "Expect", "Transfer-Encoding") if name in own}
        own = sign(vibe, method, target, own, payload_hash, **signing) | unsigned
    else:
        own = {"Host": urllib.parse.urlsplit(vibe.s3_url).netloc} | own
    with Raw(vibe) as raw:
        raw.send(head_bytes(method, target, own) + body)
        return raw.answer(without_body=method == "HEAD")
