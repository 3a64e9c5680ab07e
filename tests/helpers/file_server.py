"""A server on the loopback address that hands out files."""

import contextlib
import hashlib
import http.server
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`, by path without the query; notes every request."""

    def respond(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in ({"Content_Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command == "GET":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

    def do_GET(self):
        self.server.requests.append(f"{self.command} {self.path}")
        time.sleep(self.server.delay)
        path = urllib.parse.urlsplit(self.path).path
        if path not in self.server.files:
            return self.respond(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
        body = self.server.files[path]
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X_Repo_Commit": COMMIT}
        if path.endswith("truncated.pth") and self.command == "GET":
            headers["Content_Length"], body = len(body), body[:-1000]
        return self.respond(200, body, **headers)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    """A server in a thread, which can go away."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.delay = {}, [], 0.0
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def go_away(self):
        if self.thread.is_alive():
            self.shutdown()
            self.thread.join()
            self.server_close()
