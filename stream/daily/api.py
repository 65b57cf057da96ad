"""Requests to Daily's REST API, and how they can end.

Law: never more requests than Daily allows, none while it asks to wait, and what may have been done is not asked for
again unless doing it twice is doing it once. Every failure is a `DailyFailed`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from aiolimiter import AsyncLimiter
from pydantic_core import from_json
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential
from yarl import URL

from stream.daily.failure import DailyFailed, KeyRefused, NotFound, OutOfReach, Refused, without, words_of
from stream.domain.decoding import MAX_BYTES, Rejected, decode
from stream.settings import PREFIX

ANSWERS_WITHIN_SECONDS = 30.0
"""Creating a webhook takes Daily as long as its receiver takes to answer the ping, some 8 s at most."""

WAITS_AT_MOST_SECONDS = 120.0
_ONLINE = "see whether this machine is online, and try again."


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how often to ask."""

    spacing_seconds: float = 0.055
    """Daily allows 20 requests a second; this leaves some for whoever else uses the key."""
    attempts: int = 5
    first_wait_seconds: float = 1.0
    """The longest wait for a second attempt, when Daily does not say how long to wait; it doubles from there."""


@dataclass(slots=True)
class Api:
    """Daily's REST API, for one key."""

    session: aiohttp.ClientSession
    base: URL
    key: str = field(repr=False)
    pace: Pace
    limiter: AsyncLimiter
    secrets: set[str] = field(default_factory=set, repr=False)
    """What must not be shown, whoever says it."""
    resumes_at: float = 0.0
    """When Daily wants to be asked again, by the loop's clock."""

    async def ask(
        self,
        method: str,
        *path: str | None,
        query: Mapping[str, str] | None = None,
        body: object = None,
        is_repeatable: bool = True,
    ) -> Any:
        """Return the JSON of an answer, None if it has none; asks again where that may help and cannot harm."""

        def may_help(error: BaseException) -> bool:
            if not isinstance(error, OutOfReach) or (error.wait_seconds or 0) > WAITS_AT_MOST_SECONDS:
                return False
            return is_repeatable or error.is_undone

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(may_help),
            wait=self._wait,
            stop=stop_after_attempt(self.pace.attempts),
            reraise=True,
        ):
            with attempt:
                return await self._send(method, self._url(path).with_query(query), body)
        raise AssertionError("the last attempt answers or raises")

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, OutOfReach) and error.wait_seconds is not None:
            return error.wait_seconds
        return wait_random_exponential(self.pace.first_wait_seconds, max=30)(state)

    def _url(self, path: tuple[str | None, ...]) -> URL:
        # Dots as well, so that an id of dots names nothing but itself.
        parts = [quote(part or "", safe="").replace(".", "%2E") for part in path]
        return URL("/".join([str(self.base).rstrip("/"), *parts]), encoded=True)

    async def _send(self, method: str, url: URL, body: object) -> Any:
        await self._pass_time()
        doing = f"{method} {url.path}"
        try:
            async with self.session.request(method, url, json=body, allow_redirects=False) as response:
                return self._judge(doing, response, await _read(response))
        except aiohttp.ClientConnectorError:
            raise OutOfReach(f"Nothing answers at {self.base}: {_ONLINE}", is_undone=True) from None
        except TimeoutError:
            raise OutOfReach(f"No answer from {self.base} within {ANSWERS_WITHIN_SECONDS:g} s: {_ONLINE}") from None
        except (aiohttp.ClientError, OSError) as error:
            why = without(self._unspeakable(), str(error) or type(error).__name__)
            raise OutOfReach(f"{doing} at {self.base} failed ({why}): {_ONLINE}") from None

    async def _pass_time(self) -> None:
        loop = asyncio.get_running_loop()
        await self.limiter.acquire()
        while (seconds := self.resumes_at - loop.time()) > 0:  # noqa: ASYNC110  # it may be moved meanwhile
            await asyncio.sleep(seconds)

    def _judge(self, doing: str, response: aiohttp.ClientResponse, answer: bytes | None) -> Any:
        document = None if answer is None else _json(answer)
        if 200 <= response.status < 300:
            if answer is None or isinstance(document, Rejected):
                raise OutOfReach(
                    f"{doing}: what Daily answers cannot be read as JSON: see whether {self.base} is its API."
                )
            return document
        raise self._failure(doing, response, document)

    def _failure(self, doing: str, response: aiohttp.ClientResponse, document: object) -> DailyFailed:
        status, words = response.status, words_of(document, self._unspeakable())
        said = f"{status}: {words}" if words else f"{status}"
        if status == 429 or status >= 500:
            return self._out_of_reach(doing, response, said)
        if status in (401, 403) or words.startswith("authentication-error"):
            return KeyRefused(
                f"Daily does not accept the key ({said}): set {PREFIX}DAILY_API_KEY to one of the "
                f"domain's, which Daily's dashboard has under Developers."
            )
        sentence = f"Daily refuses {doing} ({said})."
        return NotFound(sentence) if status == 404 else Refused(sentence)

    def _out_of_reach(self, doing: str, response: aiohttp.ClientResponse, said: str) -> OutOfReach:
        wait_seconds = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        if response.status != 429:
            return OutOfReach(f"Daily cannot do {doing} now ({said}): try again later.", wait_seconds=wait_seconds)
        if wait_seconds is not None:
            loop = asyncio.get_running_loop()
            self.resumes_at = max(self.resumes_at, loop.time() + min(wait_seconds, WAITS_AT_MOST_SECONDS))
        when = "later" if wait_seconds is None else f"in {wait_seconds:.0f} s"
        return OutOfReach(
            f"Daily is asked too much with this key ({said}): try again {when}.",
            wait_seconds=wait_seconds,
            is_undone=True,
        )

    def _unspeakable(self) -> set[str]:
        return {self.key, *self.secrets}


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body; None when it is larger than anything Daily says."""
    held = bytearray()
    async for piece in response.content.iter_chunked(2**16):
        held += piece
        if len(held) > MAX_BYTES:
            return None
    return bytes(held)


def _json(answer: bytes) -> object:
    if not answer.strip():
        return None
    found = decode(answer)
    if not isinstance(found, Rejected):
        return found
    try:
        return from_json(answer)  # a list, which no event is
    except ValueError:
        return found


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return how many seconds a Retry-After header asks to wait, None if it asks for nothing that can be read."""
    try:
        return max(0.0, float(int(value or "")))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


@asynccontextmanager
async def reaching(base: str, key: str, pace: Pace) -> AsyncIterator[Api]:
    """Give the API for the length of the block."""
    key = key.strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise KeyRefused(f"{PREFIX}DAILY_API_KEY holds what no key of Daily's holds: copy it from Daily's dashboard.")
    timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_SECONDS)
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Api(session, URL(base), key, pace, AsyncLimiter(1, pace.spacing_seconds))
