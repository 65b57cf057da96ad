"""What a reason means and what to do about it, in words for somebody who has just been woken.

Law: every built-in reason has both; any other is spoken of by the party that it points at.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Advice(NamedTuple):
    """What has happened, and what to do."""

    means: str
    do: str


_INPUT = "Ask the customer, and re-submit their jobs afterwards."

_BY_REASON = {
    "input_forbidden": Advice(
        "inputs may not be downloaded (403): a link has expired, or a bucket is closed to Daily",
        f"See whether the links outlive the queue and the bucket lets Daily read. {_INPUT}",
    ),
    "input_not_found": Advice(
        "inputs are not there (404): deleted, moved, or not uploaded yet",
        f"See whether jobs are submitted before uploads end, or files expire too soon. {_INPUT}",
    ),
    "input_unreachable": Advice(
        "the hosts of the inputs do not answer",
        f"See whether one host stands out among the jobs, and whether it is up. {_INPUT}",
    ),
    "invalid_media": Advice(
        "inputs are silent, corrupt, or no audio or video",
        f"Listen to one of the inputs. Many at once point at a recorder or an upload that broke. {_INPUT}",
    ),
    "rate_limited": Advice(
        "Daily takes no more jobs for now (429)",
        "Submit more slowly or later, or ask Daily for a higher limit.",
    ),
    "timeout": Advice(
        "something at Daily took too long",
        "Look at Daily's status page; re-submit once it is over. Very long inputs time out alone.",
    ),
    "storage_denied": Advice(
        "outputs cannot be written to the bucket",
        "See whether the role, the bucket's policy or its name has changed lately.",
    ),
    "upstream_error": Advice(
        "a service behind Daily fails",
        "Look at Daily's status page, and open a ticket with the job ids; re-submit once it is over.",
    ),
    "download_failed": Advice(
        "Daily could not fetch inputs, and does not say why",
        "Try to download one of the inputs. If that works, open a ticket with Daily.",
    ),
    "transcription_failed": Advice(
        "Daily could not transcribe, and does not say why",
        "Open a ticket with Daily, with the job ids.",
    ),
    "summary_failed": Advice(
        "Daily could not write from transcripts, and does not say why",
        "Open a ticket with Daily, with the job ids.",
    ),
    "unspecified": Advice("Daily gives no error text", "Open a ticket with Daily, with the job ids."),
    "other": Advice(
        "error texts that no rule knows",
        "Read the text of one of the jobs; a [[reason]] in the rules file gives it a name for the next time.",
    ),
}
_BY_PARTY = {
    "customer": Advice("a cause of your own rules, on the customer's side", _INPUT),
    "daily": Advice(
        "a cause of your own rules, on Daily's side", "Look at Daily's status page, and open a ticket with the job ids."
    ),
}
_UNKNOWN = Advice("a cause of your own rules", "Look at one of the jobs.")

SILENCE = Advice(
    "no job has ended",
    "See whether Daily's webhook is still ACTIVE: after three failed deliveries Daily sets it to FAILED and sends "
    "nothing more. Re-activate it; then see whether jobs are submitted at all.",
)


class Said(NamedTuple):
    """Why something fires and what to do, each empty where there is nothing to say."""

    why: str
    do: str


def say(reasons: Mapping[str, int], parties: Iterable[str], *, is_silence: bool = False) -> Said:
    """Return the words on what fires, by its commonest reason."""
    if not reasons:
        return Said("", SILENCE.do if is_silence else "")
    reason, count = commonest(reasons)
    sides = set(parties)
    advice = advice_on(reason, sides.pop() if len(sides) == 1 else "unknown")
    return Said(f"{reason} in {count:,} of {sum(reasons.values()):,} errors: {advice.means}", advice.do)


def commonest(reasons: Mapping[str, int]) -> tuple[str, int]:
    """Return the reason that most errors have, and how many do."""
    return min(reasons.items(), key=lambda each: (-each[1], each[0]))


def advice_on(reason: str, party: str = "unknown") -> Advice:
    """Return the words on a reason, which is the rules file's own if it is not built in."""
    return _BY_REASON.get(reason) or _BY_PARTY.get(party, _UNKNOWN)
