"""A real Alertmanager: fire, refresh, resolve, with a restart on either side, and what it tells others of it."""

import json
from pathlib import Path
from time import time
from typing import Any

from schemas.times import read_time
from stream.notify.plan import Plan
from tests.notify.alertmanager import Alertmanager, alertmanager, needs_alertmanager
from tests.notify.alerts import ALERTMANAGER, MINUTE, fired, plan, resolved
from tests.notify.receiver import Receiver, receiving
from tests.notify.running import Shelf, running

pytestmark = needs_alertmanager


def to(am: Alertmanager) -> Plan:
    """Return a plan that refreshes every second, so that what is not refreshed ends after four."""
    return plan(ALERTMANAGER.replace("http://127.0.0.1:1", am.url).replace("\n\n", '\nrefresh = "1s"\n\n'))


def now() -> int:
    return int(time() * 1000)


def presets(found: list[dict[str, Any]]) -> set[str]:
    return {alert["labels"]["preset"] for alert in found}


def told(hook: Receiver) -> list[tuple[str, str]]:
    """Return status and preset of everything that the Alertmanager told its webhook, in order."""
    alerts = [alert for each in hook.got for alert in json.loads(each.body)["alerts"]]
    return [(alert["status"], alert["labels"]["preset"]) for alert in alerts]


async def test_an_alert_fires_stays_beyond_its_first_end_and_resolves_when_it_did(tmp_path: Path) -> None:
    async with receiving() as hook:
        with alertmanager(tmp_path, hook.url) as am:
            event = fired(at=now() - MINUTE)
            async with running(to(am), Shelf()) as teller:
                teller.add(event)
                [first] = await am.until(lambda alerts: alerts)
                assert first["labels"]["alertname"] == "high-error-rate"
                assert read_time(first["startsAt"]) == event.started_at
                # Nobody can wait less for this: were it not refreshed, it would be gone by its first end.
                [later] = await am.until(lambda alerts: now() > read_time(first["endsAt"]) + 1_000 and alerts)
                assert read_time(later["endsAt"]) > read_time(first["endsAt"])
                assert later["fingerprint"] == first["fingerprint"]
                teller.add(resolved(event, now()))
                await am.until(lambda alerts: not alerts)
                await hook.until(lambda it: len(told(it)) == 2)
            assert told(hook) == [("firing", "summarize"), ("resolved", "summarize")]


async def test_what_fires_is_known_again_after_the_alertmanager_or_the_notifier_has_restarted(tmp_path: Path) -> None:
    shelf = Shelf()
    async with receiving() as hook:
        with alertmanager(tmp_path, hook.url) as am:
            a, b = fired("a", now()), fired("b", now())
            async with running(to(am), shelf) as teller:
                teller.add(a, b)
                await am.until(lambda alerts: presets(alerts) == {"a", "b"})
                am.stop()
                am.start()  # it forgets alerts
                await am.until(lambda alerts: presets(alerts) == {"a", "b"})
            am.stop()
            am.start()
            async with running(to(am), shelf) as teller:  # it reads nothing new, and knows from its receipts
                await am.until(lambda alerts: presets(alerts) == {"a", "b"})
                teller.add(a, b, resolved(a, now()))
                await am.until(lambda alerts: presets(alerts) == {"b"})


async def test_a_recovery_while_the_alertmanager_is_down_is_told_once_it_is_back(tmp_path: Path) -> None:
    async with receiving() as hook:
        with alertmanager(tmp_path, hook.url) as am:
            event = fired(at=now())
            async with running(to(am), Shelf()) as teller:
                teller.add(event)
                await hook.until(lambda it: told(it) == [("firing", "summarize")])
                await am.until_it_has_told()
                am.stop()
                teller.add(resolved(event, now()))
                am.start()
                await hook.until(lambda it: told(it)[-1:] == [("resolved", "summarize")])
            assert told(hook).count(("firing", "summarize")) == 1


async def test_an_alertmanager_takes_any_labels_that_a_rules_file_may_give(tmp_path: Path) -> None:
    async with receiving() as hook:
        with alertmanager(tmp_path, hook.url) as am:
            odd = {"a.b-c": "média", "9": "\n", "empty": "", "ä": "x", "": "y"}
            async with running(to(am), Shelf()) as teller:
                teller.add(fired("*", now(), labels=odd, annotations={"run book": "x", "summary": ""}))
                [found] = await am.until(lambda alerts: alerts)
        assert (found["labels"]["preset"], found["labels"]["a_b_c"]) == ("*", "média")
