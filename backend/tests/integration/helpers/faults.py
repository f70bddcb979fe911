"""Faults on command: a relay that cuts connections or loses answers, a server that never answers, a disk that fills up."""

import contextlib
import socket
import subprocess
import threading
import urllib.parse

import pytest

from helpers.processes import free_port


class Relay:
    """A TCP port that forwards to another one from restore() on until cut(), which ends all connections and refuses new ones.
    It begins refusing. lost_answers: for so many connections it forwards the request, loses the answer and closes."""

    def __init__(self, target_port, lost_answers=0):
        self.port, self.target_port, self.lost_answers = free_port(), target_port, lost_answers
        self.lock = threading.Lock()
        self.listener, self.open = None, set()

    url = property(lambda self: f"http://127.0.0.1:{self.port}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.cut()

    def restore(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target_port))
                except OSError:
                    client.close()
                    continue
                with self.lock:
                    if self.listener is not listener:  # cut meanwhile
                        client.close()
                        server.close()
                        return
                    self.open |= {client, server}
                swallow, self.lost_answers = self.lost_answers > 0, max(0, self.lost_answers - 1)
                back = self._swallow if swallow else self._pass_on
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=back, args=(server, client), daemon=True).start()

    def _pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        self._end(source, sink)

    def _swallow(self, source, sink):
        with contextlib.suppress(OSError):
            source.recv(1)
        self._end(source, sink)

    def _end(self, source, sink):
        for one in source, sink:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self.lock:
            self.open -= {source}
        source.close()

    def cut(self):
        with self.lock:
            listener, self.listener = self.listener, None
            for one in self.open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        if listener:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


class CutsOnce(Relay):
    """Cuts one connection, when so many bytes have passed in all; forwards whatever comes after."""

    def __init__(self, target_port, after):
        super().__init__(target_port)
        self.left, self.cuts = after, 0

    def _pass_on(self, source, sink):
        class Counting:
            """The socket, as far as _pass_on() needs it."""
            def __init__(self, relay):
                self.relay = relay

            def recv(self, size):
                data = source.recv(size)
                self.relay.left -= len(data)
                if self.relay.left < 0 and not self.relay.cuts:
                    self.relay.cuts = 1
                    raise OSError("cut")
                return data

            def __getattr__(self, name):
                return getattr(source, name)

        super()._pass_on(Counting(self), sink)
        with self.lock:
            self.open -= {source}


class Silence:
    """A TCP port that accepts every connection and never answers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.clients = []
        threading.Thread(target=self._accept, daemon=True).start()

    url = property(lambda self: f"http://127.0.0.1:{self.port}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.clients.append(self.listener.accept()[0])

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self.clients:
            client.close()


def database_behind(relay, database_url):
    """The database's URL, with the relay in the place of its address."""
    parts = urllib.parse.urlsplit(database_url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{relay.port}").geturl()


def relay_to_database(vibe):
    return Relay(urllib.parse.urlsplit(vibe.database_url).port)


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of its own in this folder, of so many bytes (as mount has it: 24m). Skips the test where none may be mounted."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
