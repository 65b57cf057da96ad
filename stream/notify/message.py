"""The words that people read at three in the morning: what, since when, how bad, why, what to do, and where to look.

Law: pure, and plain text. The first line is enough to decide whether to get up. A message is of bounded length however
much goes wrong: details for one alert, a line each for many, a count for the rest.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from schemas.alert import AlertEvent, AlertKind, RuleKind
from stream.domain.advice import say
from stream.domain.evidence import WHOLE_TOPIC
from stream.domain.readable import one_line, readable
from stream.notify.news import Delivery, Item
from stream.notify.words import ago, clock, ending, how_bad, named, what

MOST_LINES = 20
MOST_NAMES = 3
MOST_TITLE = 150
MOST_NAME_IN_LINK = 100
_RANKS = {"critical": 0, "warning": 1, "info": 2}


class Tone(StrEnum):
    """How urgent a message is, in words that Apprise shares."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Message:
    """What a person gets."""

    title: str
    body: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class _Told:
    """A delivery sorted by what it says, the worst first."""

    fired: list[AlertEvent] = field(default_factory=list)
    still: list[AlertEvent] = field(default_factory=list)
    over: list[AlertEvent] = field(default_factory=list)

    @property
    def presets(self) -> set[str]:
        """What it is about."""
        return {event.preset for event in (*self.fired, *self.still, *self.over)}


def compose(delivery: Delivery, now: int, dashboard: str | None = None) -> Message:
    """Return the message of a delivery, written at some instant."""
    if delivery.route and delivery.route.digest_ms:
        return _digest(delivery, now, dashboard)
    told = _sort(delivery)
    body = [*_firing(told, now), *_over(told.over), *_link(dashboard, told.presets)]
    return Message(_cut(_title(told)), "\n".join(body), _tone(told))


def describe(event: AlertEvent) -> str:
    """Return why an alert fires and what to do, in a few lines that stay the same as long as it does."""
    return "\n".join([f"How bad: {how_bad(event)}", *_why_and_what_to_do([event])])


def _sort(delivery: Delivery) -> _Told:
    events = [item.event for item in delivery.news]
    fired = [event for event in events if event.kind is AlertKind.FIRED]
    over = [event for event in events if event.kind is AlertKind.RESOLVED]
    return _Told(sorted(fired, key=_rank), sorted((each.event for each in delivery.again), key=_rank), over)


def _rank(event: AlertEvent) -> tuple[int, float, str, str]:
    return _RANKS.get(event.severity, 3), -(event.error_rate or 1.0), event.preset, event.name


def _tone(told: _Told) -> Tone:
    firing = told.fired + told.still
    if not firing:
        return Tone.SUCCESS
    return Tone.FAILURE if any(event.severity == "critical" for event in firing) else Tone.WARNING


def _title(told: _Told) -> str:
    if told.fired:
        return f"[{told.fired[0].severity}] {_headline(told.fired)}"
    if told.still:
        return f"[{told.still[0].severity}] still: {_headline(told.still)}"
    return f"[resolved] {_headline(told.over)}"


def _headline(events: Sequence[AlertEvent]) -> str:
    if len(events) == 1:
        [event] = events
        return what(event) if event.kind is AlertKind.FIRED else f"{named(event)}: {event.name}"
    presets = list(dict.fromkeys(map(named, events)))
    if len(presets) == 1:
        return f"{presets[0]}: {', '.join(dict.fromkeys(event.name for event in events))}"
    more = f" and {len(presets) - MOST_NAMES} more" if len(presets) > MOST_NAMES else ""
    return f"{len(presets)} presets: {', '.join(presets[:MOST_NAMES])}{more}"


def _firing(told: _Told, now: int) -> Iterator[str]:
    firing = told.fired + told.still
    if len(firing) == 1:
        yield from _details(firing[0], now)
    elif firing:
        yield from _overview(told.fired, told.still, now)


def _details(event: AlertEvent, now: int) -> Iterator[str]:
    yield f"What: {what(event)}"
    yield f"Since: {clock(event.started_at)}{ago(event.started_at, now)}"
    yield f"How bad: {how_bad(event)}"
    yield from _why_and_what_to_do([event])
    yield f"Rule: {event.name} ({event.severity})"
    yield from _lines("Jobs to look at", [readable(job) for job in event.sample_jobs])


