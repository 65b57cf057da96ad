"""Rules files on trial: what each of them makes of the same records.

Law: a file's alerts are those of a plain replay with that file alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from stream.cli.metered import Summary
from stream.domain.backtest import Backtest, Trial
from stream.domain.causes import Causes
from stream.domain.episodes import Incident
from stream.domain.outcome import Outcome, judge
from stream.domain.panes import HOUR_MS
from stream.domain.records import Run
from stream.domain.rules import RuleSet
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings

SHOWN_FROM = 10
"""A rule that saw less than its window for a tenth of the time or more is named."""


def longest_look(files: Mapping[Path, RuleSet]) -> int:
    """Return how far back any of the rules looks, an hour at least, as Daily resends for so long; in milliseconds."""
    return max(HOUR_MS, *(rule.looks_back_ms for rules in files.values() for rule in rules.with_variants), 0)


class Trials:
    """Rules files on trial."""

    def __init__(self, settings: Settings, files: Mapping[Path, RuleSet], partitions: int) -> None:
        self.files = files
        groups: dict[tuple[object, int], list[Path]] = {}
        for path, rules in files.items():
            # Jobs are counted apart for files that tell reasons apart, or remember panes, in other ways.
            counted = counting_policy(settings, rules)
            groups.setdefault((rules.reasons, counted.retention_ms), []).append(path)
        self._trials: dict[Path, Trial] = {}
        self.tests: list[Backtest] = []
        for paths in groups.values():
            test = _new_test(settings, [files[path] for path in paths], partitions)
            self._trials |= zip(paths, test.trials, strict=True)
            self.tests.append(test)

    def take(self, runs: Sequence[tuple[int, Run]]) -> None:
        """Take in runs of records, each of one partition."""
        for test in self.tests:
            list(test.take_runs(runs))

    def warm_up(self, runs: Sequence[tuple[int, Run]]) -> None:
        """Take in runs of records that only fill windows."""
        for test in self.tests:
            test.is_warming_up = True
            list(test.take_runs(runs))
            test.is_warming_up = False

    def finish(self, incidents: Sequence[Incident], since_ms: int = 0) -> Outcome:
        """Return what it all comes to from an instant on, once there are no more records.

        Incidents outside the time of the jobs are left out.
        """
        for test in self.tests:
            list(test.finish())
        test = self.tests[0]
        incidents = [one for one in incidents if one.overlaps(test.span)]
        verdicts = [
            judge(str(path), rules, self._trials[path].events, incidents, (since_ms, test.span[1]))
            for path, rules in self.files.items()
        ]
        records = Summary(test.meters, Counter()).as_dict()
        del records["fired"], records["resolved"]
        return Outcome(test.span, test.counting.pane_ms, test.panes, incidents, verdicts, records)

    @property
    def first_ms(self) -> int | None:
        """The start of the oldest pane with jobs, in epoch milliseconds."""
        return self.tests[0].first_ms

    def first_whole(self, since_ms: int) -> dict[str, int]:
        """Return by rule from when on it saw all it looks back on, if that is well after the beginning."""
        test = self.tests[0]
        if test.first_ms is None:
            return {}
        start_ms, end_ms = max(since_ms, test.span[0]), test.span[1]
        looks_back = {rule.name: rule.looks_back_ms for rules in self.files.values() for rule in rules.with_variants}
        whole = {name: test.first_ms + length_ms for name, length_ms in looks_back.items()}
        return {name: at_ms for name, at_ms in whole.items() if (at_ms - start_ms) * SHOWN_FROM > end_ms - start_ms}


def _new_test(settings: Settings, group: Sequence[RuleSet], partitions: int) -> Backtest:
    causes = Causes(group[0].reasons)
    first, *others = (deciding_policy(settings, rules, causes, partitions) for rules in group)
    # Every rule set finds what it needs in the counts of the one that needs most.
    most = max((counting_policy(settings, rules) for rules in group), key=lambda policy: policy.errors_kept)
    return Backtest(most, first, causes, others)
