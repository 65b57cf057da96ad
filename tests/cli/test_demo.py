"""The demo without its broker: what it expects, how it starts afresh, and how its parts end together."""

import asyncio
from pathlib import Path

import pytest

from schemas.alert import AlertEvent
from stream.cli.demo import DEMO_RULES
from stream.cli.fresh import wipe
from stream.cli.metered import Metered
from stream.cli.output import Ended, ExitCode
from stream.cli.performance import first_to_end
from stream.cli.reference import expect_alerts, number_records
from stream.cli.verdict import judge
from stream.domain.rules import RuleSet
from stream.local.incidents import DEMO_EPOCH_MS, plan
from stream.local.lock import hold_lock
from stream.local.traffic import generate
from stream.rules_file import read
from stream.settings import Settings

SETTINGS = Settings(_env_file=None)


def new_replay(partitions: int) -> Metered:
    rules = read(DEMO_RULES, SETTINGS.pane)
    assert isinstance(rules, RuleSet)
    return Metered.under(SETTINGS, rules, partitions)


@pytest.mark.parametrize("partitions", [1, 4])
def test_what_is_expected_is_the_replay_up_to_where_a_workers_clock_gets(partitions: int) -> None:
    expected = expect_alerts(new_replay(partitions), generate(7, 30), partitions)
    whole = new_replay(partitions).run(number_records(generate(7, 30), partitions))
    assert expected == {event.id: event.to_json() for event in whole}
    assert len(expected) == 14


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("minutes", [1, 4, 5, 20])
def test_the_replay_itself_finds_every_incident(seed: int, minutes: int) -> None:
    expected = expect_alerts(new_replay(4), generate(seed, minutes), 4)
    events = [AlertEvent.model_validate_json(body) for body in expected.values()]
    findings = judge(plan(seed, minutes), events, DEMO_EPOCH_MS + minutes * 60_000)
    assert [finding.miss for finding in findings if finding.miss] == []
    assert findings


def test_a_fresh_start_leaves_nothing_of_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "data" / "topic-0").mkdir(parents=True)
    (tmp_path / "data" / "topic-0" / "log").write_bytes(b"x")
    (tmp_path / "worker.log").write_bytes(b"x")
    wipe(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "demo"
    outside.mkdir()
    folder.mkdir()
    (outside / "kept").write_bytes(b"x")
    (folder / "link").symlink_to(outside)
    wipe(folder)
    assert (outside / "kept").exists()
    assert not (folder / "link").is_symlink()


def test_the_folder_of_a_running_broker_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x")
    with hold_lock(tmp_path, print), pytest.raises(Ended, match="in use by process") as ending:
        wipe(tmp_path)
    assert ending.value.code is ExitCode.OUT_OF_REACH
    assert (tmp_path / "data").exists()


async def test_when_one_part_ends_the_others_are_over_too() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def end() -> None:
        return

    await first_to_end(wait(), end())
    assert cancelled.is_set()


async def test_what_a_part_raises_is_raised() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    async def fail() -> None:
        raise Ended("the worker has ended", ExitCode.OUT_OF_REACH)

    with pytest.raises(Ended, match="the worker has ended"):
        await first_to_end(wait(), fail())
