"""Answers that are whole, whichever worker is asked.

Law: a worker answers from its own boards what it owns, asks the owner for the rest, and says 503 rather than answer
without it. A question from another worker is never passed on again.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web

from stream.domain import queries
from stream.domain.deciding import Board
from stream.domain.routing import partition_of
from stream.pipeline import Pipeline
from stream.web.owners import LOCAL, Owners
from stream.web.problems import ProblemError, unavailable

Query = Mapping[str, str]
About = Callable[[Board, str], Any]


class Whole:
    """What all workers know together."""

    def __init__(self, pipeline: Pipeline, owners: Owners) -> None:
        self.pipeline, self.owners = pipeline, owners

    def boards(self) -> dict[int, Board]:
        """Return this worker's boards by partition; raises a 503 problem while they are not complete."""
        if not self.pipeline.is_ready():
            raise unavailable("This worker is still joining or recovering its tables.")
        self.pipeline.hurry()
        owned = self.pipeline.deciding.owned
        return {partition: owned[partition].board for partition in owned}

    def require_all_owned(self) -> None:
        """Raise a 503 problem while a partition has no owner."""
        for partition in range(self.pipeline.partitions):
            self.owners.of(partition)

    async def gather(self, query: Query, name: str, own: Callable[[Board, Query], list[Any]]) -> list[Any]:
        """Return what all workers have, or only this one when another worker asks."""
        found = [item for board in self.boards().values() for item in own(board, query)]
        if LOCAL not in query:
            self.require_all_owned()
            for answer in await self.owners.ask_all(f"/api/{name}", query):
                found += answer[name]
        return found

    async def ask_owner(self, request: web.Request, suffix: str, about: About) -> Any:
        """Return what the owner of the preset in a request's path says about it."""
        preset = request.match_info["preset"]
        name = queries.internal_name(preset)
        partition = partition_of(name.encode("utf-8", "replace"), b"", self.pipeline.partitions)
        boards = self.boards()
        if partition in boards:
            return _about(boards[partition], name, about)
        if LOCAL in request.query:
            raise unavailable(f"Partition {partition} is moving to another worker.")
        path = f"/api/rates/{quote(preset, safe='')}{suffix}"
        return await self.owners.ask(self.owners.of(partition), path, request.query)


def _about(board: Board, name: str, about: About) -> Any:
    if name and name not in queries.known_presets(board):
        raise ProblemError(HTTPStatus.NOT_FOUND, f"No job of preset {name!r} has been seen while panes are kept.")
    return about(board, name)
