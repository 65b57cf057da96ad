"""A rules file that changes under a worker is taken once it is whole and sound, and else refused with its faults."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stream.domain.causes import Causes
from stream.domain.panes import HOUR_MS
from stream.domain.rules import RuleSet
from stream.domain.sources import CountingPolicy
from stream.pipeline import Pipeline
from stream.policies import counting_policy, deciding_policy, needs_restart
from stream.reloading import Reloading, RulesFile, changed
from stream.rules_file import Fault, load
from stream.settings import Settings
from stream.topics import EventsTopic

PANE_MS = 10_000
RUN = '[[rule]]\nname = "run"\nkind = "consecutive"\nerrors = {errors}\n'
QUIET = '[[rule]]\nname = "quiet"\nkind = "silence"\npresets = []\nafter = "30m"\n'


def rules(text: str) -> RuleSet:
    loaded = load(text, "rules.toml", PANE_MS)
    assert isinstance(loaded, RuleSet), loaded
    return loaded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RUN.format(errors=3))
    return path


@pytest.fixture
def reloading(path: Path) -> Reloading:
    """A worker that owns nothing yet."""
    settings = Settings(_env_file=None, data_dir=path.parent, rules=path)
    return Pipeline(settings, rules(path.read_text()), EventsTopic(1)).reloading


def test_a_file_that_is_being_written_is_not_taken_before_two_looks_find_the_same(path: Path) -> None:
    file = RulesFile(path, PANE_MS)
    assert file.look() is None
    path.write_text(RUN.format(errors=3) + QUIET)
    assert file.look() is None
    found = file.look()
    assert isinstance(found, RuleSet)
    assert [rule.name for rule in found.rules] == ["run", "quiet"]


def test_each_change_is_told_of_once(path: Path) -> None:
    file = RulesFile(path, PANE_MS)
    assert [type(file.look()) for _ in range(4)] == [type(None), RuleSet, type(None), type(None)]
    path.write_text("[[rule]]\n")
    assert [type(file.look()) for _ in range(4)] == [type(None), tuple, type(None), type(None)]


def test_a_file_that_is_said_to_be_finished_is_read_at_once_and_again(path: Path) -> None:
    file = RulesFile(path, PANE_MS)
    assert [type(file.look(is_finished=True)) for _ in range(2)] == [RuleSet, RuleSet]
    assert file.look() is None


def test_a_file_that_is_gone_is_a_fault_and_comes_back_as_news(path: Path) -> None:
    file, text = RulesFile(path, PANE_MS), path.read_text()
    path.unlink()
    assert file.look() is None
    gone = file.look()
    assert isinstance(gone, tuple)
    assert "cannot be read" in str(gone[0])
    path.write_text(text)
    assert file.look() is None
    assert isinstance(file.look(), RuleSet)


def write(path: Path, text: str) -> None:
    path.write_text(text)


async def looked(reloading: Reloading, times: int = 2) -> Reloading:
    for _ in range(times):
        await reloading.look()
    return reloading


async def test_a_sound_file_is_put_in_force_for_both_stages(path: Path, reloading: Reloading) -> None:
    reason = '[[reason]]\nname = "gpu_lost"\nparty = "daily"\ncontains = "GPU is gone"\n'
    write(path, QUIET + reason)
    await looked(reloading)
    assert reloading.rules == reloading.deciding.policy.rules == rules(QUIET + reason)
    assert reloading.counting.causes.classify("GPU is gone").reason == "gpu_lost"
    assert (reloading.reloads, reloading.refusals, reloading.refused) == (1, 0, ())


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (RUN.format(errors=3) + "window = 5\n", 5, "window"),
        (QUIET + RUN.format(errors='"many"'), 9, "errors"),
        ("[[rule]\n", 1, ""),
        ("", 1, "holds no [[rule]]"),
        (RUN.format(errors=11), 0, "restart the workers"),
    ],
)
async def test_a_file_with_faults_is_refused_line_by_line_and_the_rules_before_stay(
    path: Path, reloading: Reloading, text: str, line: int, said: str
) -> None:
    before, policy = reloading.rules, reloading.deciding.policy
    write(path, text)
    await looked(reloading, times=5)
    assert (reloading.rules, reloading.deciding.policy) == (before, policy)
    assert (reloading.reloads, reloading.refusals) == (0, 1)
    assert [(fault.source, fault.line) for fault in reloading.refused] == [(str(path), line)]
    assert said in reloading.refused[0].message


async def test_a_file_put_right_again_is_not_held_to_be_refused(path: Path, reloading: Reloading) -> None:
    text, version = RUN.format(errors=3), reloading.rules.version
    write(path, "[[rule]]\n")
    assert (await looked(reloading)).refused
    write(path, "# as before\n" + text)
    assert not (await looked(reloading)).refused
    assert (reloading.rules.version, reloading.reloads) == (version, 0)


async def test_built_in_rules_are_not_watched(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    reloading = Pipeline(settings, rules(QUIET), EventsTopic(1)).reloading
    reloading.ask()
    await looked(reloading)
    assert (reloading.reloads, reloading.refusals) == (0, 0)


def test_what_is_counted_for_rules_can_shrink_but_not_grow_without_a_restart() -> None:
    had = CountingPolicy(errors_kept=10, retention_ms=25 * HOUR_MS)
    assert not list(needs_restart(had, had))
    assert not list(needs_restart(had, replace(had, errors_kept=3, retention_ms=HOUR_MS)))
    more_errors = list(needs_restart(had, replace(had, errors_kept=20)))
    longer = list(needs_restart(had, replace(had, retention_ms=49 * HOUR_MS)))
    assert ["20 errors in a row" in said and "restart the workers" in said for said in more_errors] == [True]
    assert ["2d1h" in said and "restart the workers" in said for said in longer] == [True]


@pytest.mark.parametrize("window", ["30d", "24h", "5m"])
def test_no_window_needs_a_restart_under_the_default_settings(window: str) -> None:
    rule: dict[str, Any] = {"name": "rate", "kind": "threshold", "window": window}
    wanted = RuleSet.model_validate({"rules": (rule,)}, context={"pane_ms": PANE_MS})
    settings = Settings(_env_file=None)
    assert not list(needs_restart(counting_policy(settings, rules(QUIET)), counting_policy(settings, wanted)))


def test_a_reload_never_lets_deciding_outlive_what_counting_keeps() -> None:
    settings = Settings(_env_file=None)
    counting = counting_policy(settings, rules(RUN.format(errors=5)))
    deciding = deciding_policy(settings, rules(QUIET), Causes(), 1)
    assert deciding.retention_ms <= counting.retention_ms


def test_what_has_changed_is_named() -> None:
    before, after = rules(RUN.format(errors=3) + QUIET), rules(RUN.format(errors=4) + QUIET.replace("quiet", "other"))
    assert changed(before, after) == {"added": ["other"], "changed": ["run"], "removed": ["quiet"]}


def test_a_version_is_that_of_what_is_said_and_not_of_how_it_is_written() -> None:
    assert rules(QUIET).version == rules("# why\n" + QUIET.replace('after = "30m"', 'after = "1800s"')).version
    assert rules(QUIET).version != rules(QUIET.replace("30m", "31m")).version
    assert str(Fault("rules.toml", 3, "a fault")) == "rules.toml:3: a fault"
