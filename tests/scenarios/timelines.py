"""Scenarios as data: what Daily sends, minute by minute, under which rules, and what is said about it.

Each runs twice from the same text: through the pure fold, and through the agents on a real broker.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.alert import AlertEvent
from schemas.times import format_time
from stream.domain.routing import record_key
from tests.webhooks import FORBIDDEN, T0_MS, TIMEOUT, body, meeting

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs of one preset that end at one moment, and how much later they arrive; times in minutes."""

    at: float
    preset: str
    finished: int = 0
    failed: int = 0
    error: str = TIMEOUT
    late: float = 0.0
    source: str = "uri"

    def deliveries(self) -> Iterator[tuple[int, bytes]]:
        """Yield each job's webhook with its time of arrival in epoch milliseconds."""
        at_ms = T0_MS + round(self.at * MINUTE_MS)
        arrives_at_ms = at_ms + round(self.late * MINUTE_MS)
        for number in range(self.finished + self.failed):
            error = None if number < self.finished else self.error
            ended = "finished" if error is None else error.split()[0]
            job = f"{self.preset}-{self.source}-{at_ms}-{number}-{ended}"
            yield arrives_at_ms, body(job, self.preset, at_ms, error, self.source)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A timeline: `until` is in minutes, `expected` one line an alert event."""

    name: str
    rules: str
    jobs: tuple[Jobs, ...]
    until: float
    expected: tuple[str, ...] = ()

    def deliveries(self) -> list[tuple[int, bytes | None, bytes]]:
        """Return (time of arrival in epoch milliseconds, key, value) in order of arrival, time passing to the end."""
        end_ms = T0_MS + round(self.until * MINUTE_MS)
        sent = [delivery for jobs in self.jobs for delivery in jobs.deliveries()]
        passing = [(at_ms, meeting(at_ms)) for at_ms in range(T0_MS, end_ms + MINUTE_MS, MINUTE_MS)]
        ordered = sorted([*sent, *passing], key=lambda delivery: delivery[0])
        return [(at_ms, record_key(value), value) for at_ms, value in ordered]


def told(event: AlertEvent) -> str:
    """Return an alert event as a scenario writes it."""
    reason = f" {event.resolve_reason}" if event.resolve_reason else ""
    return f"{format_time(event.at)[11:19]} {event.name} {event.preset} {event.kind}{reason}"


def steady(minutes: range, preset: str, finished: int, failed: int = 0, error: str = TIMEOUT) -> tuple[Jobs, ...]:
    """Return the same jobs every minute."""
    return tuple(Jobs(minute, preset, finished, failed, error) for minute in minutes)


def drizzle(minutes: range, every: int) -> tuple[Jobs, ...]:
    """Return ten jobs a minute, of which one in so many fails."""
    failed = [number % every == every - 1 for number in range(10 * len(minutes))]
    sums = [sum(failed[10 * n : 10 * n + 10]) for n in range(len(minutes))]
    return tuple(Jobs(minute, "summarize", 10 - k, k) for minute, k in zip(minutes, sums, strict=True))


HIGH = '[[rule]]\nname = "high"\nkind = "threshold"\nwindow = "5m"\n'
NOTHING_WORKS = '[[rule]]\nname = "nothing-works"\nkind = "consecutive"\nerrors = 5\n'
WARNING = '[[rule]]\nname = "warning"\nkind = "threshold"\nwindow = "30m"\nerror_rate = 0.05\n'
BUDGET = '[[rule]]\nname = "budget"\nkind = "burn_rate"\nobjective = 0.99\n'
SHIFT = '[[rule]]\nname = "worse"\nkind = "shift"\nbaseline = 0.02\ndetect = 0.10\nfalse_alarms = "1 per 90d"\n'
OUTAGE = (*steady(range(10), "summarize", 10), *steady(range(10, 15), "summarize", 0, 10))

LOW_TRAFFIC = '[[rule]]\nname = "low"\nkind = "threshold"\nwindow = "6h"\nerror_rate = 0.20\n'


def hourly(hours: range, finished: int, failed: int = 0) -> tuple[Jobs, ...]:
    """Return a few jobs of a seldom-used preset, at the start of each hour."""
    return tuple(Jobs(60 * hour, "nightly", finished, failed) for hour in hours)


SCENARIOS = (
    Scenario("one failure of one job pages nobody", HIGH + NOTHING_WORKS, (Jobs(0, "summarize", 0, 1),), 30),
    Scenario(
        "ten of twenty page, and no more traffic is no recovery",
        HIGH,
        (Jobs(0, "summarize", 10, 10),),
        30,
        ("09:00:10 high summarize fired",),
    ),
    Scenario(
        "one failing job an hour pages at the fifth",
        HIGH + NOTHING_WORKS,
        tuple(Jobs(60 * hour, "nightly", 0, 1) for hour in range(10)),
        600,
        ("13:00:10 nothing-works nightly fired",),
    ),
    Scenario(
        # minute  0 .......... 10 xxxxx 15 ................
        "an outage is found within its first minute, and is over when its errors have left the window",
        HIGH,
        (*OUTAGE, *steady(range(15, 30), "summarize", 10)),
        30,
        ("09:10:10 high summarize fired", "09:21:10 high summarize resolved recovered"),
    ),
    Scenario(
        # per cent  10.5 9.5 10.5 9.5 ... 5: above, below, above, but never below resolve_below until the end
        "a rate that hovers at the threshold is one episode",
        HIGH + "confidence = 0\n",
        tuple(Jobs(m, "summarize", 179 if m % 2 else 181, 21 if m % 2 else 19) for m in range(20))
        + steady(range(20, 40), "summarize", 195, 5),
        40,
        ("09:05:10 high summarize fired", "09:23:10 high summarize resolved recovered"),
    ),
    Scenario(
        "all traffic stops while firing: the alert holds",
        HIGH + 'on_no_data = "hold"\n',
        OUTAGE,
        60,
        ("09:10:10 high summarize fired",),
    ),
    Scenario(
        "all traffic stops while firing: the alert resolves with the last job's window",
        HIGH + 'on_no_data = "resolve"\n',
        OUTAGE,
        60,
        ("09:10:10 high summarize fired", "09:19:10 high summarize resolved no_data"),
    ),
    Scenario(
        "all traffic stops while firing: the alert resolves some time later",
        HIGH + 'on_no_data = "10m"\n',
        OUTAGE,
        60,
        ("09:10:10 high summarize fired", "09:29:10 high summarize resolved no_data"),
    ),
    Scenario(
        "a preset that is new and fails from its first job on pages",
        HIGH + NOTHING_WORKS,
        (*steady(range(20), "transcript", 5), *steady(range(10, 20), "brand-new", 0, 1)),
        20,
        ("09:14:10 nothing-works brand-new fired",),
    ),
    Scenario(
        "a preset falls silent and is heard of again",
        '[[rule]]\nname = "quiet"\nkind = "silence"\nafter = "10m"\npresets = ["nightly"]\n',
        (*steady(range(28), "transcript", 1), Jobs(1, "nightly", 1), Jobs(20, "nightly", 1)),
        28,
        ("09:11:00 quiet nightly fired", "09:20:10 quiet nightly resolved recovered"),
    ),
    Scenario(
        "the whole topic falls silent and is heard of again, though other events flow on",
        '[[rule]]\nname = "no-events"\nkind = "silence"\nafter = "10m"\npresets = []\n',
        (*steady(range(3), "transcript", 1), Jobs(20, "nightly", 1)),
        29,
        ("09:12:00 no-events * fired", "09:20:10 no-events * resolved recovered"),
    ),
    Scenario(
        "a customer's forbidden inputs are told apart from an outage at Daily",
        '[[rule]]\nname = "customer"\nkind = "threshold"\nparties = ["customer"]\n'
        '[[rule]]\nname = "daily"\nkind = "threshold"\nparties = ["daily"]\n',
        (
            *steady(range(22), "transcript", 10),
            *steady(range(5), "transcript", 0, 5, FORBIDDEN),
            *steady(range(20, 22), "summarize", 10, 5),
        ),
        22,
        (
            "09:01:10 customer transcript fired",
            "09:11:10 customer transcript resolved recovered",
            "09:21:10 daily summarize fired",
        ),
    ),
    Scenario(
        "jobs a little late still page, when they arrive",
        HIGH,
        (Jobs(0, "summarize", 10), Jobs(1, "summarize", 0, 20, late=10)),
        20,
        ("09:10:00 high summarize fired",),
    ),
    Scenario(
        "jobs more than an hour late page nobody",
        HIGH,
        (Jobs(0, "summarize", 10), Jobs(1, "summarize", 0, 20, late=70)),
        80,
    ),
    Scenario(
        "one failing job delivered thirty times pages nobody",
        HIGH + NOTHING_WORKS,
        tuple(Jobs(1, "summarize", 0, 1, late=times / 10) for times in range(30)),
        10,
    ),
    Scenario(
        "while a critical alert fires a warning about the same preset does not, but afterwards it may",
        HIGH + "inhibit = true\n" + WARNING + 'severity = "warning"\n',
        (*OUTAGE, *steady(range(15, 40), "summarize", 10), *steady(range(15), "transcript", 18, 2)),
        40,
        (
            "09:03:10 warning transcript fired",
            "09:10:10 high summarize fired",
            "09:21:10 high summarize resolved recovered",
            "09:21:10 warning summarize fired",
        ),
    ),
    Scenario(
        "an override gives some presets another limit",
        HIGH + '[[rule.overrides]]\npresets = ["nightly-*"]\nerror_rate = 0.6\nseverity = "warning"\n',
        (Jobs(0, "nightly-a", 15, 15), Jobs(0, "nightly-b", 3, 27), Jobs(0, "summarize", 15, 15)),
        10,
        ("09:00:10 high nightly-b fired", "09:00:10 high summarize fired"),
    ),
    Scenario(
        "where only errors are subscribed to, every preset seems to fail, and goes on doing so",
        HIGH + NOTHING_WORKS,
        steady(range(30), "summarize", 0, 5),
        30,
        ("09:00:10 nothing-works summarize fired", "09:03:10 high summarize fired"),
    ),
    Scenario(
        "a preset that is retired is silent for good, and says so once",
        '[[rule]]\nname = "quiet"\nkind = "silence"\nafter = "10m"\n',
        (*steady(range(300), "transcript", 1), Jobs(1, "retired", 1)),
        300,
        ("09:11:00 quiet retired fired",),
    ),
    Scenario(
        # minute  0 .......... 20 xxxxxxxxxx 30 ..........
        "a budget that will not last pages, and no more once the errors have stopped",
        BUDGET,
        (
            *steady(range(20), "summarize", 10),
            *steady(range(20, 30), "summarize", 5, 5),
            *steady(range(30, 120), "summarize", 10),
        ),
        120,
        ("09:24:10 budget summarize fired", "10:56:10 budget summarize resolved recovered"),
    ),
    Scenario(
        "a budget is not spent too fast by errors that stop before they are many",
        BUDGET,
        (*steady(range(60), "summarize", 10), *steady(range(20, 24), "summarize", 0, 5)),
        60,
    ),
    Scenario(
        # jobs      xxxxx |  none for an hour  | .
        "all traffic stops while a budget is being spent: the alert holds until a job tells otherwise",
        BUDGET,
        (*steady(range(10), "summarize", 0, 5), *steady(range(70, 140), "summarize", 5)),
        140,
        ("09:03:10 budget summarize fired", "11:10:10 budget summarize resolved recovered"),
    ),
    Scenario(
        "a rise from 2 % to 10 % is noticed, and so is that it is over",
        SHIFT,
        (*drizzle(range(60), 50), *drizzle(range(60, 120), 10), *drizzle(range(120, 240), 50)),
        240,
        ("10:11:10 worse summarize fired", "11:22:10 worse summarize resolved recovered"),
    ),
    Scenario(
        "a preset that is new and fails from its first job on is worse than its baseline",
        SHIFT,
        tuple(Jobs(60 * hour, "nightly", 0, 1) for hour in range(20)),
        1200,
        ("12:00:10 worse nightly fired",),
    ),
    Scenario(
        "a rule that is still learning what is usual says nothing",
        SHIFT.replace("0.02", '"learn"'),
        steady(range(60), "summarize", 5, 5),
        60,
    ),
    Scenario(
        # minute  0 x 1 ..... 6 xxxxx
        "with `for`, a condition must last before it pages",
        HIGH + 'for = "2m"\n',
        (*steady(range(20), "summarize", 20), *steady(range(10, 20), "summarize", 0, 20)),
        20,
        ("09:12:10 high summarize fired",),
    ),
    Scenario(
        # jobs per hour  ....| xxx. at 9h .. 15h |....   with one failure of four, above 20 % but by chance
        "low traffic: a quarter of few jobs is no proof, three quarters of them are",
        LOW_TRAFFIC,
        (*hourly(range(12), 3, 1), *hourly(range(12, 16), 1, 3), *hourly(range(16, 30), 4)),
        1800,
        ("22:00:10 low nightly fired", "05:02:10 low nightly resolved recovered"),
    ),
    Scenario(
        "low traffic: fewer jobs than a window must hold page nobody, whatever becomes of them",
        LOW_TRAFFIC,
        hourly(range(24), 0, 3),
        1440,
    ),
    Scenario(
        # successes between the runs: .xxxxxx.xxxxxx.xxxxxx.
        "an outage that lets some jobs through is many runs of failures",
        NOTHING_WORKS,
        tuple(Jobs(m, "summarize", int(m % 7 == 0), int(m % 7 != 0)) for m in range(22)),
        30,
        (
            "09:05:10 nothing-works summarize fired",
            "09:07:10 nothing-works summarize resolved recovered",
            "09:12:10 nothing-works summarize fired",
            "09:14:10 nothing-works summarize resolved recovered",
            "09:19:10 nothing-works summarize fired",
            "09:21:10 nothing-works summarize resolved recovered",
        ),
    ),
    Scenario(
        "an outage that lets some jobs through is one episode to a rule that keeps firing for longer",
        NOTHING_WORKS + 'keep_firing_for = "10m"\n',
        tuple(Jobs(m, "summarize", int(m % 7 == 0), int(m % 7 != 0)) for m in range(22)),
        40,
        ("09:05:10 nothing-works summarize fired", "09:31:10 nothing-works summarize resolved recovered"),
    ),
    Scenario(
        "all traffic stops while a run of failures fires: the next success ends it, however late",
        NOTHING_WORKS,
        (*steady(range(5), "summarize", 0, 1), Jobs(300, "summarize", 1)),
        310,
        ("09:04:10 nothing-works summarize fired", "14:00:10 nothing-works summarize resolved recovered"),
    ),
    Scenario(
        "a preset that is retired while its alert fires: the alert ends once nobody has sent jobs for long enough",
        NOTHING_WORKS + 'on_no_data = "2h"\n',
        (*steady(range(240), "transcript", 1), *steady(range(5), "retired", 0, 1)),
        240,
        ("09:04:10 nothing-works retired fired", "11:04:20 nothing-works retired resolved no_data"),
    ),
    Scenario(
        "where only errors are subscribed to, a budget is spent and a shift is seen from the first jobs on",
        BUDGET + SHIFT,
        steady(range(30), "summarize", 0, 5),
        30,
        ("09:00:10 worse summarize fired", "09:03:10 budget summarize fired"),
    ),
    Scenario(
        "a budget that is spent about as fast as a rule allows is one episode",
        BUDGET + "min_jobs = 50\nconfidence = 0\n",
        tuple(Jobs(m, "summarize", 17 if m % 2 else 18, 3 if m % 2 else 2) for m in range(60))
        + steady(range(60, 150), "summarize", 20),
        150,
        ("09:02:10 budget summarize fired", "11:16:10 budget summarize resolved recovered"),
    ),
    Scenario(
        # minute  0 .......... 5 forbidden ................ 25
        #                     10 timeouts .. 13
        "grouped by reason, a wave of timeouts is heard of though inputs have been forbidden for long",
        HIGH + 'group_by = ["preset", "reason"]\n',
        (
            *steady(range(40), "summarize", 20),
            *steady(range(5, 25), "summarize", 0, 10, FORBIDDEN),
            *steady(range(10, 13), "summarize", 0, 15, TIMEOUT),
        ),
        40,
        (
            "09:06:10 high/input_forbidden summarize fired",
            "09:11:10 high/timeout summarize fired",
            "09:19:10 high/timeout summarize resolved recovered",
            "09:31:10 high/input_forbidden summarize resolved recovered",
        ),
    ),
    Scenario(
        "a rule about recordings sees neither the successes nor the failures of jobs from a URL",
        HIGH + 'source_types = ["recordingId"]\n' + NOTHING_WORKS + 'source_types = ["recordingId"]\n',
        (
            *steady(range(21), "summarize", 50),
            *steady(range(21), "transcript", 0, 50),
            *(Jobs(minute, "summarize", 0, 2, source="recordingId") for minute in range(5, 15)),
            *(Jobs(minute, "transcript", 2, source="recordingId") for minute in range(5, 15)),
            *(Jobs(minute, "summarize", 10, source="recordingId") for minute in range(15, 20)),
        ),
        22,
        (
            "09:07:10 nothing-works summarize fired",
            "09:15:10 nothing-works summarize resolved recovered",
            "09:16:10 high summarize fired",
            "09:20:10 high summarize resolved recovered",
        ),
    ),
    Scenario(
        "grouped by reason, the critical alert holds back the warning about its reason and no other",
        HIGH + 'group_by = ["preset", "reason"]\ninhibit = true\n'
        '[[rule]]\nname = "warning"\nkind = "consecutive"\nerrors = 3\nseverity = "warning"\n'
        'group_by = ["preset", "reason"]\n',
        (*steady(range(3), "summarize", 0, 25, FORBIDDEN), *steady(range(2, 4), "summarize", 0, 2, TIMEOUT)),
        5,
        ("09:00:10 high/input_forbidden summarize fired", "09:03:10 warning/timeout summarize fired"),
    ),
)
