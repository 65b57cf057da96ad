"""Access tokens for brokers that want OAuth: fetched with the client's credentials, and renewed before they expire.

Law: a token is asked for only when one is needed; whoever cannot get one says why, and without the secret.
"""

from dataclasses import dataclass
from time import monotonic

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError
from pydantic import BaseModel, SecretStr, ValidationError

ANSWERS_WITHIN_SECONDS = 10.0

RENEWED_AFTER = 0.8
"""Of a token's life; librdkafka renews at the same point."""


class TokenRefused(KafkaError):  # type: ignore[misc]  # aiokafka ships no types
    """There is no token to be had; the message says why."""


class _Answer(BaseModel):
    access_token: str
    expires_in: float = 300.0


@dataclass(slots=True)
class Tokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """Fetches tokens by the client credentials grant (RFC 6749, section 4.4)."""

    url: str
    client_id: str
    client_secret: SecretStr
    scope: str | None = None
    held: str = ""
    renews_at: float = 0.0
    """By the monotonic clock."""

    async def token(self) -> str:
        """Return a token that is valid for a while; raises `TokenRefused`."""
        if monotonic() >= self.renews_at:
            answer = await self._fetch()
            self.held, self.renews_at = answer.access_token, monotonic() + RENEWED_AFTER * answer.expires_in
        return self.held

    async def _fetch(self) -> _Answer:
        given = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        who = {"Authorization": aiohttp.encode_basic_auth(self.client_id, self.client_secret.get_secret_value())}
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=who) as session,
                session.post(self.url, data=given) as response,
            ):
                if response.status != 200:
                    raise TokenRefused(f"{self.url} gives no token: it answers {response.status}")
                return _Answer.model_validate_json(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TokenRefused(f"{self.url} gives no token: {error or type(error).__name__}") from None
        except ValidationError:
            raise TokenRefused(f"{self.url} gives no token that can be read") from None