def _overview(fired: Sequence[AlertEvent], still: Sequence[AlertEvent], now: int) -> Iterator[str]:
    first = min(event.started_at for event in (*fired, *still))
    yield f"What: {len(fired) + len(still)} alerts are firing"
    yield f"Since: {clock(first)}{ago(first, now)}, the first of them"
    yield from _why_and_what_to_do([*fired, *still])
    yield from _section("New", fired)
    yield from _section("Still firing", still)


def _section(heading: str, events: Sequence[AlertEvent]) -> Iterator[str]:
    if events:
        yield f"{heading}:"
        yield from _some(f"- {named(event)}, {event.name} ({event.severity}): {how_bad(event)}" for event in events)


def _some(lines: Iterable[str]) -> Iterator[str]:
    every = list(lines)
    yield from every[:MOST_LINES]
    if len(every) > MOST_LINES:
        yield f"- and {len(every) - MOST_LINES} more"


def _why_and_what_to_do(events: Sequence[AlertEvent]) -> Iterator[str]:
    is_silence = all(event.rule_kind is RuleKind.SILENCE for event in events)
    said = say(_reasons(events), (party for event in events for party in event.parties), is_silence=is_silence)
    if said.why:
        yield f"Why: {said.why}"
    yield from _what_to_do(events, said.do)


def _reasons(events: Sequence[AlertEvent]) -> Counter[str]:
    """Add up reasons over presets; several rules about one preset have counted the same errors."""
    by_preset: dict[str, Counter[str]] = {}
    for event in events:
        by_preset[event.preset] = by_preset.get(event.preset, Counter()) | Counter(event.reasons)
    return sum(by_preset.values(), Counter())


def _what_to_do(events: Sequence[AlertEvent], advice: str) -> Iterator[str]:
    own = list(dict.fromkeys(filter(None, (one_line(event.annotations.get("description", "")) for event in events))))
    if own or advice:
        yield f"Do: {' '.join(own[:MOST_NAMES]) or advice}"
    runbooks = dict.fromkeys(filter(None, (event.annotations.get("runbook_url") for event in events)))
    yield from _lines("Runbook", list(runbooks)[:MOST_NAMES])


def _over(events: Sequence[AlertEvent]) -> Iterator[str]:
    if events:
        yield "Resolved:"
        yield from _some(f"- {named(event)}, {event.name}: {ending(event)}" for event in events)


def _link(dashboard: str | None, presets: Collection[str] = ()) -> Iterator[str]:
    if dashboard:
        yield f"Dashboard: {dashboard}{_choice(dashboard, presets)}"


def _choice(dashboard: str, presets: Collection[str]) -> str:
    """Return what makes the page open at the preset that a message is about, if it is about one."""
    name = next(iter(presets)) if len(presets) == 1 else WHOLE_TOPIC
    if name == WHOLE_TOPIC or len(name) > MOST_NAME_IN_LINK or "#" in dashboard:
        return ""
    return f"{'&' if '?' in dashboard else '?'}preset={quote(name, safe='', errors='replace')}"


def _lines(heading: str, values: Sequence[str]) -> Iterator[str]:
    if values:
        yield f"{heading}: {', '.join(values)}"


def _digest(delivery: Delivery, now: int, dashboard: str | None) -> Message:
    items = sorted(delivery.news, key=lambda item: (-item.times, _rank(item.event)))
    firing = sum(item.event.kind is AlertKind.FIRED for item in items)
    fired = sum(item.times for item in items)
    title = f"[digest] alerts fired {fired} {'time' if fired == 1 else 'times'}, {firing} still firing"
    until = clock(delivery.due_at)
    since = clock(delivery.due_at - ((delivery.route and delivery.route.digest_ms) or 0))
    body = [f"From {since} to {until}:", *_some(_summed_up(item, now) for item in items), *_link(dashboard)]
    return Message(title, "\n".join(body), Tone.INFO)


def _summed_up(item: Item, now: int) -> str:
    event = item.event
    often = f"fired {item.times} times" if item.times > 1 else "fired" if item.times else "resolved"
    is_firing = event.kind is AlertKind.FIRED
    state = f"firing since {clock(event.started_at)}{ago(event.started_at, now)}" if is_firing else ending(event)
    return f"- {named(event)}, {event.name} ({event.severity}): {often}; {state}"


def _cut(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= MOST_TITLE else f"{line[: MOST_TITLE - 3]}..."
