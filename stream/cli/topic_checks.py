"""What the doctor says of how topics are set.

Law: pure. A topic that may not be looked at is said to be unknown, which is no failure.
"""

from collections import defaultdict
from collections.abc import Sequence

from stream.cli.checks import Check, Cluster, State
from stream.cli.topic_flaws import Flaw, flaws_of
from stream.domain.rules import RuleSet
from stream.notify.topics import receipts_topic
from stream.rules_file import Fault
from stream.settings import Settings
from stream.topics import mending, wanted

NAME = "topic settings"


def looked_at(settings: Settings) -> list[str]:
    """Return the topics whose settings matter, those that may not exist yet included."""
    return [*wanted(settings), *([receipts_topic(settings)] if settings.notify else [])]


def check_topic_settings(settings: Settings, rules: RuleSet | Sequence[Fault], cluster: Cluster) -> list[Check]:
    """Judge how the topics that exist are set."""
    there = [topic for topic in looked_at(settings) if topic in cluster.sizes]
    by_flaw: dict[Flaw, list[str]] = defaultdict(list)
    for name in there:
        if name in cluster.configs:
            for flaw in flaws_of(settings, rules, cluster, name):
                by_flaw[flaw].append(name)
    found = [_check(settings, flaw, names) for flaw, names in by_flaw.items()]
    unknown = [name for name in there if name not in cluster.configs]
    if unknown:
        what = f"not looked at: {', '.join(unknown)}"
        mend = "Give the user the right DescribeConfigs, or compare them with docs/kafka-security.md by hand."
        found.append(Check(NAME, State.WARN, what, mend))
    return found or [Check(NAME, State.OK, "as they should be" if there else "there are none yet")]


def _check(settings: Settings, flaw: Flaw, names: Sequence[str]) -> Check:
    commands = [mending(settings, name, dict(flaw.settings)) for name in names] if flaw.settings else []
    mend = "\n".join(filter(None, [*commands, flaw.mend]))
    return Check(NAME, flaw.state, f"{', '.join(names)}: {flaw.what}", mend)
