"""Servers of the tests' own that stand between the program and what it depends on, and misbehave on command."""

import contextlib
import socket
import threading


class Relay:
    """A TCP port that passes everything on to another one, until cut(): then it refuses, and what was open is reset.
    lost_answers: of so many connections what comes back is swallowed, and the connection ends."""

    def __init__(self, port, target_port, lost_answers=0):
        self.port, self.target_port, self.lost_answers = port, target_port, lost_answers
        self.lock = threading.Lock()
        self.listener, self.open = None, set()

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


class Silence:
    """A TCP port that takes every connection and never says a word."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.clients = []
        threading.Thread(target=self._accept, daemon=True).start()

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
