"""From settings and rules to what the domain is told.

Law: the running worker and a replay get their policies here, so they cannot disagree.
"""

from stream.domain.causes import Causes
from stream.domain.panes import HOUR_MS, next_boundary
from stream.domain.rules import RuleSet
from stream.domain.sources import CountingPolicy
from stream.domain.watching import DecidingPolicy
from stream.settings import Settings


def retention_ms(settings: Settings, rules: RuleSet) -> int:
    """Return how long panes are kept, in milliseconds: past the longest window, and never less than a day or so."""
    return next_boundary(max(rules.longest_window_ms, settings.dedupe_horizon), HOUR_MS) + HOUR_MS


def counting_policy(settings: Settings, rules: RuleSet) -> CountingPolicy:
    """Return what the counting stage is told."""
    return CountingPolicy(
        pane_ms=settings.pane,
        lateness_ms=settings.allowed_lateness,
        horizon_ms=settings.dedupe_horizon,
        retention_ms=retention_ms(settings, rules),
        max_presets=settings.max_presets,
        errors_kept=max(1, rules.max_consecutive),
    )


def deciding_policy(settings: Settings, rules: RuleSet, causes: Causes, sources: int) -> DecidingPolicy:
    """Return what the deciding stage is told; `sources` is the events topic's partition count."""
    return DecidingPolicy(rules, causes.party_of, sources, settings.pane, retention_ms(settings, rules))
