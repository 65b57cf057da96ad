"""What the doctor looks for in those who take webhooks in and those who tell people.

Law: pure, as `checks.py`: a fact, a judgement and a remedy. What is not used here, because no setting names it, is not
looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.cli.ask import Answer, NoAnswer
from stream.cli.checks import Check, State
from stream.notify.plan import Plan
from stream.rules_file import Fault
from stream.settings import PREFIX

FAR_BEHIND = 1_000
"""Alert events: a channel that waits for its digest leaves some, but hardly so many."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What the broker says of notifiers."""

    ends: Mapping[int, int]
    """Where the alerts topic ends, by partition."""
    committed: Mapping[int, int]
    undelivered: int
    """How many dead letters are kept."""
    topic: str
    """Where those are."""


def check_gateway(url: str, answer: Answer | NoAnswer) -> Check:
    """Judge whether a gateway would take in a webhook."""
    if isinstance(answer, NoAnswer):
        mend = f"Start one with `presetwatch gateway`, or set {PREFIX}GATEWAY_HOST and _PORT to where one is."
        return Check("gateway", State.WARN, f"nothing answers at {url} ({answer.why})", mend)
    if answer.status == 200:
        return Check("gateway", State.OK, f"would store a webhook sent to {url}webhooks/daily")
    if answer.status == 503:
        mend = "It answers 503 to webhooks until then: see that its broker answers and has the events topic."
        return Check("gateway", State.FAIL, answer.sentence(), mend)
    mend = f"Something else listens there: set {PREFIX}GATEWAY_PORT to another port."
    return Check("gateway", State.FAIL, f"{url} answers with status {answer.status}", mend)


def check_plan(path: Path, found: Plan | Sequence[Fault]) -> Check:
    """Judge the notify file."""
    if isinstance(found, Plan):
        what = f"{path}: {len(found.channels)} channels, {len(found.routes)} routes"
        return Check("notify-file", State.OK, what)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    mend = f"Mend it; `presetwatch notify check {path}` shows every fault."
    return Check("notify-file", State.FAIL, f"{found[0]}{more}", mend)


def check_notifier(url: str, answer: Answer | NoAnswer) -> Check:
    """Judge whether a notifier runs, and whether its channels take what they are told."""
    if isinstance(answer, NoAnswer):
        mend = (
            f"Start one with `presetwatch notify`, or set {PREFIX}NOTIFY_HOST and {PREFIX}NOTIFY_PORT to where one is."
        )
        return Check("notifier", State.WARN, f"nothing answers at {url} ({answer.why})", mend)
    said = answer.json()
    if not isinstance(said, dict) or not isinstance(said.get("failing"), dict):
        mend = f"Something else listens there: set {PREFIX}NOTIFY_PORT to another port."
        return Check("notifier", State.FAIL, f"{url} answers with status {answer.status}", mend)
    if said.get("status") == "stalled":
        return Check("notifier", State.FAIL, f"the one at {url} stands still", "Restart it, and see what its log says.")
    if failing := said["failing"]:
        what = "; ".join(f"{name} does not take what it is told: {why}" for name, why in sorted(failing.items()))
        return Check("notifier", State.WARN, what, "Mend the channel; `presetwatch notify test` tries it.")
    does = "tells" if said.get("is_active") else "stands by"
    return Check("notifier", State.OK, f"the one at {url} {does}")


def check_told(telling: Telling | str) -> Sequence[Check]:
    """Judge how far notifiers have come, and what nobody took; a text says why that could not be found out."""
    if isinstance(telling, str):
        mend = "Mend what stands above, or give the user the rights that docs/notify.md lists."
        return [Check("notify-lag", State.WARN, f"not looked at: {telling}", mend)]
    return [_check_lag(telling), _check_undelivered(telling)]


def _check_lag(telling: Telling) -> Check:
    behind = sum(max(0, end - telling.committed.get(each, 0)) for each, end in telling.ends.items())
    mend = "See whether a notifier runs, and what its /healthz and log say."
    if behind and not telling.committed:
        return Check("notify-lag", State.WARN, f"no notifier has ever done any of {behind:,} alert events", mend)
    what = f"{behind:,} alert events that some channel has yet to be told of"
    return Check("notify-lag", State.WARN, what, mend) if behind >= FAR_BEHIND else Check("notify-lag", State.OK, what)


def _check_undelivered(telling: Telling) -> Check:
    if not telling.undelivered:
        return Check("undelivered", State.OK, "no alert event was given up")
    what = f"{telling.undelivered:,} alert events that a channel never took are on {telling.topic}"
    return Check(
        "undelivered", State.WARN, what, "Each has the channel and the reason in its headers; mend the channel."
    )
