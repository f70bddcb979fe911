"""The store as its clients see it: which keys it has, and requests that the tests sign themselves, beside the program's signer."""

import datetime
import hashlib
import hmac
import urllib.parse

from helpers.raw_http import Raw, head_bytes

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
    headers = {"Host": host_of(vibe), "x-amz-date": date,
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
    headers = {"Host": host_of(vibe)}
    target = f"{path}?{query}"
    signature = _signature(vibe, method, target, headers, date, "UNSIGNED-PAYLOAD", vibe.region, secret_key)[2]
    return f"{target}&X-Amz-Signature={signature}"


def host_of(vibe):
    return urllib.parse.urlsplit(vibe.s3_url).netloc


def connect(vibe, **options):
    """A raw connection to the store."""
    return Raw(urllib.parse.urlsplit(vibe.s3_url).port, **options)


def call(vibe, method, target, headers=None, body=b"", payload_hash="UNSIGNED-PAYLOAD", signed=True, over=None, **signing):
    """One signed request, over a connection of its own or over this one. Content-Length is the body's unless given."""
    own = dict(headers or {})
    own.setdefault("Content-Length", str(len(body)))
    if own["Content-Length"] is None:
        del own["Content-Length"]
    if signed:
        unsigned = {name: own.pop(name) for name in ("Content-Length", "Expect", "Transfer-Encoding") if name in own}
        own = sign(vibe, method, target, own, payload_hash, **signing) | unsigned
    else:
        own = {"Host": host_of(vibe)} | own
    if over is None:
        with connect(vibe) as raw:
            return raw.send(head_bytes(method, target, own) + body).answer(without_body=method == "HEAD")
    return over.send(head_bytes(method, target, own) + body).answer(without_body=method == "HEAD")


def keys(vibe, prefix="", bucket=None):
    """All keys of the bucket, or those that begin like this, in order."""
    pages = vibe.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket or vibe.bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]
