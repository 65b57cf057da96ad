"""A back-test's numbers as people read them, in the terminal and on the page.

Law: both show the same cells; without labelled incidents nothing is said of what was found, missed or false.
"""

from collections.abc import Iterator

from schemas.times import format_time
from stream.domain.duration import format_duration
from stream.domain.episodes import Incident, Score
from stream.domain.outcome import Outcome

NONE = "-"
INCIDENT_HEADINGS = ("incident", "preset", "began", "lasted")


def lasting(ms: int | None) -> str:
    """Return a duration to the second, a dash where there is none."""
    return NONE if ms is None else format_duration(ms // 1000 * 1000)


def score_headings(outcome: Outcome) -> list[str]:
    """Return the headings over a rules file, a rule and its score."""
    judged = ("found", "median delay", "worst delay", "false alarms") if outcome.incidents else ()
    return ["rules", "rule", "episodes", "time firing", *judged, "flaps"]


def score_cells(outcome: Outcome, score: Score) -> Iterator[str]:
    """Yield a score's cells, in the order of the headings."""
    yield f"{score.episodes:,}"
    yield lasting(score.firing_ms)
    if outcome.incidents:
        yield f"{score.found} of {len(outcome.incidents)}"
        yield lasting(score.median_delay_ms)
        yield lasting(score.worst_delay_ms)
        yield f"{score.false_alarms:,}"
    yield f"{score.flaps:,}"


def incident_cells(one: Incident) -> tuple[str, str, str, str]:
    """Return what is known of an incident: name, preset, when it began and how long it lasted."""
    began = format_time(one.starts_at_ms // 1000 * 1000)
    return one.name or NONE, one.preset, began, lasting(one.ends_at_ms - one.starts_at_ms)
