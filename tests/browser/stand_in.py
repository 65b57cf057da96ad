"""A worker with nothing behind it: the dashboard's own files and stream, over an overview that a test makes up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestServer

from schemas.times import format_time
from stream.domain.evidence import rated
from stream.web.answers import combine, spans, windows
from stream.web.assets import ASSETS, add_headers, serve_asset, serve_page
from stream.web.ingest import GROUPED, PLAIN
from stream.web.live import Live
from stream.web.overview import Overviews
from stream.web.parameters import read_span
from stream.web.problems import answer_problems, as_json, unavailable

NOW_MS = 1_774_000_000_000
COUNTS: dict[str, Any] = {**dict.fromkeys(PLAIN, 7), **{name: {"not_json": 2} for name in GROUPED}}


def rate(preset: str, errors: int, total: int, at_ms: int = NOW_MS) -> dict[str, Any]:
    """Return a preset's rate, as the API gives it."""
    found = rated(errors, total)
    return {
        "preset": preset,
        "window_start": format_time(at_ms - 300_000),
        "window_end": format_time(at_ms),
        "errors": errors,
        "finished": total - errors,
        "total": total,
        "error_rate": found.rate,
        "error_rate_low": found.low,
        "error_rate_high": found.high,
        "reasons": {"input_forbidden": errors} if errors else {},
        "parties": {"customer": errors} if errors else {},
    }


def alert(preset: str, severity: str = "critical", state: str = "firing", **more: Any) -> dict[str, Any]:
    """Return an alert, as the API gives it."""
    found: dict[str, Any] = {
        "state": state,
        "id": f"{preset}-{severity}-{state}",
        "episode": "e1",
        "rule": "high-error-rate",
    }
    found |= {"rule_kind": "threshold", "severity": severity, "at": format_time(NOW_MS - 60_000), "threshold": 0.1}
    found |= {"started_at": format_time(NOW_MS - 240_000), "sample_jobs": [f"job of {preset}"], "labels": {}}
    found |= {
        "annotations": {"summary": f"{preset}: jobs fail"},
        "resolve_reason": None,
        "kind": "fired",
        "sequence": 1,
    }
    return {**rate(preset, 14, 60), **found, **more}


@dataclass(slots=True)
class StandIn:
    """What the made-up worker knows; it answers 503 while `missing` says what is."""

    rates: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    missing: str = ""
    counts: dict[str, Any] = field(default_factory=lambda: COUNTS)
    rules_version: str = "5f1d"
    decided_to_ms: int | None = NOW_MS
    now_ms: int = NOW_MS + 9_000

    async def everything(self, window_ms: int) -> dict[str, Any]:
        """Return the overview."""
        if self.missing:
            raise unavailable(self.missing)
        part = {"rates": self.rates, "alerts": self.alerts, "faults": self.faults, "newest_ms": self.decided_to_ms or 0}
        part |= {"rules": self.rules_version}
        part |= {"decided_to_ms": {"0": self.decided_to_ms}, "ingest": {**self.counts, "recent": COUNTS}}
        return combine([part], "5m", self.now_ms, 45_000)

    async def about(self, _: web.Request) -> web.Response:
        """Answer what there is to choose from."""
        about = {
            "windows": windows(10_000, 90_000_000),
            "spans": spans(10_000, 90_000_000),
            "rules": [],
            "rules_version": self.rules_version,
            "rules_refused": [],
            "version": "0",
        }
        return as_json(about)

    async def series(self, request: web.Request) -> web.Response:
        """Answer with a rate that rises."""
        points = [rate(request.match_info["preset"], n, 60, NOW_MS - (60 - n) * 60_000) for n in range(60)]
        limit = {"rule": "high-error-rate", "severity": "critical", "error_rate": 0.1, "window": "5m"}
        milder = {**limit, "rule": "customer-errors", "severity": "warning"}
        return as_json(
            {"points": points, "thresholds": [{**each, "parties": [], "reasons": []} for each in (limit, milder)]}
        )


def window_of(request: web.Request) -> int:
    """Return the window that is asked for, in milliseconds, or refuse it as a worker does."""
    return read_span(request.query, "window", "5m", 10_000, 90_000_000)


@asynccontextmanager
async def standing_in(known: StandIn) -> AsyncIterator[str]:
    """Serve a made-up worker; gives its address."""
    live = Live(cast("Overviews", known))

    async def stream(request: web.Request) -> web.StreamResponse:
        return await live.listen(request, window_of(request))

    async def overview(request: web.Request) -> web.Response:
        return as_json(await known.everything(window_of(request)))

    app = web.Application(middlewares=[answer_problems])
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(live.close)
    app.router.add_get("/", serve_page)
    app.router.add_get(f"{ASSETS}{{name}}", serve_asset)
    app.router.add_get("/api/about", known.about)
    app.router.add_get("/api/stream", stream)
    app.router.add_get("/api/overview", overview)
    app.router.add_get("/api/rates/{preset}/series", known.series)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))
