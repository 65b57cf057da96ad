"""The worker's HTTP API, as Faust web views.

Law: any worker answers for any preset. It answers from its own boards what it owns, asks the owner for the rest, and
says 503 rather than answer without it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from aiohttp import web
from faust.web.drivers.aiohttp import Web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from stream.domain import queries
from stream.domain.deciding import Board
from stream.domain.routing import partition_of
from stream.health import Health
from stream.pipeline import Pipeline
from stream.topics import changelog_of
from stream.web.metrics import registry
from stream.web.owners import LOCAL, Owners
from stream.web.page import render_page
from stream.web.parameters import check_points, read_span, read_states
from stream.web.problems import ProblemError, answer_problems, require_token, unavailable

Query = Mapping[str, str]
About = Callable[[Board, str], Any]


class Views:
    """Everything a worker serves."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.app = pipeline, pipeline.app
        self.health = Health(pipeline)
        self.registry = registry(self.health)
        self.pane_ms = pipeline.settings.pane
        self.kept_ms = pipeline.deciding.policy.retention_ms
        token = pipeline.settings.web_token.get_secret_value() if pipeline.settings.web_token else None
        self.owners = Owners(self.app, changelog_of(pipeline.settings.app_id, "rates"), token)
        web_app = cast("Web", self.app.web).web_app
        web_app.middlewares.extend((answer_problems, require_token(token)))
        web_app.cleanup_ctx.append(self._watch_health)
        for path, handler in self._routes().items():
            self.app.page(path, name=path)(_as_view(handler))

    async def _watch_health(self, _: web.Application) -> AsyncIterator[None]:
        # Faust's own timers only begin once the first recovery is over, which is one of the things to be watched.
        watching = asyncio.create_task(self.health.watch())
        yield
        watching.cancel()

    def _routes(self) -> dict[str, Callable[[web.Request], Awaitable[web.Response]]]:
        return {
            "/": self.page,
            "/api/presets": self.presets,
            "/api/rates": self.rates,
            "/api/rates/{preset}": self.rate,
            "/api/rates/{preset}/series": self.series,
            "/api/alerts": self.alerts,
            "/api/rules": self.rules,
            "/healthz": self.healthz,
            "/readyz": self.readyz,
            "/metrics": self.metrics,
        }

    async def presets(self, request: web.Request) -> web.Response:
        """List the presets that have been heard of while panes are kept."""
        found = await self._gather(request, "presets", self._own_presets)
        return _json({"presets": sorted(found, key=lambda preset: str(preset["preset"]))})

    def _own_presets(self, board: Board, query: Query) -> list[Any]:  # one shape for all
        return [queries.describe_preset(board, name) for name in queries.known_presets(board)]

    async def rates(self, request: web.Request) -> web.Response:
        """Give every preset's rate over a window."""
        self._window(request.query)
        found = await self._gather(request, "rates", self._own_rates)
        window = request.query.get("window", "5m")
        return _json({"window": window, "rates": sorted(found, key=lambda rate: str(rate["preset"]))})

    def _own_rates(self, board: Board, query: Query) -> list[Any]:
        window = queries.last_window(board, self._window(query))
        return [queries.rate_in(board, name, window).model_dump(mode="json") for name in queries.known_presets(board)]

    async def rate(self, request: web.Request) -> web.Response:
        """Give one preset's rate over a window."""
        length_ms = self._window(request.query)

        def answer(board: Board, name: str) -> Any:
            return queries.rate_in(board, name, queries.last_window(board, length_ms)).model_dump(mode="json")

        return _json(await self._ask_owner(request, "", answer))

    async def series(self, request: web.Request) -> web.Response:
        """Give one preset's rates over a span, step by step."""
        span_ms = read_span(request.query, "span", "1h", self.pane_ms, self.kept_ms)
        step_ms = read_span(request.query, "step", "1m", self.pane_ms, self.kept_ms)
        check_points(span_ms, step_ms)

        def answer(board: Board, name: str) -> Any:
            points = [rate.model_dump(mode="json") for rate in queries.series(board, name, span_ms, step_ms)]
            return {"preset": request.match_info["preset"], "points": points}

        return _json(await self._ask_owner(request, "/series", answer))

    async def alerts(self, request: web.Request) -> web.Response:
        """List alerts by state."""
        read_states(request.query)
        found = await self._gather(request, "alerts", lambda board, query: queries.alerts(board, read_states(query)))
        newest_first = sorted(found, key=lambda alert: str(alert.get("at", alert["started_at"])), reverse=True)
        return _json({"alerts": newest_first})

    async def rules(self, request: web.Request) -> web.Response:
        """List the rules in force, as they stand in the rules file."""
        rules = [rule.model_dump(mode="json", by_alias=True) for rule in self.pipeline.rules.rules]
        return _json({"rules": rules})

    async def healthz(self, request: web.Request) -> web.Response:
        """Say whether the worker makes progress, and how far each partition has come; 503 asks for a restart."""
        counting, deciding = self.pipeline.counting, self.pipeline.deciding
        progress = {
            "source_positions": {p: counting.position(p) for p in counting.owned},
            "rekeyed_positions": {p: counting.forwarded_position(p) for p in counting.owned},
            "decided_to_ms": {p: deciding.owned[p].told_to_ms for p in deciding.owned},
        }
        faults = self.health.faults
        is_failing = any(fault.name.may_be_mended_by_a_restart for fault in faults)
        status = "failing" if is_failing else "degraded" if faults else "ok"
        answer = {"status": status, "faults": [fault.as_dict() for fault in faults], **progress}
        return _json(answer, HTTPStatus.SERVICE_UNAVAILABLE if is_failing else HTTPStatus.OK)

    async def readyz(self, request: web.Request) -> web.Response:
        """Say whether this worker has recovered what it owns."""
        if not self.pipeline.is_ready():
            raise unavailable("This worker is still joining or recovering its tables.")
        return _json({"status": "ready"})

    async def metrics(self, request: web.Request) -> web.Response:
        """Tell Prometheus what it scrapes."""
        # prometheus_client's own text is the format of version 0.0.4, which every scraper reads.
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def page(self, request: web.Request) -> web.Response:
        """Show every preset's rate."""
        found = await self._gather(request, "rates", self._own_rates)
        return web.Response(text=render_page(found), content_type="text/html")

    def _window(self, query: Query) -> int:
        return read_span(query, "window", "5m", self.pane_ms, self.kept_ms)

    def _boards(self) -> dict[int, Board]:
        if not self.pipeline.is_ready():
            raise unavailable("This worker is still joining or recovering its tables.")
        owned = self.pipeline.deciding.owned
        return {partition: owned[partition].board for partition in owned}

    async def _gather(self, request: web.Request, name: str, own: Callable[[Board, Query], list[Any]]) -> list[Any]:
        """Return what all workers have, or only this one when another worker asks."""
        found = [item for board in self._boards().values() for item in own(board, request.query)]
        if LOCAL not in request.query:
            self._require_all_owned()
            for answer in await self.owners.ask_all(f"/api/{name}", request.query):
                found += answer[name]
        return found

    def _require_all_owned(self) -> None:
        for partition in range(self.pipeline.partitions):
            self.owners.of(partition)

    async def _ask_owner(self, request: web.Request, suffix: str, about: About) -> Any:
        preset = request.match_info["preset"]
        name = queries.internal_name(preset)
        partition = partition_of(name.encode("utf-8", "replace"), b"", self.pipeline.partitions)
        boards = self._boards()
        if partition in boards:
            return self._about(boards[partition], name, about)
        if LOCAL in request.query:
            raise unavailable(f"Partition {partition} is moving to another worker.")
        path = f"/api/rates/{quote(preset, safe='')}{suffix}"
        return await self.owners.ask(self.owners.of(partition), path, request.query)

    def _about(self, board: Board, name: str, about: About) -> Any:
        if name and name not in queries.known_presets(board):
            raise ProblemError(HTTPStatus.NOT_FOUND, f"No job of preset {name!r} has been seen while panes are kept.")
        return about(board, name)


def _as_view(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Any:
    async def view(_self: object, request: web.Request, **_: str) -> web.Response:
        return await handler(request)

    return view


def _json(answer: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return web.json_response(text=text, status=status)
