"""The only way out of a sandbox: a port of its loopback, relayed to one Unix socket.

The forwarder is a process of the builder that joins the sandbox's network namespace and nothing
else of it: from inside it can be neither seen nor signalled, and the socket is not there to be
opened. A Unix socket with a path belongs to the file system, not to a network, so it can still
be reached from there.
"""

import contextlib
import fcntl
import os
import socket
import threading

NS_GET_USERNS = 0xB701
IP_FREEBIND = 15
MAX_CONNECTIONS = 64
CHUNK = 256 * 1024


def serve(pid: int, port: int, path: str, ready: int) -> None:
    """Relay from `port` in the network namespace of `pid` to the socket at `path`, for ever.

    Writes one byte to the descriptor `ready` as soon as connections are taken.
    """
    join_network(pid)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # The namespace's loopback may not be up yet.
    listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(MAX_CONNECTIONS)
    os.write(ready, b"1")
    os.close(ready)
    free = threading.BoundedSemaphore(MAX_CONNECTIONS)
    while True:
        free.acquire()
        inner, _ = listener.accept()
        threading.Thread(target=_relay, args=(inner, path, free), daemon=True).start()


def join_network(pid: int) -> None:
    """Enter the network namespace of `pid`; an ordinary user becomes master of it first."""
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        os.setns(network, os.CLONE_NEWNET)
    except PermissionError:
        os.setns(fcntl.ioctl(network, NS_GET_USERNS), os.CLONE_NEWUSER)
        os.setns(network, os.CLONE_NEWNET)
    os.close(network)


def _relay(inner: socket.socket, path: str, free: threading.BoundedSemaphore) -> None:
    try:
        with inner, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as outer:
            outer.connect(path)
            back = threading.Thread(target=_pump, args=(outer, inner), daemon=True)
            back.start()
            _pump(inner, outer)
            back.join()
    except OSError:
        pass  # the proxy is gone: the client inside sees its connection end
    finally:
        free.release()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
