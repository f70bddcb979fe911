"""A small SMTP server for tests. It keeps every mail, and refuses as many as it is told to."""

import email
import email.policy
import socketserver
import threading

from helpers.waiting import DEADLINE_S


class SmtpServer:
    def __init__(self):
        self.mails, self.refuse = [], 0  # (sender, recipient, message); how many to answer with 451
        self._arrived = threading.Condition()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 30

            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self):
                self.say("220 test ESMTP")
                sender = recipient = None
                while line := self.rfile.readline():
                    word = line.split(b" ")[0].strip().upper()
                    if word == b"EHLO":
                        self.say("250-test")
                        self.say("250 SMTPUTF8")
                    elif word == b"MAIL":
                        sender = line.decode().split("<")[1].split(">")[0]
                        self.say("250 ok")
                    elif word == b"RCPT":
                        recipient = line.decode().split("<")[1].split(">")[0]
                        self.say("250 ok")
                    elif word == b"DATA":
                        self.say("354 go on")
                        data = b""
                        while (line := self.rfile.readline()) != b".\r\n":
                            data += line
                        self.say(outer.take(sender, recipient, data))
                    elif word == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    url = property(lambda self: f"smtp://127.0.0.1:{self.port}")

    def take(self, sender, recipient, data):
        with self._arrived:
            if self.refuse > 0:
                self.refuse -= 1
                return "451 try again later"
            self.mails.append((sender, recipient, email.message_from_bytes(data, policy=email.policy.default), data))
            self._arrived.notify_all()
        return "250 taken"

    def wait_for(self, count, timeout_s=DEADLINE_S):
        """The mails, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.mails) >= count, timeout_s), \
                f"{len(self.mails)} mails instead of {count}"
            return list(self.mails)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
