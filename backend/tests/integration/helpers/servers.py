"""A server of the tests' own that answers every GET with JSON: a key set, a credentials endpoint."""

import http.server
import json
import threading


class JsonServer:
    """answer(path, headers) returns (status, document). `asked` counts the requests."""

    def __init__(self, answer):
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                status, document = answer(self.path, self.headers)
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    url = property(lambda self: f"http://127.0.0.1:{self._server.server_address[1]}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
