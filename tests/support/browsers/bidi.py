"""A client of WebDriver BiDi: commands and their results over one WebSocket, for a caller that waits."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Coroutine
from typing import Any

import aiohttp

MOST_MESSAGE_BYTES = 64 * 1024 * 1024


class BiDiError(Exception):
    """The browser answered a command with an error, or not at all. `code` is the protocol's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class BiDi:
    """A connection to a browser; `url` is that of its remote agent, such as ws://127.0.0.1:9222.

    Its loop runs in a thread of its own: the caller's thread may have one already.
    """

    def __init__(self, url: str, command_seconds: float) -> None:
        self._seconds = command_seconds
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bidi", daemon=True)
        self._thread.start()
        self._call(self._connect(f"{url}/session"))

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command. Raises BiDiError."""
        answer: dict[str, Any] = self._call(self._send(method, parameters))
        if answer["type"] != "success":
            raise BiDiError(str(answer["error"]), str(answer["message"]))
        return dict(answer["result"])

    def close(self) -> None:
        """End the connection."""
        self._call(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _connect(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(url, max_msg_size=MOST_MESSAGE_BYTES)
        self._reader = asyncio.create_task(self._read())

    async def _disconnect(self) -> None:
        await self._socket.close()
        await self._reader
        await self._session.close()

    async def _send(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._seconds):
                await self._socket.send_json({"id": number, "method": method, "params": parameters})
                return await self._waiting[number]
        except TimeoutError as error:
            raise BiDiError("timeout", f"no answer to {method} in {self._seconds} s") from error
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        """Answers to whoever waits for them; events, and answers that came too late, are dropped."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            answer = json.loads(message.data)
            waiting = self._waiting.get(answer.get("id"))
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(BiDiError("gone", "the browser closed the connection"))
