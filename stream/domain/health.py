"""Whether a worker makes progress, judged by what it says of itself again and again.

Law: pure. What should move and has stood still for too long is a fault, named with how long and what to do; what only
waits for work never is one. A fault that a restart may mend is told apart from one that it cannot.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

STANDSTILL_SECONDS = 30.0
"""Well over any pause of a sound worker, and well under the minute within which a fault must be told."""

RECOVERY_SECONDS = 45.0
"""Ten million remembered jobs are recovered in less."""

REJECTED_SHARE = 0.5
REJECTED_OF = 100
REJECTED_SECONDS = 300.0
"""Half of at least so many records, within so long: no webhook sends that, so something else writes to the topic."""


class Name(StrEnum):
    """What can be wrong with a worker."""

    AGENT = "agent"
    CONSUMER = "consumer"
    RECOVERY = "recovery"
    BROKER = "broker"
    WATERMARK = "watermark"
    REJECTED = "rejected"
    RULES = "rules"

    @property
    def may_be_mended_by_a_restart(self) -> bool:
        """Tell whether whoever supervises the worker should start another."""
        return self in (Name.AGENT, Name.CONSUMER, Name.RECOVERY)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong now."""

    name: Name
    detail: str

    def as_dict(self) -> dict[str, str]:
        """Return the fault for a program."""
        return {"name": self.name, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a worker says of itself at a moment; partitions by their names, topics with partition."""

    at: float
    """In seconds by any clock that never goes back."""
    is_ready: bool
    broker_answered_at: float
    ends: Mapping[str, int] = field(default_factory=dict)
    positions: Mapping[str, int] = field(default_factory=dict)
    chunks_waiting: Mapping[str, int] = field(default_factory=dict)
    """By topic: how much the agents have been handed and not finished, by what is worked on together."""
    chunks_done: Mapping[str, int] = field(default_factory=dict)
    clocks_ms: Mapping[str, int | None] = field(default_factory=dict)
    """By partition, the time that every source partition has reached."""
    clock_stands_seconds: float = STANDSTILL_SECONDS
    """How long a clock may stand, idle time and the length of a pane taken into account."""
    read: int = 0
    rejected: int = 0
    rules_refused: str = ""
    """What is wrong with the rules file, if that is why it is not in force."""


@dataclass(slots=True)
class _Stillness:
    """For how long each of some things has been what it is; what is not asked for in a round is forgotten."""

    before: dict[tuple[Name, str], tuple[object, float]] = field(default_factory=dict)
    now: dict[tuple[Name, str], tuple[object, float]] = field(default_factory=dict)

    def begin(self) -> None:
        """Begin a round."""
        self.before, self.now = self.now, {}

    def seconds(self, name: Name, what: str, value: object, at: float) -> float:
        """Note what something is, and return for how long it has been that."""
        was, since = self.before.get((name, what), (value, at))
        since = since if was == value else at
        self.now[name, what] = (value, since)
        return at - since


@dataclass(slots=True)
class Watch:
    """Watches one worker."""

    _still: _Stillness = field(default_factory=_Stillness)
    _rejections: deque[tuple[float, int, int]] = field(default_factory=deque)
    """When, and how many records had been read and rejected by then."""

    def look(self, now: Vitals) -> list[Fault]:
        """Return what is wrong; to be called every few seconds."""
        self._still.begin()
        looks = [self._recovery, self._broker, self._rejected, self._rules]
        # Nothing need move in a worker that is not ready, and nothing can without a broker.
        if now.is_ready and not list(self._broker(now)):
            looks += [self._consumer, self._agent, self._watermark]
        return [fault for look in looks for fault in look(now)]

    def _recovery(self, now: Vitals) -> Iterator[Fault]:
        still = self._still.seconds(Name.RECOVERY, "", now.is_ready, now.at)
        if not now.is_ready and still >= RECOVERY_SECONDS:
            yield Fault(Name.RECOVERY, f"Joining or recovering for {still:.0f} s: the log says on what it waits.")

    def _broker(self, now: Vitals) -> Iterator[Fault]:
        silent = now.at - now.broker_answered_at
        if silent >= STANDSTILL_SECONDS:
            yield Fault(
                Name.BROKER, f"Kafka has not answered for {silent:.0f} s: see whether it runs and is reachable."
            )

    def _consumer(self, now: Vitals) -> Iterator[Fault]:
        for place, position in now.positions.items():
            behind = now.ends.get(place, position) - position
            topic = place.partition("[")[0]
            is_waiting = behind > 0 and not now.chunks_waiting.get(topic)
            still = self._still.seconds(Name.CONSUMER, place, position if is_waiting else now.at, now.at)
            if still >= STANDSTILL_SECONDS:
                yield Fault(Name.CONSUMER, f"Nothing of {place} was read for {still:.0f} s; {behind:,} records wait.")

    def _agent(self, now: Vitals) -> Iterator[Fault]:
        for topic, waiting in now.chunks_waiting.items():
            done = now.chunks_done.get(topic, 0)
            still = self._still.seconds(Name.AGENT, topic, done if waiting else now.at, now.at)
            if still >= STANDSTILL_SECONDS:
                yield Fault(Name.AGENT, f"The agent of {topic} has been at the same chunk for {still:.0f} s.")

    def _watermark(self, now: Vitals) -> Iterator[Fault]:
        for place, clock_ms in now.clocks_ms.items():
            still = self._still.seconds(Name.WATERMARK, place, clock_ms, now.at)
            if still >= now.clock_stands_seconds:
                yield Fault(
                    Name.WATERMARK,
                    f"Time has stood still for {place} for {still:.0f} s, so nothing is decided: "
                    "a partition of the events topic has no worker, or its worker cannot write.",
                )

    def _rejected(self, now: Vitals) -> Iterator[Fault]:
        self._rejections.append((now.at, now.read, now.rejected))
        while now.at - self._rejections[0][0] > REJECTED_SECONDS:
            self._rejections.popleft()
        _, read, rejected = self._rejections[0]
        read, rejected = now.read - read, now.rejected - rejected
        if read >= REJECTED_OF and rejected >= REJECTED_SHARE * read:
            yield Fault(
                Name.REJECTED,
                f"{rejected:,} of the last {read:,} records were rejected: see the headers on the rejected topic, "
                "and find who writes to the events topic.",
            )

    def _rules(self, now: Vitals) -> Iterator[Fault]:
        if now.rules_refused:
            yield Fault(
                Name.RULES, f"The rules file was refused, and the rules before it are in force: {now.rules_refused}."
            )
