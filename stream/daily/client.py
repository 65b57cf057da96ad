"""What can be asked of Daily: its webhooks and its jobs.

Law: what Daily answers is read leniently; what cannot be read at all is a failure and never an empty list.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from stream.daily.api import Api, Pace, reaching
from stream.daily.failure import KeyRefused, NotFound, OutOfReach, Refused
from stream.daily.wire import EVENT_TYPES, Page, Webhook, read_page, read_webhook, read_webhooks
from stream.domain.decoding import JsonObject

PAGE_JOBS = 100
"""The most that Daily lists at once."""


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


@dataclass(frozen=True, slots=True)
class Daily:
    """A domain at Daily."""

    api: Api

    async def webhooks(self) -> list[Webhook]:
        """Return all webhooks of the domain."""
        found = read_webhooks(await self.api.ask("GET", "webhooks"))
        if found is None:
            raise OutOfReach(f"Daily's list of webhooks cannot be read: see whether {self.api.base} is its API.")
        self.api.secrets.update(webhook.hmac.get_secret_value() for webhook in found if webhook.hmac)
        return found

    async def create_webhook(self, new: NewWebhook) -> Webhook:
        """Make a webhook; Daily pings its address first, and refuses when that does not answer 200."""
        self.api.secrets.update((new.hmac, new.basic_auth or ""))
        with _minding_the_ping():
            return read_webhook(await self.api.ask("POST", "webhooks", body=new.as_dict(), is_repeatable=False))

    async def reactivate(self, webhook: Webhook) -> Webhook:
        """Turn a webhook on again; Daily pings its address first."""
        with _minding_the_ping():
            return read_webhook(await self.api.ask("POST", "webhooks", webhook.uuid, body={"url": webhook.url}))

    async def delete_webhook(self, uuid: str) -> None:
        """Delete a webhook."""
        await self.api.ask("DELETE", "webhooks", uuid)

    async def pages(self, after: str | None = None) -> AsyncIterator[Page]:
        """Yield the listing of jobs, from the one that follows `after`."""
        while (page := await self._page(after)).jobs:
            yield page
            if page.last_id in (None, after):
                raise OutOfReach(f"Daily lists the same jobs again after {after}, so there is no end to them.")
            after = page.last_id

    async def _page(self, after: str | None) -> Page:
        query = {"limit": str(PAGE_JOBS)} | ({"starting_after": after} if after else {})
        page = read_page(await self.api.ask("GET", "batch-processor", query=query))
        if page is None:
            raise OutOfReach(f"Daily's list of jobs cannot be read: see whether {self.api.base} is its API.")
        return page

    async def job(self, job_id: str) -> JsonObject | None:
        """Return all that Daily tells of a job; None when there is no such job any more."""
        try:
            found = await self.api.ask("GET", "batch-processor", job_id)
        except NotFound:
            return None
        if not isinstance(found, dict):
            raise OutOfReach(
                f"What Daily tells of job {job_id} cannot be read: see whether {self.api.base} is its API."
            )
        return found


@contextmanager
def _minding_the_ping() -> Iterator[None]:
    """Say of a refusal what is its usual reason."""
    try:
        yield
    except (KeyRefused, NotFound):
        raise
    except Refused as refused:
        raise Refused(
            f"{refused} It pings the address, which must lead to the /webhooks/daily of a gateway that runs: "
            f"`presetwatch doctor` looks at the gateway."
        ) from None


@asynccontextmanager
async def connected(base: str, key: str, pace: Pace | None = None) -> AsyncIterator[Daily]:
    """Give a client for the length of the block."""
    async with reaching(base, key, pace or Pace()) as api:
        yield Daily(api)
