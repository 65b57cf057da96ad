"""Questions to a worker over HTTP.

Law: an answer is what the worker said, status and bytes; no answer is `NoAnswer` and says why.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from stream.settings import Settings

ANSWERS_WITHIN_SECONDS = 10.0
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  listening there means being on this machine too


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker said."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON; None when it has none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def sentence(self) -> str:
        """Return what a problem document says, or the status where there is none."""
        document = self.json()
        detail = document.get("detail") if isinstance(document, dict) else None
        return str(detail or f"The worker answered with status {self.status}.")


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nobody answered, or not in time."""

    why: str


def web_url(settings: Settings) -> URL:
    """Return where this machine reaches the worker of these settings."""
    host = _ANY_HOST.get(settings.web_host, settings.web_host)
    return URL.build(scheme="http", host=host, port=settings.web_port, path="/")


def at_the_gateway(settings: Settings) -> Settings:
    """Return the settings with which what is asked is asked of the gateway."""
    there = {"web_host": settings.gateway_host, "web_port": settings.gateway_port, "web_token": None}
    return settings.model_copy(update=there)


def at_the_notifier(settings: Settings) -> Settings:
    """Return the settings with which what is asked is asked of the notifier."""
    there = {"web_host": settings.notify_host, "web_port": settings.notify_port, "web_token": None}
    return settings.model_copy(update=there)


def ask(settings: Settings, path: str, query: Mapping[str, str] | None = None) -> Answer | NoAnswer:
    """Ask a worker; `path` must be percent-encoded."""
    return asyncio.run(_ask(settings, path, query or {}))


async def _ask(settings: Settings, path: str, query: Mapping[str, str]) -> Answer | NoAnswer:
    token = settings.web_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    url = web_url(settings).with_path(path, encoded=True).with_query(query)
    timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_SECONDS)
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session, session.get(url) as response:
            return Answer(response.status, await response.read())
    except TimeoutError:
        return NoAnswer(f"no answer within {ANSWERS_WITHIN_SECONDS:g} s")
    except aiohttp.ClientConnectorDNSError:
        return NoAnswer("unknown host")
    except aiohttp.ClientConnectorError:
        return NoAnswer("nothing listens there")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return NoAnswer(str(error) or type(error).__name__)
