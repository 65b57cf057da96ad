"""`make bench`: fill a topic, race everyone over it some rounds in alternating order, report."""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import report, topics
from benchmarks.broker import RaceBroker
from benchmarks.events import draw, expected
from benchmarks.measure import Result
from benchmarks.race import PARTITIONS, Contender, Track, contenders

RESULTS = Path(__file__).with_name("results")


def fill(track: Track, events: int) -> None:
    """Fill the topic with so many events, once."""
    if events not in track.filled:
        track.say(f"filling a topic with {events:,} events")
        topics.create(track.bootstrap, track.topic(events), PARTITIONS)
        topics.fill(track.bootstrap, track.topic(events), draw(events))
        track.filled[events] = expected(events)
        track.last_ms[events] = max(event.at_ms for event in draw(events))


def race(track: Track, field: list[Contender], events: int, rounds: int) -> list[Result]:
    """Race everyone; each round the other way round, so that nobody always follows the same."""
    results = []
    for number in range(rounds):
        for contender in field if number % 2 == 0 else reversed(field):
            share = max(1_000, int(events * contender.share))
            fill(track, share)
            result = contender.run(track, share)
            track.say(
                f"round {number + 1}: {contender.name}: {result.per_cpu_second:,.0f} a CPU-second, "
                f"{result.per_second:,.0f} a second, {result.verdict}"
            )
            results.append(result)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--events", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="contenders to race, by the beginnings of their names")
    given = parser.parse_args()

    def say(text: str) -> None:
        print(text, flush=True)

    with tempfile.TemporaryDirectory(prefix="presetwatch-bench-") as name:
        folder = Path(name)
        with RaceBroker(folder / "kafka", 29_392, say) as broker:
            track = Track(broker.bootstrap, folder, say)
            field = contenders(track)
            if given.only:
                field = [one for one in field if one.name.startswith(tuple(given.only))]
            results = race(track, field, given.events, given.rounds)
    if not given.only:
        report.write(results, RESULTS)
    print(report.table(results))
    print("\n".join(report.ratios(results)) if any(one.contender == "presetwatch" for one in results) else "")
    return 0 if all(one.verdict == "exact" for one in results if one.contender.startswith("presetwatch")) else 1


if __name__ == "__main__":
    sys.exit(main())
