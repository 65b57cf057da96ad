"""Everything at once: what `/api/overview` answers and `/api/stream` keeps telling.

Law: it is whole or it is a problem, like any other answer. However many listen, the rates of a window are worked out
once when something has changed, and other workers send them only when they have.
"""

import asyncio
from collections.abc import Mapping
from hashlib import blake2b
from time import monotonic, time
from typing import Any

from yarl import URL

from stream.domain import queries
from stream.domain.duration import format_duration
from stream.health import Health
from stream.web.answers import Answer, combine
from stream.web.ingest import Ingest
from stream.web.owners import LOCAL
from stream.web.parameters import STATES
from stream.web.whole import Whole

FRESH_SECONDS = 0.4
"""For so long an overview serves everyone who asks for the same window."""

MOST_WINDOWS = 16
KNOWN = "known"
"""The query parameter by which a worker says which version of another's part it has."""

PATH = "/api/overview"
NOT_TOLD = {"window_start", "window_end", "stages", "root_stages"}
"""Parts of a rate that would make each one new with every pane."""


class Overviews:
    """Overviews by window, each worked out no more often than needed."""

    def __init__(self, whole: Whole, health: Health, ingest: Ingest) -> None:
        self._whole, self._health, self._ingest = whole, health, ingest
        self._own: dict[int, Answer] = {}
        self._theirs: dict[tuple[URL, int], Answer] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._made: dict[int, tuple[float, Answer]] = {}
        settings = whole.pipeline.settings
        slack_ms = settings.allowed_lateness + settings.idle_after + 2 * settings.pane
        self._behind_limit_ms = min(slack_ms, 3_600_000) + 15_000

    async def answer(self, query: Mapping[str, str], window_ms: int) -> Answer:
        """Return the overview, or this worker's part of it when another worker asks."""
        if LOCAL not in query:
            return {"at_ms": int(time() * 1000), **await self.everything(window_ms)}
        part = self.part(window_ms)
        return {k: v for k, v in part.items() if part["version"] != query.get(KNOWN) or k not in ("rates", "alerts")}

    async def everything(self, window_ms: int) -> Answer:
        """Return the overview over a window; raises a 503 problem while it is not whole."""
        async with self._locks.setdefault(window_ms, asyncio.Lock()):
            made_at, overview = self._made.get(window_ms, (0.0, {}))
            if monotonic() - made_at > FRESH_SECONDS:
                overview = await self._make(window_ms)
                self._made[window_ms] = monotonic(), overview
                self._forget_windows()
        return overview

    async def _make(self, window_ms: int) -> Answer:
        own = self.part(window_ms)
        self._whole.require_all_owned()
        hosts = self._whole.owners.others()
        theirs = await asyncio.gather(*(self._ask(host, window_ms) for host in hosts))
        return combine([own, *theirs], format_duration(window_ms), int(time() * 1000), self._behind_limit_ms)

    async def _ask(self, host: URL, window_ms: int) -> Answer:
        before = self._theirs.get((host, window_ms), {"version": ""})
        query = {"window": format_duration(window_ms), KNOWN: before["version"]}
        answer = await self._whole.owners.ask(host, PATH, query)
        self._theirs[host, window_ms] = {**before, **answer}
        return self._theirs[host, window_ms]

    def part(self, window_ms: int) -> Answer:
        """Return this worker's part of an overview."""
        self._whole.boards()
        version = self._version()
        if self._own.get(window_ms, {}).get("version") != version:
            self._own[window_ms] = {"version": version, **self._counted(window_ms)}
        deciding = self._whole.pipeline.deciding
        return {
            **self._own[window_ms],
            "decided_to_ms": {str(each): deciding.owned[each].told_to_ms for each in deciding.owned},
            "newest_ms": max((self._newest_ms(each) for each in deciding.owned), default=0),
            "faults": [fault.as_dict() for fault in self._health.faults],
            "ingest": self._ingest.counts(),
            "rules": self._whole.pipeline.reloading.rules.version,
        }

    def _newest_ms(self, partition: int) -> int:
        board = self._whole.pipeline.deciding.owned[partition].board
        return board.newest_pane_ms + board.policy.pane_ms if board.newest_pane_ms >= 0 else 0

    def _version(self) -> str:
        owned = self._whole.pipeline.deciding.owned
        state = [(each, owned[each].position, owned[each].board.tick_ms) for each in owned]
        return blake2b(repr(state).encode(), digest_size=12).hexdigest()

    def _counted(self, window_ms: int) -> Answer:
        rates: list[Any] = []
        alerts: list[Any] = []
        for board in self._whole.boards().values():
            window = queries.last_window(board, window_ms)
            found = (queries.rate_in(board, name, window) for name in queries.known_presets(board))
            rates += [rate.model_dump(mode="json", exclude=NOT_TOLD) for rate in found]
            alerts += queries.alerts(board, STATES)
        return {"rates": rates, "alerts": alerts}

    def _forget_windows(self) -> None:
        for known in (self._made, self._own):
            while len(known) > MOST_WINDOWS:
                known.pop(next(iter(known)))
        hosts, windows = set(self._whole.owners.others()), self._made.keys()
        self._theirs = {key: part for key, part in self._theirs.items() if key[0] in hosts and key[1] in windows}
        self._locks = {window: lock for window, lock in self._locks.items() if window in windows or lock.locked()}
