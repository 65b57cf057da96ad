"""From settings and rules to what the domain is told.

Law: the running worker and a replay get their policies here, so they cannot disagree.
"""

from collections.abc import Iterator

from stream.domain.causes import Causes
from stream.domain.duration import format_duration
from stream.domain.panes import HOUR_MS, next_boundary
from stream.domain.rules import RuleSet
from stream.domain.sources import CountingPolicy
from stream.domain.watching import DecidingPolicy
from stream.settings import Settings

LEAST_ERRORS_KEPT = 10
"""So many failures of a reason are remembered whatever rules ask for, so that most files need no restart."""


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
        errors_kept=max(LEAST_ERRORS_KEPT, rules.max_consecutive),
    )


def deciding_policy(settings: Settings, rules: RuleSet, causes: Causes, sources: int) -> DecidingPolicy:
    """Return what the deciding stage is told; `sources` is the events topic's partition count."""
    return DecidingPolicy(rules, causes.party_of, sources, settings.pane, retention_ms(settings, rules))


def needs_restart(had: CountingPolicy, wanted: CountingPolicy) -> Iterator[str]:
    """Say what counting would have to remember for other rules, and has not from its start on."""
    if wanted.errors_kept > had.errors_kept:
        yield (
            f"a rule asks for {wanted.errors_kept} errors in a row, and this worker has remembered {had.errors_kept} "
            "of each reason since its start: restart the workers to use this file"
        )
    if wanted.retention_ms > had.retention_ms:
        wanted_for, had_for = format_duration(wanted.retention_ms), format_duration(had.retention_ms)
        yield (
            f"its windows need jobs of the last {wanted_for}, and this worker has kept those of {had_for} since its "
            "start: restart the workers to use this file"
        )
