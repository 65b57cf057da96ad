"""What a request asks for, checked.

Law: a parameter that does not fit is a 400 with a sentence that says what would.
"""

from collections.abc import Mapping
from http import HTTPStatus

from stream.domain.duration import format_duration, parse_duration
from stream.web.problems import ProblemError

MOST_POINTS = 2_000
STATES = frozenset({"firing", "pending", "resolved"})


def _bad(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, detail)


def read_span(query: Mapping[str, str], name: str, default: str, pane_ms: int, longest_ms: int) -> int:
    """Return a duration in milliseconds, a whole number of panes no longer than is kept."""
    text = query.get(name, default)
    try:
        span_ms = parse_duration(text)
    except ValueError as error:
        raise _bad(f"{name}: {error}") from None
    if not 0 < span_ms <= longest_ms or span_ms % pane_ms:
        pane, longest = format_duration(pane_ms), format_duration(longest_ms)
        raise _bad(f"{name} must be a multiple of the pane, {pane}, and at most {longest}, which is kept; got {text}")
    return span_ms


def check_points(span_ms: int, step_ms: int) -> None:
    """Refuse a series that does not come out even or has too many points."""
    if span_ms % step_ms:
        raise _bad(f"span must be a multiple of step; got {format_duration(span_ms)} by {format_duration(step_ms)}")
    if span_ms // step_ms > MOST_POINTS:
        raise _bad(f"at most {MOST_POINTS} points are given: take a longer step or a shorter span")


def read_states(query: Mapping[str, str]) -> frozenset[str]:
    """Return the alert states asked for, all of them by default."""
    asked = frozenset(query["state"].split(",")) if "state" in query else STATES
    if not asked <= STATES:
        raise _bad(f"state must be one of {', '.join(sorted(STATES))}, or several with commas between")
    return asked
