"""A replay that also counts what became of the records, and the summary of it.

Law: every record is counted as a job, a repetition, something else that is ignored, or a rejected line; nothing is
dropped without a number.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from stream.cli.lines import Chunked, read_some
from stream.cli.output import Tell
from stream.domain.causes import Causes
from stream.domain.placing import Log
from stream.domain.records import Run
from stream.domain.replay import Replay
from stream.domain.rules import RuleSet
from stream.domain.sources import Batch
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings


@dataclass
class Metered(Replay):
    """A replay with meters, by the names that workers use."""

    meters: Counter[str] = field(default_factory=Counter)

    @classmethod
    def under(cls, settings: Settings, rules: RuleSet, partitions: int | None = None) -> Self:
        """Return the replay of a log of so many partitions, by default as many as a new topic gets."""
        causes = Causes(rules.reasons)
        sources = partitions or settings.partitions
        return cls(counting_policy(settings, rules), deciding_policy(settings, rules, causes, sources), causes)

    def _note(self, batch: Batch) -> None:
        self.meters.update(batch.meters)


def read_runs(bodies: Chunked, partitions: int, tell: Tell) -> Iterator[list[tuple[int, Run]]]:
    """Yield the records that a file's lines would be on a topic of so many partitions, by partition, some at once."""
    log = Log(partitions)
    for values, read_bytes in read_some(bodies):
        yield list(log.append(values))
        tell(read_bytes, f"{sum(log.ends):,} records")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay came to, in numbers."""

    meters: Counter[str]
    alerts: Counter[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers for a program."""
        return {
            "jobs": self.meters["counted"],
            "duplicates": self.meters["duplicates"],
            "conflicts": self.meters["conflicts"],
            "late": self.meters["late"],
            "expired": self.meters["expired"],
            "ignored": self._by_reason("ignored"),
            "rejected": self._by_reason("rejected"),
            "fired": self.alerts["fired"],
            "resolved": self.alerts["resolved"],
        }

    def as_text(self) -> str:
        """Return one or two sentences for a person."""
        numbers = self.as_dict()
        alerts = f"{numbers['fired']:,} alerts fired, {numbers['resolved']:,} resolved"
        return f"{records_text(numbers)}; {alerts}."

    def _by_reason(self, outcome: str) -> dict[str, int]:
        # A meter's name is the outcome, its reason and, for some, an event type.
        counts: Counter[str] = Counter()
        for meter, count in self.meters.items():
            name, _, rest = meter.partition(":")
            if name == outcome:
                counts[rest.partition(":")[0]] += count
        return dict(counts.most_common())


def records_text(numbers: Mapping[str, Any]) -> str:
    """Return what became of the records, without a full stop."""
    rejected, ignored = numbers["rejected"], numbers["ignored"]
    counted = f"{numbers['jobs']:,} jobs counted, {numbers['duplicates']:,} repetitions dropped"
    others = f"{sum(ignored.values()):,} other records ignored, {sum(rejected.values()):,} rejected"
    why = ", ".join(f"{reason} {count:,}" for reason, count in rejected.items())
    return f"{counted}, {others}{f' ({why})' if why else ''}"
