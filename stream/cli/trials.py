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
from stream.domain.records import Run
from stream.domain.rules import RuleSet
from stream.policies import counting_policy, deciding_policy
from stream.settings import Settings


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

    def finish(self, incidents: Sequence[Incident]) -> Outcome:
        """Return what it all comes to, once there are no more records; incidents outside their time are left out."""
        for test in self.tests:
            list(test.finish())
        test = self.tests[0]
        incidents = [one for one in incidents if one.overlaps(test.span)]
        verdicts = [
            judge(str(path), rules, self._trials[path].events, incidents, test.span[1])
            for path, rules in self.files.items()
        ]
        records = Summary(test.meters, Counter()).as_dict()
        del records["fired"], records["resolved"]
        return Outcome(test.span, test.counting.pane_ms, test.panes, incidents, verdicts, records)


def _new_test(settings: Settings, group: Sequence[RuleSet], partitions: int) -> Backtest:
    causes = Causes(group[0].reasons)
    first, *others = (deciding_policy(settings, rules, causes, partitions) for rules in group)
    # Every rule set finds what it needs in the counts of the one that needs most.
    most = max((counting_policy(settings, rules) for rules in group), key=lambda policy: policy.errors_kept)
    return Backtest(most, first, causes, others)
