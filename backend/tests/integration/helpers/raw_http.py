"""HTTP down to the byte: a connection that sends exactly what it is given, and reads one answer after the other."""

import contextlib
import socket


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
        """The text of an XML element of the body, or ''."""
        text = self.body.decode("utf-8", "replace")
        return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:600]!r}"


class Raw:
    """A connection to a port of this machine."""

    def __init__(self, port, timeout_s=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def _fill(self):
        more = self.socket.recv(65536)
        self.pending += more
        return bool(more)

    def answer(self, without_body=False):
        """The next answer, or None when the server closes the connection instead."""
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
        size = 0 if without_body or status in (100, 204, 304) else int(headers.get("content-length", 0))
        while len(self.pending) < size:
            if not self._fill():
                break
        body, self.pending = self.pending[:size], self.pending[size:]
        return Answer(status, headers, body)


def exchange(port, data):
    """Sends these bytes and no more: the status of the answer, or None when the server closes the connection without one."""
    with Raw(port) as raw:
        with contextlib.suppress(ConnectionError):
            raw.send(data)
        with contextlib.suppress(OSError):
            raw.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in raw.pending and raw._fill():
                pass
    return int(raw.pending.split()[1]) if raw.pending.startswith(b"HTTP/1.") else None


def is_open(client):
    """Whether the server still has this connection open. Takes nothing from the socket, but makes it non-blocking."""
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
