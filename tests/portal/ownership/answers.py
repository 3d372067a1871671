"""A web server that answers what a test has put there: upstream's roles, GitHub, an issuer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override
from urllib.parse import unquote


class Answers:
    """JSON by path. `status` and `location` make other answers; `seen` lists what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[tuple[str, str]] = []
        self._answers: dict[str, tuple[int, str, Any]] = {}

    def put(self, path: str, body: Any, *, status: int = 200, location: str = "") -> None:
        self._answers[path] = (status, location, body)

    def take(self, path: str) -> None:
        self._answers.pop(path, None)

    def roles(self, project: str, organization: str | None = None, **roles: str) -> None:
        """Upstream's word on who has which role: `alice="Owner"`."""
        rows = [{"role": role, "user": user} for user, role in roles.items()]
        ownership = {"organization": organization, "roles": rows}
        self.put(f"/pypi/{project}/json", {"info": {"name": project}, "ownership": ownership})

    def repository(
        self, full_name: str, number: int, owner: int, *, branch: str = "main", at: str = ""
    ) -> None:
        """A repository, shown at `at` when that is not its name."""
        body = {
            "id": number,
            "full_name": full_name,
            "owner": {"id": owner, "login": full_name.partition("/")[0]},
            "default_branch": branch,
        }
        self.put(f"/repos/{at or full_name}", body)

    def collaborator(self, full_name: str, login: str, number: int, role: str) -> None:
        body = {"role_name": role, "user": {"login": login, "id": number}}
        self.put(f"/repos/{full_name}/collaborators/{login}/permission", body)

    @contextmanager
    def serve(self) -> Iterator["Answers"]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers.seen.append((self.path, self.headers.get("Authorization", "")))
                missing = (404, "", {"message": "Not Found"})
                status, location, body = answers._answers.get(unquote(self.path), missing)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(data)

            @override
            def log_message(self, format: str, *args: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
