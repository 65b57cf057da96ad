"""How each kind of channel is told: a program at once, an Alertmanager again and again, people seldom.

Law: pure, as `lane.py`. A program is sent each transition, those of one alert in order; one that it does not take lets
others pass. An Alertmanager is always sent everything that fires. People get one message for all that happens within
a route's group window, and are reminded of what still fires.
"""

from collections.abc import Hashable, Iterable

from schemas.alert import AlertEvent, AlertKind
from stream.domain.duration import parse_duration
from stream.notify.lane import Lane
from stream.notify.news import Delivery, Fate, Item, Receipt, Subject, subject_of
from stream.notify.plan import AlertmanagerChannel, AppriseChannel, Channel, Plan, Route

RESENT_FOR_MS = parse_duration("15m")
"""An Alertmanager that restarts before it has told of a recovery must hear of it again; Prometheus does it as long."""

EARLY_PART = 10
"""A reminder may come a tenth of its interval early, so that several go into one message."""


class ProgramLane(Lane):
    """Each transition once."""

    def _key(self, event: AlertEvent) -> Hashable:
        return event.id

    def _due_at(self) -> int | None:
        return min((item.arrived_at for item in self.waiting.values()), default=None)

    def _choose(self, now: int) -> Delivery:
        heads: dict[Subject, Item] = {}
        for item in self.waiting.values():
            heads.setdefault(subject_of(item.event), item)
        chosen = min(heads.values(), key=lambda item: item.tries)
        return Delivery((), silent=(chosen,)) if self._is_stale(chosen, now) else Delivery((chosen,))


class AlertmanagerLane(Lane):
    """Everything that fires, with every refresh."""

    def __init__(self, channel: AlertmanagerChannel, plan: Plan, told: Iterable[Receipt] = ()) -> None:
        super().__init__(channel, plan, told)
        self.refresh_ms = channel.refresh_ms
        self.sent_at = 0

    def _key(self, event: AlertEvent) -> Hashable:
        return subject_of(event)

    def _due_at(self) -> int | None:
        if self.waiting:
            return 0
        return self.sent_at + self.refresh_ms if self.told else None

    def _choose(self, now: int) -> Delivery:
        silent = tuple(item for item in self.waiting.values() if self._is_stale(item, now))
        news = tuple(item for item in self.waiting.values() if item not in silent)
        updated = {subject_of(item.event) for item in news}
        again = tuple(each for subject, each in self.told.items() if subject not in updated and _is_resent(each, now))
        self.sent_at = now
        return Delivery(news, again, silent)


def _is_resent(receipt: Receipt, now: int) -> bool:
    return receipt.is_firing or (receipt.fate is not Fate.PASSED_OVER and now - receipt.told_at < RESENT_FOR_MS)


class PeopleLane(Lane):
    """One message for what belongs together."""

    def _key(self, event: AlertEvent) -> Hashable:
        return subject_of(event)

    def _due_at(self) -> int | None:
        return min((due_at for due_at, _ in self._due()), default=None)

    def _due(self) -> list[tuple[int, Route]]:
        news = [(item.route.due_at(item.arrived_at), item.route) for item in self.waiting.values()]
        return news + [(due_at, route) for due_at, route, _ in self._repeats()]

    def _repeats(self) -> list[tuple[int, Route, Receipt]]:
        found = []
        for receipt in self.firing():
            route = self.plan.route_to(self.channel.name, receipt.event)
            if route and route.repeat_ms and not route.digest_ms and subject_of(receipt.event) not in self.waiting:
                found.append((receipt.told_at + route.repeat_ms, route, receipt))
        return found

    def _choose(self, now: int) -> Delivery:
        due_at, route = min(self._due(), key=lambda due: due[0])
        until = due_at if route.digest_ms else None  # a digest ends when it is due; else whatever is there goes along
        items = [item for item in self.waiting.values() if item.route == route]
        items = [item for item in items if until is None or route.due_at(item.arrived_at) <= until]
        soon = now + route.repeat_ms // EARLY_PART
        again = tuple(receipt for at, its_route, receipt in self._repeats() if its_route == route and at <= soon)
        silent = tuple(item for item in items if self._is_unsaid(item, now))
        news = tuple(item for item in items if item not in silent)
        return Delivery(news, again, silent, route, due_at)

    def _is_unsaid(self, item: Item, now: int) -> bool:
        if self._is_stale(item, now):
            return True
        is_only_resolved = item.event.kind is AlertKind.RESOLVED and not item.times
        return is_only_resolved and not (item.route.resolved and self._was_told(item))

    def receipts_of(self, delivery: Delivery, now: int) -> list[Receipt]:
        """Return the receipts for a delivery; what was told again counts from now on."""
        return [Receipt(each.event, now) for each in delivery.again] + super().receipts_of(delivery, now)


def open_lane(channel: Channel, plan: Plan, told: Iterable[Receipt] = ()) -> Lane:
    """Return the state of a channel that has been told so much."""
    if isinstance(channel, AlertmanagerChannel):
        return AlertmanagerLane(channel, plan, told)
    return (PeopleLane if isinstance(channel, AppriseChannel) else ProgramLane)(channel, plan, told)
