"""Opens the way to the index in a container: a port of its loopback, relayed to a Unix socket.

`relay.py SOCKET PORT [COMMAND...]` relays in the background, and becomes the command as soon as
connections are taken. Runs inside the container: standard library only, Python 3.6 on.
"""

import asyncio
import os
import socket
import sys

CHUNK = 256 * 1024
BACKLOG = 64


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            chunk = await reader.read(CHUNK)
            if not chunk:
                break
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()  # an end that went away ends the other


async def serve(listener: socket.socket, path: str) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner, outer = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, outer), pump(inner, writer))
        outer.close()
        writer.close()

    await asyncio.start_server(relay, sock=listener)
    await asyncio.Event().wait()


def detach() -> None:
    """Hold nothing that somebody waits for the end of."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)


def main(path: str, port: str, *command: str) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen(BACKLOG)
    if os.fork() == 0:
        detach()
        asyncio.new_event_loop().run_until_complete(serve(listener, path))
    listener.close()
    if command:
        os.execvp(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(*sys.argv[1:])
