"""The moments at which a worker can be hit, by name, and how one is told to be.

Whoever wants a worker to die or to stop at a moment writes a trigger into the worker's file; the worker acts on itself
when it gets there, which no outsider could time.
"""

import json
import os
import signal
from pathlib import Path
from typing import NamedTuple

SENT = ("rejected", "forwarded", "tallies", "journal", "alerts", "blocks", "presets", "clock", "claims")
"""What workers write, in their order; `claims` are written at the start of a recovery."""

MOMENTS = (
    *(f"{when} {what}" for what in (*SENT, "commit") for when in ("before", "after")),
    "at revoke",
    "at resume",
)


RAISE = 0
"""Instead of a signal: a defect in the worker's own code."""


class Trigger(NamedTuple):
    """What is to happen to a worker, and when."""

    moment: str
    signal: int


def arm(file: Path, trigger: Trigger) -> None:
    """Have the worker that watches this file hit itself, once."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(trigger))
    fresh.replace(file)


def reach(file: Path, moment: str) -> None:
    """Say that a moment has come; does not return if it is the one to die at."""
    try:
        trigger = Trigger(*json.loads(file.read_text()))
    except FileNotFoundError:
        return
    if trigger.moment == moment:
        file.unlink(missing_ok=True)
        if trigger.signal == RAISE:
            raise RuntimeError(f"a defect {moment}")
        os.kill(os.getpid(), signal.Signals(trigger.signal))
