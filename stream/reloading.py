"""The rules file under a running worker: looked at every second, checked, and put in force at a tick.

Law: the rules in force are always a whole file that was found sound, and a worker that has taken a file while it runs
decides as one that was restarted with it. What only a restart could do right is refused, in a sentence that says so.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from time import time

import structlog

from stream.counting_stage import CountingStage
from stream.deciding_stage import DecidingStage
from stream.domain.causes import Causes
from stream.domain.rules import RuleSet
from stream.policies import counting_policy, deciding_policy, needs_restart
from stream.rules_file import Fault, load, read_text
from stream.settings import Settings

LOOK_SECONDS = 1.0
Found = RuleSet | tuple[Fault, ...]
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RulesFile:
    """A file of rules that people may be writing to at this moment."""

    path: Path
    pane_ms: int
    _seen: str | Fault | None = None
    _judged: str | Fault | None = None

    def look(self, is_finished: bool = False) -> Found | None:
        """Return what the file holds now, once for each change; None while there is no news.

        A change counts when two looks have found the same, as a file may be half written; or at once, and also if
        there is none, when somebody says that the file is finished.
        """
        before, self._seen = self._seen, read_text(self.path, "a rules file")
        is_news = self._seen == before and self._seen != self._judged
        if not (is_news or is_finished):
            return None
        self._judged = self._seen
        if isinstance(self._seen, Fault):
            return (self._seen,)
        return load(self._seen, str(self.path), self.pane_ms)


@dataclass(slots=True)
class Reloading:
    """Keeps the rules in force what the rules file says."""

    settings: Settings
    rules: RuleSet
    counting: CountingStage
    deciding: DecidingStage
    since: float = field(default_factory=time)
    """When these rules came into force, in epoch seconds."""
    refused: tuple[Fault, ...] = ()
    """What is wrong with the file as it is now, which is why older rules are in force."""
    reloads: int = 0
    refusals: int = 0
    _file: RulesFile | None = field(init=False)
    _is_asked: bool = False
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        # The built-in rules are part of the program, and change with it.
        self._file = RulesFile(self.settings.rules, self.settings.pane) if self.settings.rules else None

    def ask(self) -> None:
        """Have the file read at the next look, whether it has changed or not."""
        self._is_asked = True

    async def look(self) -> None:
        """Take the file if it has changed, or say what is wrong with it."""
        is_asked, self._is_asked = self._is_asked, False
        if self._file is None:
            if is_asked:
                log.warning("rules_not_reloaded", detail="PRESETWATCH_RULES names no file: the built-in rules apply.")
            return
        async with self._lock:
            found = await asyncio.to_thread(self._file.look, is_asked)
            if found is not None:
                await self._judge(found)

    async def _judge(self, found: Found) -> None:
        faults = self._only_by_restart(found) if isinstance(found, RuleSet) else found
        if faults:
            self._refuse(faults)
        elif isinstance(found, RuleSet):
            await self._take(found)

    def _only_by_restart(self, rules: RuleSet) -> tuple[Fault, ...]:
        reasons = needs_restart(self.counting.policy, counting_policy(self.settings, rules))
        return tuple(Fault(str(self.settings.rules), 0, reason) for reason in reasons)

    def _refuse(self, faults: tuple[Fault, ...]) -> None:
        self.refused, self.refusals = faults, self.refusals + 1
        for fault in faults:
            where = {"file": fault.source, **({"line": fault.line} if fault.line else {})}
            log.error("rules_refused", **where, fault=fault.message, still_in_force=self.rules.version)

    async def _take(self, rules: RuleSet) -> None:
        self.refused = ()
        if rules.version == self.rules.version:
            return
        causes = Causes(rules.reasons)
        self.counting.causes = causes
        await self.deciding.adopt(deciding_policy(self.settings, rules, causes, self.counting.partitions))
        changes, self.rules, self.since = changed(self.rules, rules), rules, time()
        self.reloads += 1
        log.info("rules_reloaded", file=str(self.settings.rules), version=rules.version, **changes)


def changed(before: RuleSet, after: RuleSet) -> dict[str, list[str]]:
    """Name the rules that were added, changed and removed."""
    old, new = ({rule.name: rule for rule in rules.rules} for rules in (before, after))
    return {
        "added": [name for name in new if name not in old],
        "changed": [name for name in new if name in old and new[name] != old[name]],
        "removed": [name for name in old if name not in new],
    }
