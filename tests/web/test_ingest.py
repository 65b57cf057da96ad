"""How what comes in fares: counted since the start and of late, by reason and never by what a sender made up."""

from typing import Any, cast

from stream.meters import Meters
from stream.pipeline import Pipeline
from stream.web.ingest import Ingest, less, read_counts


class FakePipeline:
    """As much of a pipeline as has counts."""

    def __init__(self) -> None:
        self.counting = self
        self.meters = Meters()


def watched() -> tuple[Ingest, Meters]:
    fake = FakePipeline()
    return Ingest(cast("Pipeline", fake)), fake.meters


def test_everything_is_there_at_zero_from_the_start() -> None:
    counts = watched()[0].counts()
    assert (counts["read"], counts["rejected"], counts["recent"]["late"]) == (0, {}, 0)


def test_what_was_counted_before_the_last_minutes_is_not_recent() -> None:
    ingest, meters = watched()
    meters.add({"read": 5, "rejected:empty": 1})
    ingest.look()
    meters.add({"read": 2, "rejected:not_json": 3})
    counts = ingest.counts()
    assert (counts["read"], counts["recent"]["read"]) == (7, 2)
    assert (counts["rejected"], counts["recent"]["rejected"]) == ({"empty": 1, "not_json": 3}, {"not_json": 3})


def test_types_that_senders_made_up_are_counted_together() -> None:
    meters = Meters()
    meters.add({"ignored:other_type:meeting.started": 2, "ignored:other_type:<b>": 1, "ignored:ping:": 1})
    assert read_counts(meters)["ignored"] == {"other_type": 3, "ping": 1}


def test_nothing_less_nothing_is_nothing() -> None:
    counts: dict[str, Any] = read_counts(Meters())
    assert less(counts, {}) == counts
