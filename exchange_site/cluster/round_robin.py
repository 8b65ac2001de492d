"""In front of gateways where there is no nginx: each connection goes to the next one that takes it. For one machine and
few people; it knows nothing of HTTP.
"""

import asyncio
import itertools
import sys
from collections.abc import Sequence
from contextlib import suppress

PIECE = 65_536


class RoundRobin:
    """Hands connections to `ports` of loopback in turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._count = len(ports)
        self._turns = itertools.cycle(ports)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = await self._connect()
        if found is not None:
            inner_reader, inner_writer = found
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for port in itertools.islice(self._turns, self._count):
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(PIECE):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(port: int, gateways: Sequence[int]) -> None:
    """Until cancelled."""
    server = await asyncio.start_server(RoundRobin(gateways), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    _port, *_gateways = map(int, sys.argv[1:])
    asyncio.run(serve(_port, _gateways))
