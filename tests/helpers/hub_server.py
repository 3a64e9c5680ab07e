"""A Hub on the loopback address, for its own client."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

TOKEN = "hf_of_the_test"
COMMITS = {"main": "a" * 40, "v1.0": "b" * 40}


class Handler(http.server.BaseHTTPRequestHandler):
    """As much of the Hub's protocol as its client needs to fetch and to upload a model.

    Written after the client's sources: `hf_api.py`, `file_download.py`, `_commit_api.py`, `lfs.py`.
    """

    protocol_version = "HTTP/1.1"

    def respond(self, status, body=b"", cut=None, **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content_Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body if cut is None else body[:cut])
        self.close_connection = cut is not None

    def route(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.server.requests.append(f"{self.command} {path}")
        if "owner/" in path:
            self.server.tokens.add(self.headers.get("Authorization"))
        for pattern, method in ROUTES:
            found = re.fullmatch(pattern, f"{self.command} {path}")
            if found is not None:
                return method(self, *found.groups())
        return self.respond(404, X_Error_Code="RepoNotFound")

    do_GET = do_HEAD = do_POST = do_PUT = route  # noqa: N815

    def log_message(self, *arguments):
        pass

    # Fetching

    def files(self, repository, revision):
        """Return the files of a revision, or None once an error has been sent."""
        if repository not in self.server.models:
            return self.respond(404, X_Error_Code="RepoNotFound")
        revisions = self.server.models[repository]
        names = {commit: name for name, commit in COMMITS.items()}
        name = names.get(revision, revision)
        if name not in revisions:
            return self.respond(404, X_Error_Code="RevisionNotFound")
        return revisions[name]

    def info(self, repository, revision="main"):
        files = self.files(repository, revision)
        if files is not None:
            siblings = [{"rfilename": name} for name in files]
            about = {"id": repository, "sha": COMMITS.get(revision, revision), "siblings": siblings}
            self.respond(200, about | {"private": False, "tags": [], "downloads": 0})

    def tree(self, repository, revision):
        files = self.files(repository, revision)
        if files is not None:
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": blob_id(content)}
                for name, content in files.items()
            ]
            self.respond(200, entries)

    def resolve(self, repository, revision, name):
        files = self.files(repository, revision)
        if files is None:
            return None
        commit = COMMITS.get(revision, revision)
        if name not in files:
            return self.respond(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        content = files[name]
        headers = {"ETag": f'"{blob_id(content)}"', "X_Repo_Commit": commit}
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        cut = self.server.cuts.get(name) if self.command == "GET" else None
        if start is None:
            return self.respond(200, content, cut, Accept_Ranges="bytes", **headers)
        first = int(start[1])
        span = f"bytes {first}-{len(content) - 1}/{len(content)}"
        return self.respond(206, content[first:], cut, Content_Range=span, **headers)

    # Uploading

    def create(self):
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.respond(401, {"error": "Invalid username or password."})
        asked = json.loads(self.body)
        repository = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{self.server.url}/{repository}"}
        if repository in self.server.models:
            return self.respond(409, url | {"error": "You already created this model repo"})
        self.server.models[repository] = {"main": {}}
        self.server.created = asked
        return self.respond(200, url)

    def validate(self):
        front_matter = json.loads(self.body)["content"]
        right = front_matter.startswith("---\n") and "library_name: speechbrain" in front_matter
        errors = [] if right else [{"message": "no front matter"}]
        self.respond(200 if right else 400, {"errors": errors, "warnings": []})

    def preupload(self, repository):
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self.respond(200, {"files": files})

    def batch(self, repository):
        objects = [
            asked | {"actions": {"upload": {"href": f"{self.server.url}/lfs/{asked['oid']}"}}}
            for asked in json.loads(self.body)["objects"]
        ]
        self.respond(200, {"transfer": "basic", "objects": objects})

    def put(self, oid):
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.server.objects[oid] = self.body
        self.respond(200)

    def commit(self, repository):
        files = self.server.models[repository]["main"]
        for line in self.body.decode().splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        self.server.commits += 1
        url = f"{self.server.url}/{repository}/commit/{'c' * 40}"
        self.respond(200, {"success": True, "commitOid": "c" * 40, "commitUrl": url})


REPOSITORY = r"([^/]+/[^/]+)"
ROUTES = [
    (rf"GET /api/models/{REPOSITORY}", Handler.info),
    (rf"GET /api/models/{REPOSITORY}/revision/(.+)", Handler.info),
    (rf"GET /api/models/{REPOSITORY}/tree/([^/]+)", Handler.tree),
    (rf"(?:GET|HEAD) /{REPOSITORY}/resolve/([^/]+)/(.+)", Handler.resolve),
    (r"POST /api/repos/create", Handler.create),
    (r"POST /api/validate-yaml", Handler.validate),
    (rf"POST /api/models/{REPOSITORY}/preupload/main", Handler.preupload),
    (rf"POST /{REPOSITORY}\.git/info/lfs/objects/batch", Handler.batch),
    (r"PUT /lfs/(\w+)", Handler.put),
    (rf"POST /api/models/{REPOSITORY}/commit/main", Handler.commit),
]


def blob_id(content):
    """Return Git's name of a content, which the Hub sends as ETag."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """The Hub in a thread, which can go away."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.models, self.objects, self.cuts = {}, {}, {}
        self.requests, self.tokens, self.created, self.commits = [], set(), None, 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def go_away(self):
        if self.thread.is_alive():
            self.shutdown()
            self.thread.join()
            self.server_close()
