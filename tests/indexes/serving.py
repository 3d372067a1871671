"""The thin entry as a real server, inside the transaction of a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import override

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections
from django.test.testcases import QuietWSGIRequestHandler

from indexes.wsgi import IndexApplication


class Server(ThreadedWSGIServer):
    """All its threads use the one connection, whose transaction goes on after a request."""

    @override
    def _close_connections(self) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    connection = connections["default"]
    server = Server(
        ("127.0.0.1", 0),
        QuietWSGIRequestHandler,
        allow_reuse_address=False,
        connections_override={connection.alias: connection},
    )
    server.set_app(IndexApplication(WSGIHandler()))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    connection.inc_thread_sharing()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
        connection.dec_thread_sharing()
