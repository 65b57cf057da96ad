"""A server on a thread of its own, so that tests and tools that block can talk to it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

import uvloop

T = TypeVar("T")


@contextmanager
def on_a_thread(enter: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Hold an asynchronous block open on a thread with an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stop, opened, found = asyncio.Event(), threading.Event(), list[T]()

        async def hold() -> None:
            async with enter() as given:
                found.append(given)
                opened.set()
                await stop.wait()

        loop = runner.get_loop()
        thread = threading.Thread(target=lambda: runner.run(hold()))
        thread.start()
        try:
            assert opened.wait(30)
            yield found[0]
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(30)
            assert not thread.is_alive()
