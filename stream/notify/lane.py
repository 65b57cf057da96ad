"""What one channel has yet to be told, has been told, and when it is told next.

Law: pure; time is passed in, as epoch milliseconds. What waits keeps its place in the log until it has been told or
buried, so `floor` never passes over it. News of a subject comes in the order of the log, and what the channel
knows is dropped: an older episode, or an earlier or the same transition. At most `MOST_WAITING` wait; beyond that the
oldest are buried.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from schemas.alert import AlertEvent, AlertKind
from stream.notify.news import Buried, Delivery, Fate, Item, Place, Receipt, order_of, subject_of
from stream.notify.plan import Channel, Plan

MOST_WAITING = 10_000
FIRST_WAIT_MS = 1_000
LONGEST_WAIT_MS = 60_000


class Lane(ABC):
    """The state of one channel."""

    def __init__(self, channel: Channel, plan: Plan, told: Iterable[Receipt] = ()) -> None:
        self.channel = channel
        self.plan = plan
        self.told = {subject_of(receipt.event): receipt for receipt in told}
        self.waiting: dict[Hashable, Item] = {}
        self.in_flight: dict[Hashable, Item] = {}
        self.buried: list[Buried] = []
        self.failures = 0
        self.not_before = 0
        self._seen = {subject: order_of(receipt.event) for subject, receipt in self.told.items()}

    @abstractmethod
    def _key(self, event: AlertEvent) -> Hashable:
        """Return what news shares a place in the queue with."""

    @abstractmethod
    def _due_at(self) -> int | None:
        """Return when there is something to tell, failures apart."""

    @abstractmethod
    def _choose(self, now: int) -> Delivery:
        """Compose what is due."""

    def add(self, event: AlertEvent, place: Place | None, arrived_at: int, now: int) -> None:
        """Take in a transition that arrived on the alerts topic, at a place in it, at some instant."""
        route = self.plan.route_to(self.channel.name, event)
        if route is None or self._knows(event):
            return
        self._seen[subject_of(event)] = order_of(event)
        self._put(self._key(event), Item(event, event, route, place, arrived_at, int(event.kind is AlertKind.FIRED)))
        if len(self.waiting) > MOST_WAITING:
            self._make_room(now)

    def _make_room(self, now: int) -> None:
        # A tenth at a time, because looking at all that waits for each alert of a storm would stop everything else.
        self.waiting = {key: item for key, item in self.waiting.items() if not self._is_stale(item, now)}
        excess = max(0, len(self.waiting) - MOST_WAITING * 9 // 10)
        oldest = [self.waiting.pop(key) for key in list(self.waiting)[:excess]]
        self.buried += [Buried(item, f"more than {MOST_WAITING} messages waited for this channel") for item in oldest]

    def _knows(self, event: AlertEvent) -> bool:
        seen = self._seen.get(subject_of(event))
        return seen is not None and order_of(event) <= seen

    def _put(self, key: Hashable, item: Item) -> None:
        before = self.waiting.get(key)
        self.waiting[key] = before.followed_by(item) if before else item

    def due_at(self) -> int | None:
        """Return when to ask for a delivery, or None for not before there is news."""
        due_at = self._due_at()
        return None if due_at is None else max(due_at, self.not_before)

    def take(self, now: int) -> Delivery | None:
        """Return what is to be sent now; it must come back as delivered or failed before the next is taken."""
        due_at = self.due_at()
        if due_at is None or due_at > now:
            return None
        chosen = self._choose(now)
        taken = {id(item) for item in (*chosen.news, *chosen.silent)}
        self.in_flight = {key: item for key, item in self.waiting.items() if id(item) in taken}
        self.waiting = {key: item for key, item in self.waiting.items() if id(item) not in taken}
        return chosen

    def receipts_of(self, delivery: Delivery, now: int) -> list[Receipt]:
        """Return the receipts for a delivery that was taken, to be stored before it is noted as delivered."""
        passed_over = [Receipt(item.event, now, Fate.PASSED_OVER) for item in delivery.silent]
        return passed_over + [Receipt(item.event, now) for item in delivery.news]

    def delivered(self, receipts: Iterable[Receipt]) -> None:
        """Note that a channel has taken a delivery, and that its receipts are stored."""
        self.in_flight, self.failures, self.not_before = {}, 0, 0
        self._note(receipts)

    def failed(self, why: str, now: int, *, is_final: bool = False, wait_ms: int = 0) -> None:
        """Note that a delivery was not taken, for good or for now; wait at least `wait_ms` with the next."""
        held, self.in_flight = self.in_flight, {}
        later, self.waiting = self.waiting, {}
        for key, item in held.items():
            tried = replace(item, tries=item.tries + 1, tried_at=now if item.tried_at is None else item.tried_at)
            if is_final or now - (tried.tried_at or now) >= self.channel.give_up_after_ms:
                self.buried.append(Buried(tried, why))
            else:
                self.waiting[key] = tried
        for key, item in later.items():
            self._put(key, item)
        self.failures += 1
        self.not_before = now + (max(wait_ms, _wait_ms(self.failures)) if not is_final else wait_ms)

    def mourn(self, buried: Sequence[Buried], receipts: Iterable[Receipt]) -> None:
        """Note that the first of the buried stand among the dead letters, and that their receipts are stored."""
        del self.buried[: len(buried)]
        self._note(receipts)

    def _note(self, receipts: Iterable[Receipt]) -> None:
        for receipt in receipts:
            known = self.told.get(subject_of(receipt.event))
            if known is None or order_of(known.event) <= order_of(receipt.event):
                self.told[subject_of(receipt.event)] = receipt

    def floor(self) -> dict[int, int]:
        """Return, for partitions with something untold, the first offset of it."""
        untold = chain(self.waiting.values(), self.in_flight.values(), (buried.item for buried in self.buried))
        places = [item.place for item in untold if item.place]
        return {place.partition: place.offset for place in sorted(places, reverse=True)}

    def _was_told(self, item: Item) -> bool:
        """Tell whether the channel has heard, or should have, of the episode that news is about."""
        told = self.told.get(subject_of(item.event))
        return told is not None and told.event.episode == item.event.episode and told.fate is not Fate.PASSED_OVER

    def _is_stale(self, item: Item, now: int) -> bool:
        over = item.event.kind is AlertKind.RESOLVED or self._seen[subject_of(item.event)] > order_of(item.event)
        return over and not self._was_told(item) and now - item.event.at > self.plan.stale_after_ms

    def firing(self) -> Iterator[Receipt]:
        """Yield what the channel was told of that still fires, as far as is known."""
        return (each for each in self.told.values() if each.is_firing)


def _wait_ms(failures: int) -> int:
    return min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(failures - 1, 16))
