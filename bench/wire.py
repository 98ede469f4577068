"""`python -m bench.wire NEAR FAR NOTES`: a way to the engine's socket that notes each request.

A process of its own, so that what it costs is not the measuring program's. Bytes pass untouched in both
directions; each request adds a line "MONOTONIC_SECONDS METHOD PATH" to the notes.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from pathlib import Path

# docker-py and the docker client send a request's first line at the beginning of a packet.
_REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.[01]\r\n")


async def _main(near: str, far: str, notes: Path) -> None:
    with notes.open("a", buffering=1) as book:

        async def both_ways(asker: asyncio.StreamReader, to_asker: asyncio.StreamWriter) -> None:
            engine, to_engine = await asyncio.open_unix_connection(far)
            try:
                await asyncio.gather(_pass_on(asker, to_engine, book), _pass_on(engine, to_asker, None))
            except OSError:
                pass
            finally:
                to_engine.close()
                to_asker.close()

        server = await asyncio.start_unix_server(both_ways, near)
        async with server:
            await server.serve_forever()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, book: object) -> None:
    while data := await source.read(65536):
        found = _REQUEST.match(data) if book is not None else None
        if found:
            print(time.monotonic(), found[1].decode(), found[2].decode(), file=book)  # type: ignore[call-overload]
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
