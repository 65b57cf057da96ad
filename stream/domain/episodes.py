"""Episodes: an alert from its firing to its resolving, and how they hold up against incidents that are known.

Law: pure. An episode belongs to an incident if it begins while that lasts, or within `BELONGS_WITHIN_MS` after it,
since a window holds what has just happened; one that begins at any other time is a false alarm. An incident is found
by the first alert that fires during it, also by one that fired before it; that one's delay is nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from statistics import median
from typing import NamedTuple

from schemas.alert import AlertEvent, AlertKind

BELONGS_WITHIN_MS = 5 * 60_000

FLAPS_WITHIN_MS = 15 * 60_000
"""An alert that fires again so soon after it resolved has told people twice of one thing."""


class Incident(NamedTuple):
    """What really happened to the presets that match a glob, from start up to end, in epoch milliseconds."""

    preset: str
    starts_at_ms: int
    ends_at_ms: int
    name: str = ""

    def overlaps(self, span: tuple[int, int]) -> bool:
        """Tell whether any of it lies in a stretch of time."""
        return self.starts_at_ms < span[1] and self.ends_at_ms > span[0]


class Episode(NamedTuple):
    """One alert, in epoch milliseconds; one that still fires ends with the log."""

    rule: str
    severity: str
    preset: str
    fired_at_ms: int
    ends_at_ms: int
    resolve_reason: str | None = None
    threshold: float | None = None
    summary: str = ""
    group: str = ""
    """The reason that it is about, if the rule has an alert for each."""

    @property
    def lasted_ms(self) -> int:
        """How long it fired."""
        return self.ends_at_ms - self.fired_at_ms

    def belongs_to(self, incident: Incident) -> bool:
        """Tell whether it began because of an incident, for all that can be said."""
        is_near = incident.starts_at_ms <= self.fired_at_ms < incident.ends_at_ms + BELONGS_WITHIN_MS
        return is_near and fnmatchcase(self.preset, incident.preset)

    def finds(self, incident: Incident) -> bool:
        """Tell whether whoever is told of it knows of an incident."""
        lasts_into = self.fired_at_ms < incident.starts_at_ms < self.ends_at_ms
        return self.belongs_to(incident) or (lasts_into and fnmatchcase(self.preset, incident.preset))


@dataclass(frozen=True, slots=True)
class Score:
    """What the episodes of a rule, or of a whole rules file, come to. Without incidents nothing is found or false."""

    episodes: int
    firing_ms: int
    flaps: int
    delays_ms: tuple[int | None, ...]
    """For each incident, from its start to the first alert; None if there was none."""
    false_alarms: int

    @property
    def found(self) -> int:
        """How many incidents were found."""
        return len(self.known_delays_ms)

    @property
    def known_delays_ms(self) -> list[int]:
        """The delays of the incidents that were found."""
        return [delay for delay in self.delays_ms if delay is not None]

    @property
    def median_delay_ms(self) -> int | None:
        """The median of these delays."""
        return round(median(self.known_delays_ms)) if self.found else None

    @property
    def worst_delay_ms(self) -> int | None:
        """The longest of these delays."""
        return max(self.known_delays_ms, default=None)


def episodes_of(events: Iterable[AlertEvent], ends_at_ms: int) -> list[Episode]:
    """Return the episodes that alert events tell of, by the time they fired; the log ends at an instant."""
    found: dict[str, Episode] = {}
    for event in events:
        if event.kind is AlertKind.FIRED:
            found[event.episode] = _fired(event, ends_at_ms)
        elif event.episode in found:
            reason = None if event.resolve_reason is None else event.resolve_reason.value
            found[event.episode] = found[event.episode]._replace(ends_at_ms=event.at, resolve_reason=reason)
    return sorted(found.values(), key=lambda one: (one.fired_at_ms, one.preset, one.rule, one.group))


def _fired(event: AlertEvent, ends_at_ms: int) -> Episode:
    summary, group = event.annotations.get("summary", ""), "/".join(event.group.values())
    ends_at_ms = max(ends_at_ms, event.at)
    return Episode(
        event.rule, event.severity, event.preset, event.at, ends_at_ms, None, event.threshold, summary, group
    )


def score(episodes: Sequence[Episode], incidents: Sequence[Incident]) -> Score:
    """Return what episodes come to."""
    return Score(
        len(episodes),
        sum(one.lasted_ms for one in episodes),
        count_flaps(episodes),
        tuple(delay_of(incident, episodes) for incident in incidents),
        sum(is_false(one, incidents) for one in episodes) if incidents else 0,
    )


def is_false(episode: Episode, incidents: Iterable[Incident]) -> bool:
    """Tell whether an episode belongs to none of the incidents."""
    return not any(episode.belongs_to(incident) for incident in incidents)


def delay_of(incident: Incident, episodes: Iterable[Episode]) -> int | None:
    """Return the time from an incident's start to the first alert that finds it, None if none does."""
    fired = (one.fired_at_ms for one in episodes if one.finds(incident))
    first_ms = min(fired, default=None)
    return None if first_ms is None else max(0, first_ms - incident.starts_at_ms)


def count_flaps(episodes: Iterable[Episode]) -> int:
    """Return how often an alert fired again, for the same preset and group, soon after it had resolved."""
    ended: dict[tuple[str, str, str], int] = {}
    flaps = 0
    for one in sorted(episodes, key=lambda each: each.fired_at_ms):
        before_ms = ended.get((one.rule, one.preset, one.group))
        flaps += before_ms is not None and one.fired_at_ms - before_ms <= FLAPS_WITHIN_MS
        ended[one.rule, one.preset, one.group] = one.ends_at_ms
    return flaps
