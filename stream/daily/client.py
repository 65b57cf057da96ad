"""A client of Daily's REST API.

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

from stream.daily.failure import DailyFailed, KeyRefused, OutOfReach, Refused, without, words_of
from stream.daily.wire import EVENT_TYPES, Page, Webhook, read_page, read_webhook, read_webhooks
from stream.domain.decoding import MAX_BYTES, JsonObject, Rejected, decode
from stream.settings import PREFIX

ANSWERS_WITHIN_SECONDS = 30.0
"""Creating a webhook takes Daily as long as its receiver takes to answer the ping, some 8 s at most."""

WAITS_AT_MOST_SECONDS = 120.0
PAGE_JOBS = 100
"""The most that Daily lists at once."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how often to ask."""

    spacing_seconds: float = 0.055
    """Daily allows 20 requests a second; this leaves some for whoever else uses the key."""
    attempts: int = 5
    first_wait_seconds: float = 1.0
    """The longest wait for a second attempt, when Daily does not say how long to wait; it doubles from there."""


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook that is to be made; `hmac` is base64."""

    url: str
    hmac: str = field(repr=False)
    basic_auth: str | None = field(default=None, repr=False)
    retry_type: str = "exponential"

    def as_dict(self) -> dict[str, Any]:
        """Return what Daily is to be sent."""
        given = {"url": self.url, "hmac": self.hmac, "retryType": self.retry_type, "eventTypes": list(EVENT_TYPES)}
        return given | ({"basicAuth": self.basic_auth} if self.basic_auth else {})


@dataclass(slots=True)
class Daily:
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

    async def webhooks(self) -> list[Webhook]:
        """Return all webhooks of the domain."""
        found = read_webhooks(await self._ask("GET", "webhooks"))
        if found is None:
            raise OutOfReach(f"Daily's list of webhooks cannot be read: see whether {self.base} is its API.")
        self.secrets |= {webhook.hmac.get_secret_value() for webhook in found if webhook.hmac}
        return found

    async def create_webhook(self, new: NewWebhook) -> Webhook:
        """Make a webhook; Daily pings its address first, and refuses when that does not answer 200."""
        self.secrets |= {new.hmac, new.basic_auth or ""}
        return read_webhook(await self._ask("POST", "webhooks", body=new.as_dict(), is_repeatable=False))

    async def reactivate(self, webhook: Webhook) -> Webhook:
        """Turn a webhook on again; Daily pings its address first."""
        return read_webhook(await self._ask("POST", "webhooks", webhook.uuid, body={"url": webhook.url}))

    async def delete_webhook(self, uuid: str) -> None:
        """Delete a webhook."""
        await self._ask("DELETE", "webhooks", uuid)

    async def pages(self, after: str | None = None) -> AsyncIterator[Page]:
        """Yield the listing of jobs, from the one that follows `after`."""
        while (page := await self._page(after)).jobs:
            yield page
            if page.last_id in (None, after):
                raise OutOfReach(f"Daily lists the same jobs again after {after}, so there is no end to them.")
            after = page.last_id

    async def _page(self, after: str | None) -> Page:
        query = {"limit": str(PAGE_JOBS)} | ({"starting_after": after} if after else {})
        page = read_page(await self._ask("GET", "batch-processor", query=query))
        if page is None:
            raise OutOfReach(f"Daily's list of jobs cannot be read: see whether {self.base} is its API.")
        return page

    async def job(self, job_id: str) -> JsonObject | None:
        """Return all that Daily tells of a job; None when there is no such job any more."""
        try:
            found = await self._ask("GET", "batch-processor", job_id)
        except _NotFound:
            return None
        return found if isinstance(found, dict) else None

    async def _ask(
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
                raise OutOfReach(f"{doing}: what Daily answers cannot be read as JSON.")
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
        return _NotFound(sentence) if status == 404 else Refused(sentence)

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


class _NotFound(Refused):
    """There is no such thing."""


_ONLINE = "see whether this machine is online, and try again."


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
async def connected(base: str, key: str, pace: Pace | None = None) -> AsyncIterator[Daily]:
    """Give a client for the length of the block."""
    pace, key = pace or Pace(), key.strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise KeyRefused(f"{PREFIX}DAILY_API_KEY holds what no key of Daily's holds: copy it from Daily's dashboard.")
    timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_SECONDS)
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Daily(session, URL(base), key, pace, AsyncLimiter(1, pace.spacing_seconds))
