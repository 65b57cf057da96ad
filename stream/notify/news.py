"""What is told: news that waits, the message that it becomes, and what is remembered of it.

Law: pure values. A subject has at most one alert at a time, so its transitions are ordered by episode and sequence.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from schemas.alert import AlertEvent, AlertKind
from stream.notify.plan import Route

Subject = tuple[str, ...]
"""Rule, preset and, if there is one, the group: what has at most one alert at a time."""


class Place(NamedTuple):
    """Where a record lies in the alerts topic."""

    partition: int
    offset: int


class Fate(StrEnum):
    """What became of a transition: a channel took it, it is a dead letter, or it was not worth telling."""

    TOLD = "told"
    UNDELIVERED = "undelivered"
    PASSED_OVER = "passed_over"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The newest transition of a subject that a channel is done with, and what became of it."""

    event: AlertEvent
    told_at: int
    fate: Fate = Fate.TOLD

    @property
    def is_firing(self) -> bool:
        """Whether it is an alert that still fires and that the channel should know of."""
        return self.event.kind is AlertKind.FIRED and self.fate is not Fate.PASSED_OVER


@dataclass(frozen=True, slots=True)
class Item:
    """News that waits: the newest transition, and the first of those it stands for.

    Without a place it is known from what other channels were told, not from the log.
    """

    event: AlertEvent
    first: AlertEvent
    route: Route
    place: Place | None
    arrived_at: int
    times: int = 1
    """How often the alert has fired meanwhile."""
    tries: int = 0
    tried_at: int | None = None

    def followed_by(self, later: "Item") -> "Item":
        """Return one item that stands for both."""
        place, times = self.place or later.place, self.times + later.times
        return replace(self, event=later.event, route=later.route, place=place, times=times)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message: what is new, and what is told again. Of what is silent only receipts are written."""

    news: tuple[Item, ...]
    again: tuple[Receipt, ...] = ()
    silent: tuple[Item, ...] = ()
    route: Route | None = None
    due_at: int = 0

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to say."""
        return not self.news and not self.again


@dataclass(frozen=True, slots=True)
class Buried:
    """News that is a dead letter, and why."""

    item: Item
    why: str


def subject_of(event: AlertEvent) -> Subject:
    """Return what an alert is about."""
    return event.rule, event.preset, *event.group.values()


def order_of(event: AlertEvent) -> tuple[int, int]:
    """Return what orders the transitions of a subject."""
    return event.started_at, event.sequence
