"""One webhook, from its request to its answer.

Law: whatever is sent, the answer has a status that the OpenAPI document names. No more of a body is held than may be
taken in: that of a request whose headers are wrong already can only be the ping.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter, time
from typing import Protocol

import structlog
from aiohttp import web
from prometheus_client import Histogram

from stream.domain.routing import record_key
from stream.gateway.outcomes import Outcome
from stream.gateway.outgoing import Headers
from stream.gateway.verification import PING_BYTES, SIGNATURE_HEADER, TIMESTAMP_HEADER, Claims, Verifier, is_ping
from stream.meters import Meters
from stream.web.problems import problem_response

BODY_BYTES = 1_000_000
"""The longest body taken in: with its key and headers it fits into what a broker takes by default."""

_LOG_SECONDS = 60.0
log = structlog.get_logger(__name__)


class Store(Protocol):
    """Where bodies go."""

    def has_room(self, size: int = 0) -> bool: ...  # noqa: D102
    def send(self, key: bytes | None, value: bytes, at_ms: int, headers: Headers = ()) -> Awaitable[Outcome]: ...  # noqa: D102


Clock = Callable[[Claims], int]
"""Says in epoch milliseconds what time it is when a request with these claims comes."""


def wall_clock(_: Claims) -> int:
    """Return the time of this machine."""
    return int(time() * 1000)


class Receiver:
    """Takes webhooks in."""

    def __init__(self, verifier: Verifier, store: Store, seconds: Histogram, clock: Clock = wall_clock) -> None:
        self._verifier, self._store, self._seconds, self._clock = verifier, store, seconds, clock
        self._logged_at: dict[Outcome, float] = {}
        self.meters = Meters(dict.fromkeys(Outcome, 0))
        self.reading = 0
        """Bytes of bodies that have not come whole."""

    async def receive(self, request: web.BaseRequest) -> web.Response:
        """Answer a webhook."""
        began = perf_counter()
        try:
            outcome = await self._take(request)
        except Exception:
            log.exception("webhook_failed")
            outcome = Outcome.DEFECT
        self.meters[outcome] += 1
        self._seconds.observe(perf_counter() - began)
        if outcome.status == 200:
            return web.Response(text=outcome.detail)
        self._log(outcome)
        return problem_response(outcome.status, outcome.detail)

    async def _take(self, request: web.BaseRequest) -> Outcome:
        if (request.content_length or 0) > BODY_BYTES:
            return Outcome.TOO_LARGE
        claims = _claims(request)
        at_ms = self._clock(claims)
        # Without room the ping is answered all the same, or a webhook could not be turned on again.
        doubt = self._verifier.doubt(claims, at_ms) if self._store.has_room(self.reading) else Outcome.CROWDED
        body = await self._read(request, PING_BYTES if doubt else BODY_BYTES)
        if isinstance(body, Outcome):
            return doubt or body
        if is_ping(body):
            return Outcome.PING
        if doubt or not self._verifier.has_signed(claims, body):
            return doubt or Outcome.FORGED
        return await self._store.send(record_key(body), body, at_ms, _headers(request))

    async def _read(self, request: web.BaseRequest, most: int) -> bytes | Outcome:
        if (request.content_length or 0) > most:
            return Outcome.TOO_LARGE
        try:
            if not request.content.is_eof():
                return await self._read_slowly(request, most)
            body = request.content.read_nowait()  # as nearly all bodies do, it came together with the headers
        except (web.RequestPayloadError, ConnectionError):
            return Outcome.CUT_SHORT
        return body if len(body) <= most else Outcome.TOO_LARGE

    async def _read_slowly(self, request: web.BaseRequest, most: int) -> bytes | Outcome:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        body = bytearray()
        try:
            while chunk := await request.content.readany():
                self.reading += len(chunk)
                body += chunk
                if len(body) > most:
                    return Outcome.TOO_LARGE
                # What may only be the ping is small, and is read whatever else waits.
                if most > PING_BYTES and not self._store.has_room(self.reading):
                    return Outcome.CROWDED
        finally:
            self.reading -= len(body)
        return bytes(body)

    def _log(self, outcome: Outcome) -> None:
        """Log one of a kind a minute: anyone may send anything as often as they like."""
        now = perf_counter()
        if now - self._logged_at.get(outcome, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged_at[outcome] = now
            log.warning("webhook_not_taken", outcome=outcome.value, detail=outcome.detail, so_far=self.meters[outcome])


def _claims(request: web.BaseRequest) -> Claims:
    get = request.headers.get
    return Claims(get(TIMESTAMP_HEADER, ""), get(SIGNATURE_HEADER, ""), get("Authorization", ""))


def _headers(request: web.BaseRequest) -> Headers:
    # Nothing is decompressed, so that no bomb goes off; whoever reads the record must know.
    encoding = request.headers.get("Content-Encoding")
    return [("content-encoding", encoding.encode(errors="surrogateescape"))] if encoding else []
