"""A new version counts on from what every version before it has left, exactly."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.alert import AlertEvent
from tests.kafka.harness import deploy
from tests.kafka.recorded_state import after, put_back, read, recordings
from tests.kafka.test_exactness import assert_counts
from tests.kafka.test_unusable_state import doctors_word

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
Line = tuple[str, str, str, str, int, int, int]


def test_the_state_of_every_release_is_kept() -> None:
    released = set(re.findall(r"^## \[(\d\S*)\]", CHANGELOG.read_text(), re.MULTILINE))
    assert "0.1.0" in released
    # python -m tests.kafka.recorded_state makes one.
    assert released <= {path.stem for path in recordings()}


def lines(events: Iterable[AlertEvent]) -> list[Line]:
    """Return what every version says of alerts; later ones may say more."""
    return [(each.id, each.kind, each.rule, each.preset, each.at, each.errors, each.total) for each in events]


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
async def test_what_a_release_has_left_is_counted_on_from_exactly(
    bootstrap: str, unique: str, tmp_path: Path, path: Path
) -> None:
    about, kept = read(path)
    async with deploy(bootstrap, unique, tmp_path, about.rules, partitions=about.partitions) as deployment:
        await put_back(about, kept, deployment)
        counted, sent = len(deployment.log), lines(await deployment.alerts())
        assert {line[1] for line in sent} == {"fired", "resolved"}
        assert doctors_word(deployment, "state")["state"] == "ok"
        worker = await deployment.start().ready()
        await assert_counts(deployment, worker)
        firing = await worker.answer("/api/alerts?state=firing")
        assert {(each["rule"], each["preset"]) for each in firing["alerts"]} == still_firing(sent)
        await deployment.produce(after())
        await deployment.caught_up()
        worker = await deployment.counted(len(deployment.log))
        await assert_counts(deployment, worker)
        in_all = lines(await deployment.alerts())
        assert in_all == lines(deployment.expected())
        assert in_all[: len(sent)] == sent
        # What was sent is known to have been sent, and is not sent again.
        assert len(await deployment.read(deployment.settings.alerts_topic)) == len(in_all)
        # It has counted on, and not anew.
        read_again = f"presetwatch_records_read_total {len(deployment.log) - counted:.1f}"
        assert read_again in await worker.text("/metrics")


def still_firing(sent: list[Line]) -> set[tuple[str, str]]:
    newest = {(rule, preset): kind for _, kind, rule, preset, *_ in sent}
    return {where for where, kind in newest.items() if kind == "fired"}
