"""The rules file edited under a running worker: taken when it is sound, refused with its fault when it is not."""

import signal
from pathlib import Path
from typing import Any

from schemas.alert import AlertEvent
from tests.kafka.harness import Delivery, Deployment, Worker, deploy, eventually
from tests.kafka.test_health import metric
from tests.webhooks import FORBIDDEN, T0_MS, body

FIRST = """
[[rule]]
name = "three-in-a-row"
kind = "consecutive"
errors = 3

[[rule]]
name = "stays"
kind = "threshold"
error_rate = 0.5
min_jobs = 1
confidence = 0
"""
SECOND = """
[[rule]]
name = "stays"
kind = "threshold"
error_rate = 0.5
min_jobs = 1
confidence = 0
severity = "warning"

[[rule]]
name = "ten-in-a-row"
kind = "consecutive"
errors = 10
"""
BAD = SECOND.replace('"stays"', '"stays"\nerror_rat = 0.5')
TOO_MANY = SECOND.replace("errors = 10", "errors = 11")
PANE_MS = 10_000


def failures(first: int, last: int, at_ms: int) -> list[Delivery]:
    """Return failed jobs of one preset, by their numbers, at one instant."""
    jobs = (b"job-%d" % number for number in range(first, last + 1))
    return [Delivery(body(job.decode(), "summarize", at_ms, FORBIDDEN), job, at_ms) for job in jobs]


def later(panes: int) -> int:
    return T0_MS + panes * PANE_MS


async def passes(deployment: Deployment, worker: Worker, panes: int) -> None:
    """Let event time pass to a pane, by jobs of another preset on every partition that there is."""
    at_ms = later(panes) + deployment.settings.allowed_lateness
    await deployment.produce([Delivery(body(f"ok-{panes}", "other", at_ms), b"ok", at_ms)])
    await worker.decided_to(later(panes))


async def rules_of(worker: Worker, version: str) -> dict[str, Any]:
    """Return what a worker says of its rules once others than some are in force."""

    async def look() -> dict[str, Any] | None:
        answer: dict[str, Any] = await worker.answer("/api/rules")
        return answer if answer["rules_version"] != version else None

    return await eventually(look, "other rules in force")


async def refusal(worker: Worker, part: str) -> dict[str, Any]:
    """Return what a worker says of its rules once it has refused a file for some fault."""

    async def look() -> dict[str, Any] | None:
        answer: dict[str, Any] = await worker.answer("/api/rules")
        return answer if any(part in refused["fault"] for refused in answer["rules_refused"]) else None

    return await eventually(look, f"a file refused because of {part!r}")


def told(events: list[AlertEvent]) -> list[tuple[str, str, str | None]]:
    return [(event.rule, event.kind, event.resolve_reason) for event in events]


async def test_an_edited_rules_file_is_taken_refused_and_survived_without_a_restart(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    async with deploy(bootstrap, unique, tmp_path, FIRST, partitions=1) as deployment:
        path = deployment.settings.rules
        assert path is not None
        worker = await deployment.start().ready()
        await deployment.produce(failures(1, 4, T0_MS))
        await passes(deployment, worker, 1)
        assert told(await deployment.alerts()) == [("stays", "fired", None), ("three-in-a-row", "fired", None)]
        first = await worker.answer("/api/rules")
        assert first["rules_refused"] == []

        path.write_text(BAD)
        refused = await refusal(worker, "error_rat")
        assert (refused["rules_version"], refused["rules"]) == (first["rules_version"], first["rules"])
        assert [fault["line"] for fault in refused["rules_refused"]] == [4]
        assert await metric(worker, "presetwatch_rules_refused") == 1
        assert f"{path}:4" in worker.log.read_text() or "line=4" in worker.log.read_text()

        path.write_text(TOO_MANY)
        restart = await refusal(worker, "restart the workers")
        assert restart["rules_version"] == first["rules_version"]

        path.write_text(SECOND)
        second = await rules_of(worker, first["rules_version"])
        assert second["rules_refused"] == []
        assert await metric(worker, "presetwatch_rules_refused") == 0
        assert await metric(worker, f'presetwatch_rules_info{{version="{second["rules_version"]}"}}') == 1
        await deployment.produce(failures(5, 12, later(1)))
        await passes(deployment, worker, 3)
        after = (await deployment.alerts())[2:]
        assert told(after) == [("ten-in-a-row", "fired", None), ("three-in-a-row", "resolved", "rule_removed")]
        assert {event.at for event in after} == {later(2)}

        worker.kill()
        restarted = await deployment.start().ready()
        assert (await restarted.answer("/api/rules"))["rules_version"] == second["rules_version"]
        await passes(deployment, restarted, 4)
        firing = (await restarted.answer("/api/alerts?state=firing"))["alerts"]
        assert sorted(alert["rule"] for alert in firing) == ["stays", "ten-in-a-row"]
        assert len(await deployment.alerts()) == 4


async def test_sighup_has_a_file_taken_at_once(bootstrap: str, unique: str, tmp_path: Path) -> None:
    async with deploy(bootstrap, unique, tmp_path, FIRST, partitions=1) as deployment:
        path = deployment.settings.rules
        assert path is not None
        worker = await deployment.start().ready()
        first = await worker.answer("/api/rules")
        path.write_text(SECOND)
        worker.process.send_signal(signal.SIGHUP)
        second = await rules_of(worker, first["rules_version"])
        path.unlink()
        worker.process.send_signal(signal.SIGHUP)
        assert (await refusal(worker, "cannot be read"))["rules_version"] == second["rules_version"]
        assert worker.kill(signal.SIGTERM) == 0
