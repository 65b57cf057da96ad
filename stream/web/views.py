"""The worker's HTTP API, as Faust web views.

Law: any worker answers for any preset, and its answers are whole: see `whole.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from time import time
from typing import Any, cast

from aiohttp import web
from faust.web.drivers.aiohttp import Web

from schemas.times import format_time, read_time
from stream.domain import queries
from stream.domain.deciding import Board
from stream.domain.duration import format_duration
from stream.domain.rolling import rolling_series, thresholds
from stream.health import LOOK_SECONDS, Health
from stream.pipeline import Pipeline
from stream.topics import changelog_of
from stream.web.access import LOGIN, log_in_with, require_known_host, require_token
from stream.web.answers import spans, windows
from stream.web.assets import ASSETS, add_headers, serve_asset, serve_page
from stream.web.guesses import Guesses, read_proxies
from stream.web.ingest import Ingest
from stream.web.live import Live
from stream.web.metrics import VERSION
from stream.web.openapi import openapi
from stream.web.overview import PATH as OVERVIEW
from stream.web.overview import Overviews
from stream.web.owners import Owners
from stream.web.parameters import check_points, read_span, read_states
from stream.web.problems import Handler, answer_problems, as_json
from stream.web.vital_views import VitalViews
from stream.web.whole import Query, Whole


class Views:
    """Everything a worker serves."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.app = pipeline, pipeline.app
        self.health, self.ingested = Health(pipeline), Ingest(pipeline)
        self.vital = VitalViews(self.health)
        self.pane_ms = pipeline.settings.pane
        token = pipeline.settings.web_token.get_secret_value() if pipeline.settings.web_token else None
        owners = Owners(self.app, changelog_of(pipeline.settings.app_id, "rates"), token)
        self.whole = Whole(pipeline, owners)
        self.overviews = Overviews(self.whole, self.health, self.ingested)
        self.live = Live(self.overviews)
        self._serve(cast("Web", self.app.web).web_app, token)

    @property
    def kept_ms(self) -> int:
        """How long panes are kept under the rules in force."""
        return self.pipeline.deciding.policy.retention_ms

    def _serve(self, web_app: web.Application, token: str | None) -> None:
        hosts = frozenset(self.pipeline.settings.hosts)
        guesses = Guesses(read_proxies(self.pipeline.settings.web_proxies))
        guard = require_token(token, guesses) if token else require_known_host(hosts)
        web_app.middlewares.extend((answer_problems, guard))
        web_app.on_response_prepare.append(add_headers)
        web_app.cleanup_ctx.append(self._watch)
        web_app.on_shutdown.append(self.live.close)
        for path, handler in self._routes().items():
            self.app.page(path, name=path)(_as_view(handler))
        web_app.router.add_post(LOGIN, log_in_with(token, guesses))

    async def _watch(self, _: web.Application) -> AsyncIterator[None]:
        # Faust's own timers only begin once the first recovery is over, which is one of the things to be watched.
        watching = [asyncio.create_task(each) for each in (self.health.watch(), self._watch_ingest())]
        yield
        for each in watching:
            each.cancel()

    async def _watch_ingest(self) -> None:
        while True:
            self.ingested.look()
            await asyncio.sleep(LOOK_SECONDS)

    def _routes(self) -> dict[str, Handler]:
        return {
            "/": serve_page,
            f"{ASSETS}{{name}}": serve_asset,
            "/api/about": self.about,
            "/api/presets": self.presets,
            "/api/rates": self.rates,
            "/api/rates/{preset}": self.rate,
            "/api/rates/{preset}/series": self.series,
            "/api/alerts": self.alerts,
            "/api/rules": self.rules,
            "/api/ingest": self.ingest,
            OVERVIEW: self.overview,
            "/api/stream": self.stream,
            "/healthz": self.vital.healthz,
            "/readyz": self.vital.readyz,
            "/metrics": self.vital.metrics,
            "/openapi.json": self.openapi,
        }

    async def about(self, request: web.Request) -> web.Response:
        """Say what runs here and by which settings, and what there is to choose from."""
        settings = self.pipeline.settings
        names = ("pane", "allowed_lateness", "idle_after", "dedupe_horizon")
        return as_json(
            {
                "version": VERSION,
                "kept": format_duration(self.kept_ms),
                **{name: format_duration(getattr(settings, name)) for name in names},
                "max_presets": settings.max_presets,
                "partitions": self.pipeline.partitions,
                "windows": windows(self.pane_ms, self.kept_ms),
                "spans": spans(self.pane_ms, self.kept_ms),
                **self._edition(),
                "rules": self._rules(),
            }
        )

    async def presets(self, request: web.Request) -> web.Response:
        """List the presets that have been heard of while panes are kept."""
        found = await self.whole.gather(request.query, "presets", self._own_presets)
        return as_json({"presets": sorted(found, key=lambda preset: str(preset["preset"]))})

    def _own_presets(self, board: Board, query: Query) -> list[Any]:  # one shape for all
        return [queries.describe_preset(board, name) for name in queries.known_presets(board)]

    async def rates(self, request: web.Request) -> web.Response:
        """Give every preset's rate over a window."""
        self._window(request.query)
        found = await self.whole.gather(request.query, "rates", self._own_rates)
        window = request.query.get("window", "5m")
        return as_json({"window": window, "rates": sorted(found, key=lambda rate: str(rate["preset"]))})

    def _own_rates(self, board: Board, query: Query) -> list[Any]:
        window = queries.last_window(board, self._window(query))
        return [queries.rate_in(board, name, window).model_dump(mode="json") for name in queries.known_presets(board)]

    async def rate(self, request: web.Request) -> web.Response:
        """Give one preset's rate over a window."""
        length_ms = self._window(request.query)

        def answer(board: Board, name: str) -> Any:
            return queries.rate_in(board, name, queries.last_window(board, length_ms)).model_dump(mode="json")

        return as_json(await self.whole.ask_owner(request, "", answer))

    async def series(self, request: web.Request) -> web.Response:
        """Give one preset's rates over a span, step by step, each over the step or a window that ends with it."""
        span_ms = read_span(request.query, "span", "1h", self.pane_ms, self.kept_ms)
        step_ms = read_span(request.query, "step", "1m", self.pane_ms, self.kept_ms)
        window_ms = self._window(request.query) if "window" in request.query else None
        check_points(span_ms, step_ms)

        def answer(board: Board, name: str) -> Any:
            rates = (
                queries.series(board, name, span_ms, step_ms)
                if window_ms is None
                else rolling_series(board, name, span_ms, step_ms, window_ms)
            )
            points = [rate.model_dump(mode="json") for rate in rates]
            preset = request.match_info["preset"]
            return {"preset": preset, "points": points, "thresholds": thresholds(board, name)}

        return as_json(await self.whole.ask_owner(request, "/series", answer))

    async def alerts(self, request: web.Request) -> web.Response:
        """List alerts by state."""
        read_states(request.query)
        found = await self.whole.gather(
            request.query, "alerts", lambda board, query: queries.alerts(board, read_states(query))
        )
        newest_first = sorted(found, key=lambda alert: str(alert.get("at", alert["started_at"])), reverse=True)
        return as_json({"alerts": newest_first})

    async def rules(self, request: web.Request) -> web.Response:
        """List the rules in force, as they stand in the rules file, and what is wrong with that file if it is not."""
        return as_json({**self._edition(), "rules": self._rules()})

    def _edition(self) -> dict[str, Any]:
        reloading = self.pipeline.reloading
        refused = [{"line": fault.line or None, "fault": fault.message} for fault in reloading.refused]
        return {
            "rules_version": reloading.rules.version,
            "rules_since": format_time(int(reloading.since * 1000)),
            "rules_refused": refused,
        }

    def _rules(self) -> list[Any]:
        return [rule.model_dump(mode="json", by_alias=True) for rule in self.pipeline.reloading.rules.rules]

    async def ingest(self, request: web.Request) -> web.Response:
        """Say how what comes in fares on all workers: counts, silence, and how far decisions lie behind the clock."""
        overview = await self.overviews.everything(self.pane_ms)
        now = time()
        since = {name: _seconds_since(overview[name], now) for name in ("newest", "decided_to")}
        names = {"silence_seconds": since["newest"], "watermark_lag_seconds": since["decided_to"]}
        told = {name: overview[name] for name in ("newest", "decided_to", "faults")}
        return as_json({**overview["ingest"], **told, **names})

    async def overview(self, request: web.Request) -> web.Response:
        """Give everything at once: the verdict, rates over a window, alerts and how what comes in fares."""
        return as_json(await self.overviews.answer(request.query, self._window(request.query)))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Keep telling what changes of the overview."""
        return await self.live.listen(request, self._window(request.query))

    async def openapi(self, request: web.Request) -> web.Response:
        """Describe all of this."""
        return as_json(openapi(VERSION))

    def _window(self, query: Query) -> int:
        return read_span(query, "window", "5m", self.pane_ms, self.kept_ms)


def _as_view(handler: Handler) -> Any:
    async def view(_self: object, request: web.Request, **_: str) -> web.StreamResponse:
        return await handler(request)

    return view


def _seconds_since(time_text: str | None, now: float) -> float | None:
    return None if time_text is None else round(now - read_time(time_text) / 1000, 3)
