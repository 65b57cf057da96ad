"""What those who keep a worker running ask of it: whether it lives, whether it is ready, and its metrics.

Law: nothing here needs another worker, or a token where a supervisor has none.
"""

from http import HTTPStatus

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from stream.health import Health
from stream.web.metrics import registry
from stream.web.problems import as_json, unavailable


class VitalViews:
    """A worker's signs of life."""

    def __init__(self, health: Health) -> None:
        self.health, self.pipeline = health, health.pipeline
        self.registry = registry(health)

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
        return as_json(answer, HTTPStatus.SERVICE_UNAVAILABLE if is_failing else HTTPStatus.OK)

    async def readyz(self, request: web.Request) -> web.Response:
        """Say whether this worker has recovered what it owns."""
        if not self.pipeline.is_ready():
            raise unavailable("This worker is still joining or recovering its tables.")
        return as_json({"status": "ready"})

    async def metrics(self, request: web.Request) -> web.Response:
        """Tell Prometheus what it scrapes."""
        # prometheus_client's own text is the format of version 0.0.4, which every scraper reads.
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
