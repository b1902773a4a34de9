"""aiohttp's client: one `ClientSession`, whose connector keeps the connections, as its documentation asks for.

A connector has at most `limit` connections; who finds none free waits in order of coming. The answer's parser is
llhttp, compiled into aiohttp's wheels, or one in Python where that is missing.
"""

import asyncio
from collections.abc import Sequence

import aiohttp

from crossloop.api import CheckFailedError


class Client:
    """A session with a web *server*, of at most *in_flight* connections; it is opened by its first use."""

    def __init__(self, server: tuple[str, int], in_flight: int) -> None:
        self._base = f"http://{server[0]}:{server[1]}"
        self._in_flight = in_flight
        self._session: aiohttp.ClientSession | None = None

    async def get_all(self, paths: Sequence[str], bodies: list[bytes]) -> None:
        """GET each of *paths*; its body goes to the same place of *bodies*. Raises CheckFailedError."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=self._in_flight))
        session, base, left = self._session, self._base, iter(enumerate(paths))

        async def get_next() -> None:
            for place, path in left:
                async with session.get(base + path) as response:
                    bodies[place] = await response.read()
                    if response.status != 200:
                        raise CheckFailedError(f"GET {path} is answered by {response.status}, expected 200")

        getting = [asyncio.ensure_future(get_next()) for _ in range(min(self._in_flight, len(paths)))]
        try:
            await asyncio.gather(*getting)
        finally:
            for task in getting:
                task.cancel()
            await asyncio.gather(*getting, return_exceptions=True)

    async def close(self) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)
