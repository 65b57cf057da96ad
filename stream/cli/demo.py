"""`demo`: the whole system on this machine, with traffic that has known incidents in it, judged at the end.

Law: a demo starts from nothing, and the same seed gives the same alert ids on every run. It ends well only if the topic
holds what a pure replay of the same traffic gives, byte for byte, and every incident was found.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stream.cli import given
from stream.cli.ask import web_url
from stream.cli.fresh import fresh_names, wipe
from stream.cli.lifetime import until_told_to_stop
from stream.cli.machine import Part, broker_of, check_port, worker_process
from stream.cli.metered import Metered
from stream.cli.output import abandon_stdout, counted, err, out, say, working, wrong
from stream.cli.performance import Performance
from stream.cli.reach import fit_topics, talk
from stream.cli.reference import expect_alerts
from stream.cli.show import Show, findings_table
from stream.cli.verdict import judge
from stream.domain.rules import RuleSet
from stream.local import traffic
from stream.local.incidents import DEMO_EPOCH_MS, Incident, plan
from stream.local.traffic import Delivery, generate
from stream.settings import Settings

DEMO_RULES = Path(traffic.__file__).with_name("demo_rules.toml")
Checks = Sequence[Callable[[], None]]
NEVER = "365d"
"""The demo's events are not of today, so an idle topic's wall clock must not pass for theirs."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a demo is asked to show."""

    seed: int
    minutes: int
    speed: float
    rules: Path
    as_json: bool

    @property
    def incidents(self) -> Sequence[Incident]:
        """What is injected."""
        return plan(self.seed, self.minutes)

    @property
    def ends_at_ms(self) -> int:
        """The end of the traffic's event time."""
        return DEMO_EPOCH_MS + self.minutes * 60_000

    def deliveries(self) -> Iterator[Delivery]:
        """Generate the traffic, the same each time."""
        return generate(self.seed, self.minutes)


def demo(
    seed: Annotated[int, typer.Option(help="Another seed is another day; the same seed gives the same alerts.")] = 7,
    minutes: Annotated[int, typer.Option(min=1, help="How much event time to show.")] = 30,
    speed: Annotated[float, typer.Option(min=0.1, help="How many times faster than real time.")] = 60,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="Rules to use; the demo has its own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write alert events only, just as on the topic.")] = False,
) -> None:
    """Show it all at work: half an hour's webhooks in half a minute, and alerts on what goes wrong.

    Broker, gateway and worker run on this machine, and each webhook is signed
    and posted just as Daily does it.

    Nothing needs to be installed, and every demo starts from nothing. It
    exits 0 when each incident it injected was noticed and, once over,
    resolved.

    For example:
      presetwatch demo
      presetwatch demo --seed 8 --minutes 20 --json | jq -r .rule

    Settings: PRESETWATCH_KAFKA_BOOTSTRAP to use another broker than one of
    its own, PRESETWATCH_RULES, PRESETWATCH_WEB_PORT, PRESETWATCH_DATA_DIR.
    """
    settings = given.settings()
    script = Script(seed, minutes, speed, (rules or settings.rules or DEMO_RULES).resolve(), as_json)
    found = given.rules(settings, script.rules)
    check_port(settings)
    performance: Performance | None = None
    try:
        with until_told_to_stop():
            performance = _stage(settings, found, script)
    except BrokenPipeError:
        abandon_stdout()
    if performance is None:
        raise wrong("The demo was stopped before its end, so nothing can be said of what it would have found.")
    _conclude(script, performance)


def _stage(settings: Settings, rules: RuleSet, script: Script) -> Performance:
    folder = settings.data_dir / "demo"
    if not settings.kafka_bootstrap:
        wipe(folder)
    with broker_of(settings, folder) as kafka:
        ours = {"rules": str(script.rules), "idle_after": NEVER, "data_dir": str(folder)}
        overrides = {**kafka.overrides, **ours}
        overrides |= _name_afresh(given.settings(**overrides))
        here = given.settings(**overrides)
        partitions = talk(here, fit_topics(here))
        with worker_process(overrides, folder / "worker.log") as worker:
            expected = _wait_for(worker, here, Metered.under(here, rules, partitions), script)
            performance = _prepare(here, script, expected, (kafka.check, worker.check))
            talk(here, performance.play())
    return performance


def _name_afresh(settings: Settings) -> dict[str, str]:
    names = talk(settings, fresh_names(settings))
    if names:
        say(f"Topics such as {settings.events_topic} are in use; this demo has its own: {names['events_topic']} ...")
    return names


def _wait_for(worker: Part, settings: Settings, replay: Metered, script: Script) -> dict[str, bytes]:
    """Wait until the worker is ready, and meanwhile work out what it must come to."""
    with working("Starting the worker"):
        expected = expect_alerts(replay, script.deliveries(), replay.deciding.sources)
        worker.wait_until_ready(settings)
    return expected


def _prepare(settings: Settings, script: Script, expected: dict[str, bytes], checks: Checks) -> Performance:
    how = f"{script.minutes} minutes of traffic from seed {script.seed} at {script.speed:g} times real time"
    say(f"Playing {how}, signed and posted to a gateway; the dashboard is at {web_url(settings)}")
    show = Show(script.incidents, DEMO_EPOCH_MS, script.ends_at_ms, as_json=script.as_json)
    return Performance(settings, script.deliveries(), script.speed, expected, show, checks)


def _conclude(script: Script, performance: Performance) -> None:
    findings = judge(script.incidents, performance.events, script.ends_at_ms)
    console = err() if script.as_json else out()
    console.print()
    console.print(findings_table(findings))
    numbers = {"event": performance.sent, "alert": len(performance.told), "injected incident": len(script.incidents)}
    console.print(f"{', '.join(counted(count, noun) for noun, count in numbers.items())}.")
    if misses := [finding.miss for finding in findings if finding.miss]:
        raise wrong(f"Not as it should be: {'; '.join(misses)}.")
