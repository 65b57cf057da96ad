"""Which worker owns a preset, and asking it.

Law: a preset is owned by the worker that has its tallies partition, found by the same bytes and the same partitioner
that key the tallies topic. What an owner cannot answer in time is an error, never a made-up zero.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from faust.types import AppT
from yarl import URL

from stream.web.problems import ProblemError, unavailable

ASK_SECONDS = 2.0
LOCAL = "local"
"""The query parameter that marks a question from another worker, which must not be passed on again."""


class Owners:
    """The workers of an app, and which partitions of a table each one owns."""

    def __init__(self, app: AppT, changelog: str, token: str | None) -> None:
        self._app, self._changelog = app, changelog
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @property
    def here(self) -> URL:
        """Where this worker is reached by the others."""
        return URL(self._app.conf.canonical_url)

    def partitions(self) -> dict[URL, set[int]]:
        """Return the partitions of every worker by its address."""
        hosts: Mapping[Any, Mapping[str, Any]] = self._app.router.tables_metadata()
        return {URL(host): set(topics.get(self._changelog, ())) for host, topics in hosts.items()}

    def of(self, partition: int) -> URL:
        """Return the address of a partition's owner; raises a 503 problem while it has none."""
        for host, partitions in self.partitions().items():
            if partition in partitions:
                return host
        raise unavailable(f"Partition {partition} has no owner yet: a worker is starting or has just gone.")

    async def ask(self, host: URL, path: str, query: Mapping[str, str]) -> Any:
        """Return another worker's JSON answer, or raise the problem it has."""
        url = host.with_path(path, encoded=True).with_query({**query, LOCAL: "1"})
        try:
            timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
            async with self._app.http_client.get(url, headers=self._headers, timeout=timeout) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise unavailable(f"The worker at {host} does not answer ({type(error).__name__}).") from error
        if response.status != HTTPStatus.OK:
            raise _passed_on(response.status, answer)
        return answer

    async def ask_all(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """Return the answers of every other worker that owns anything."""
        return await asyncio.gather(*(self.ask(host, path, query) for host in self.others()))

    def others(self) -> list[URL]:
        """Return the addresses of every other worker that owns anything."""
        return [host for host, partitions in self.partitions().items() if partitions and host != self.here]


def _passed_on(status: int, answer: Any) -> ProblemError:
    detail = answer.get("detail", "") if isinstance(answer, dict) else ""
    return ProblemError(HTTPStatus(status), str(detail))
