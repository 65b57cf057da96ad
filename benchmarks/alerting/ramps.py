"""How soon a rate that creeps up to 10 % is noticed, in minutes, by what `shift` was told to detect.

    python -m benchmarks.alerting.ramps

A CUSUM is the quickest for a step to the rate that it is told of (Moustakides, 1986) and for nothing else: while the
rate is below the one at which its sum stands still, jobs move it down, so a ramp is not noticed before it has come that
far. `shift` has a second sum, told of a lower rate. Those with a window have the one that serves them best on this very
ramp, and a level tuned to healthy traffic.
"""

from math import log

import numpy as np

from benchmarks.alerting.__main__ import RESULTS, WEEK, delay, level, struck
from benchmarks.alerting.contenders import WINDOWED, Shift
from benchmarks.alerting.traffic import HEALTHY, TRAFFIC, Traffic, draw, ramp
from stream.domain.bank import bank_of

PRESETS = 100
DETECTS = (0.03, 0.04, 0.05, 0.07, 0.10)


def stands_still(detect: float) -> float:
    """Return the rate at which the sum for the lowest rate neither rises nor falls."""
    told = bank_of(HEALTHY, detect).rates[0]
    up, down = log(told / HEALTHY), log((1 - HEALTHY) / (1 - told))
    return down / (up + down)


def row(traffic: Traffic, hours: float) -> list[float]:
    """Return the delays of `shift`, by what it detects, and of the others on one ramp."""
    random = np.random.default_rng(11)
    healthy = draw(traffic, np.full(traffic.panes(WEEK), HEALTHY), PRESETS, random)
    jobs, begin = struck(traffic, ramp(hours), PRESETS, random)
    shifts = [delay(Shift(traffic, detect, WEEK).alarms(jobs), begin, traffic) for detect in DETECTS]
    others = [
        min(
            delay(each.statistic(jobs, window) >= level(each, window, healthy, traffic), begin, traffic)
            for window in traffic.windows[:-1]
        )
        for each in WINDOWED
    ]
    return shifts + others


def main() -> None:
    heads = [f"shift told of {detect:.0%}" for detect in DETECTS] + [each.name for each in WINDOWED]
    lines = [f"| ramp | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for traffic, hours in zip(TRAFFIC, (48, 4, 0.5), strict=True):
        cells = " | ".join(f"{found:.3g}" for found in row(traffic, hours))
        lines.append(f"| {traffic.name}, 2 % to 10 % in {hours:g}h | {cells} |")
    still = " | ".join(f"{stands_still(detect):.1%}" for detect in DETECTS)
    lines.append(f"| rate at which its lowest sum stands still | {still} |{' |' * len(WINDOWED)}")
    told = "\n".join(lines) + "\n"
    (RESULTS / "ramps.md").write_text(f"{(__doc__ or '').split(chr(10))[0]}\n\n{told}")
    print(told)


if __name__ == "__main__":
    main()
