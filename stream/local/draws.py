"""The few ways demo traffic draws at random.

Law: only random() and getrandbits() of a seeded Random are used, whose sequences Python keeps the same from version to
version, and weights are integers, since 3.12 sums floats differently: the same seed gives the same bytes everywhere.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")
Weighted = Sequence[tuple[int, T]]


def seed_random(seed: int, purpose: str) -> Random:
    """Seed a source of its own for each purpose, so that a change to one kind of traffic leaves the rest as it was."""
    return Random(f"{purpose}:{seed}")  # noqa: S311 - a demo must be repeatable, not unpredictable


def pick(rng: Random, choices: Weighted[T]) -> T:
    """Pick one of the choices, by weight."""
    point = rng.random() * sum(weight for weight, _ in choices)
    for weight, choice in choices:
        point -= weight
        if point < 0:
            return choice
    return choices[-1][1]


def pick_any(rng: Random, choices: Sequence[T]) -> T:
    """Pick one of the choices, all equally likely."""
    return choices[int(rng.random() * len(choices))]


def draw_between(rng: Random, low: float, high: float) -> int:
    """Draw a whole number from low up to, not at, high."""
    return int(low + (high - low) * rng.random())


def draw_gap_ms(rng: Random, per_second: float) -> int:
    """Draw the time in milliseconds to the next of events that come at random, so many a second."""
    return int(-math.log(1.0 - rng.random()) / per_second * 1000)


def draw_id(rng: Random) -> str:
    """Draw a version 4 UUID."""
    return str(UUID(int=rng.getrandbits(128), version=4))
