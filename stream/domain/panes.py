"""Pane arithmetic: event time is cut into fixed, half-open slices called panes.

Law: every instant lies in exactly one pane, and every window is a whole number of panes. All times are integer
milliseconds since the Unix epoch, so nothing here rounds.
"""

HOUR_MS = 3_600_000


def pane_start(at_ms: int, pane_ms: int) -> int:
    """Return the start of the pane that holds an instant, in epoch milliseconds."""
    return at_ms - at_ms % pane_ms


def pane_end(at_ms: int, pane_ms: int) -> int:
    """Return the end (exclusive) of the pane that holds an instant, in epoch milliseconds."""
    return pane_start(at_ms, pane_ms) + pane_ms


def next_boundary(at_ms: int, pane_ms: int) -> int:
    """Return the first pane boundary at or after an instant, in epoch milliseconds."""
    return -(-at_ms // pane_ms) * pane_ms
