"""`python -m bench.forwarder HOST PORT FAR_HOST FAR_PORT BYTES_A_SECOND`: a slow way to a server.

What comes from the server passes at that many bytes a second for each connection, what goes there at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_CHUNK_BYTES = 16 * 1024


async def _main(host: str, port: int, far_host: str, far_port: int, bytes_a_second: int) -> None:
    async def forward(asker: asyncio.StreamReader, to_asker: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(far_host, far_port)
        await asyncio.gather(_pass_on(asker, to_server, None), _pass_on(server, to_asker, bytes_a_second))

    async with await asyncio.start_server(forward, host, port) as listening:
        await listening.serve_forever()


async def _pass_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, bytes_a_second: int | None
) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
            if bytes_a_second:
                await asyncio.sleep(len(data) / bytes_a_second)
    sink.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
