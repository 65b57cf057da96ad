"""Posting JSON to an address that may hold credentials.

Law: an answer is had within `ANSWERS_WITHIN_SECONDS` or the attempt has failed; redirects are not followed, since a
signed or authorised message is for one address alone.
"""

import os
from collections.abc import Mapping

from aiohttp import ClientError, ClientSession, ClientTimeout

from stream.notify.channels.outcome import Failed, Outcome, judge

ANSWERS_WITHIN_SECONDS = 10.0
MOST_SAID = 200


class Poster:
    """Posts to other programs."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Post a JSON body."""
        self._session = self._session or ClientSession(timeout=ClientTimeout(total=ANSWERS_WITHIN_SECONDS))
        try:
            async with self._session.post(
                url, data=body, headers={"Content-Type": "application/json", **headers}, allow_redirects=False
            ) as response:
                said = (await response.content.read(MOST_SAID)).decode("utf-8", "replace")
                return judge(response.status, response.headers, said)
        except TimeoutError:
            return Failed(f"gave no answer within {ANSWERS_WITHIN_SECONDS:g} s")
        except OSError as error:
            return Failed(f"cannot be reached ({_reason(error)})")
        except (ClientError, ValueError) as error:  # their texts may quote the address
            return Failed(f"cannot be used ({type(error).__name__})")

    async def close(self) -> None:
        """Close connections."""
        if self._session:
            await self._session.close()


def _reason(error: OSError) -> str:
    if error.errno and error.errno > 0:  # what aiohttp says instead quotes the address
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
