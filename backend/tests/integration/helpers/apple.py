"""An issuer of identity tokens like Apple's, made in the test: RSA in plain Python, and a server for its key set."""

import hashlib
import json
import secrets
import time
import uuid

from helpers.api import base64url, call
from helpers.servers import JsonServer

ISSUER, CLIENT = "https://appleid.test", "com.example.vibe"


def _is_prime(n):
    if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for _ in range(8):
        x = pow(secrets.randbelow(n - 3) + 2, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def _prime(bits, e):
    while True:
        n = secrets.randbits(bits) | 3 << bits - 2 | 1
        if n % e != 1 and _is_prime(n):
            return n


class Key:
    """An RSA key (RFC 8017) that signs with RSASSA-PKCS1-v1_5 and SHA-256."""

    def __init__(self, kid, bits=2048):
        self.kid, self.e = kid, 65537
        p, q = _prime(bits // 2, self.e), _prime(bits // 2, self.e)
        self.n, self.d = p * q, pow(self.e, -1, (p - 1) * (q - 1))

    def jwk(self, **changed):
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256",
                "n": base64url(self.n.to_bytes((self.n.bit_length() + 7) // 8, "big")), "e": "AQAB", **changed}

    def sign(self, data):
        info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
        size = (self.n.bit_length() + 7) // 8
        padded = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(size, "big")


def token(key, payload, header=None, sign=None):
    parts = [base64url(json.dumps(part).encode()) for part in
             ({"alg": "RS256", "kid": key.kid} | (header or {}), payload)]
    text = ".".join(parts)
    return text + "." + base64url((sign or key.sign)(text.encode()))


def claims(**changed):
    """The payload of a good token for somebody new. None leaves a claim out."""
    now = int(time.time())
    made = {"iss": ISSUER, "aud": CLIENT, "sub": f"001.{uuid.uuid4().hex}.1", "iat": now, "exp": now + 600, **changed}
    return {name: value for name, value in made.items() if value is not None}


def sign_in(vibe, identity_token, **more):
    return call(vibe, "POST", "/api/auth/apple", {"identityToken": identity_token, **more})


class KeyServer(JsonServer):
    """Serves a key set. `keys` may change; `failing` makes it answer 500."""

    def __init__(self, *keys):
        self.keys, self.failing = list(keys), False
        super().__init__(lambda *_: (500 if self.failing else 200, {"keys": [key.jwk() for key in self.keys]}))


def trust(keys):
    """The environment of a `vibe serve` that takes this key server for Apple's."""
    return {"APPLE_CLIENT_ID": f"com.example.other, {CLIENT}", "APPLE_ISSUER": ISSUER, "APPLE_JWKS_URL": keys.url + "/auth/keys"}
