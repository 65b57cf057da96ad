"""Conversations with Daily: the key they take, and what becomes of one that fails.

Law: without a key nothing is asked, and every failure ends a command with one sentence that holds no secret.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from stream.cli.output import Ended, ExitCode, wrong
from stream.daily.api import Pace
from stream.daily.client import Daily, connected
from stream.daily.failure import DailyFailed, OutOfReach
from stream.settings import PREFIX, Settings

T = TypeVar("T")

NO_KEY = f"{PREFIX}DAILY_API_KEY is not set: put an API key of the domain there, from Daily's dashboard, Developers."


@asynccontextmanager
async def asking(settings: Settings, pace: Pace | None = None) -> AsyncIterator[Daily]:
    """Give a client of Daily's API for the length of the block; without a key the command ends."""
    if settings.daily_api_key is None:
        raise wrong(NO_KEY)
    async with connected(settings.daily_api_url, settings.daily_api_key.get_secret_value(), pace) as daily:
        yield daily


def ask_daily(settings: Settings, conversation: Callable[[Daily], Awaitable[T]], pace: Pace | None = None) -> T:
    """Hold a conversation with Daily and return what came of it; the cause of an ending is the `DailyFailed`."""
    try:
        return asyncio.run(_hold(settings, conversation, pace))
    except DailyFailed as failed:
        raise ending_of(failed) from failed


async def _hold(settings: Settings, conversation: Callable[[Daily], Awaitable[T]], pace: Pace | None) -> T:
    async with asking(settings, pace) as daily:
        return await conversation(daily)


def ending_of(failed: DailyFailed, more: str = "") -> Ended:
    """Return how a command ends that Daily has failed."""
    code = ExitCode.OUT_OF_REACH if isinstance(failed, OutOfReach) else ExitCode.WRONG
    return Ended(f"{failed} {more}".rstrip(), code)
