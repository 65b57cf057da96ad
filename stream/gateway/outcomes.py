"""What becomes of a webhook, and what Daily is told of it.

Law: 200 means that the broker has the body, or that it is Daily's ping. Every other status asks Daily to come again,
and three in a row make it give up the webhook, so whatever is authentic and can be stored gets 200 whatever it holds.
"""

from enum import StrEnum
from http import HTTPStatus


class Outcome(StrEnum):
    """What became of a request; the words label a metric."""

    STORED = "stored"
    PING = "ping"
    UNSIGNED = "unsigned"
    FORGED = "forged"
    STALE = "stale"
    UNDATED = "undated"
    WRONG_CREDENTIALS = "wrong_credentials"
    TOO_LARGE = "too_large"
    CUT_SHORT = "cut_short"
    CROWDED = "crowded"
    UNANSWERED = "unanswered"
    REFUSED = "refused"
    DEFECT = "defect"

    @property
    def status(self) -> HTTPStatus:
        """The status it is answered with."""
        return _TOLD[self][0]

    @property
    def detail(self) -> str:
        """A sentence for whoever reads the answer or the log."""
        return _TOLD[self][1]


_TOLD = {
    Outcome.STORED: (HTTPStatus.OK, "stored"),
    Outcome.PING: (HTTPStatus.OK, "pong"),
    Outcome.UNSIGNED: (
        HTTPStatus.UNAUTHORIZED,
        "X-Webhook-Timestamp or X-Webhook-Signature is missing: only Daily's webhooks are taken in.",
    ),
    Outcome.FORGED: (
        HTTPStatus.UNAUTHORIZED,
        "The signature is made with none of the secrets in PRESETWATCH_WEBHOOK_HMAC, or of another body.",
    ),
    Outcome.STALE: (
        HTTPStatus.UNAUTHORIZED,
        "X-Webhook-Timestamp is further from now than PRESETWATCH_WEBHOOK_TOLERANCE: check this machine's clock.",
    ),
    Outcome.UNDATED: (
        HTTPStatus.UNAUTHORIZED,
        "X-Webhook-Timestamp is no time that can be read: PRESETWATCH_WEBHOOK_TOLERANCE=0s looks at no times.",
    ),
    Outcome.WRONG_CREDENTIALS: (
        HTTPStatus.UNAUTHORIZED,
        "The header Authorization does not hold what PRESETWATCH_WEBHOOK_BASIC_AUTH says.",
    ),
    Outcome.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than is taken in or the topic takes."),
    Outcome.CUT_SHORT: (HTTPStatus.BAD_REQUEST, "The body is not as its headers say."),
    Outcome.CROWDED: (HTTPStatus.SERVICE_UNAVAILABLE, "Too much is waiting for the broker already."),
    Outcome.UNANSWERED: (HTTPStatus.SERVICE_UNAVAILABLE, "The broker has not acknowledged the body in time."),
    Outcome.REFUSED: (HTTPStatus.SERVICE_UNAVAILABLE, "The broker did not take the body."),
    Outcome.DEFECT: (HTTPStatus.SERVICE_UNAVAILABLE, "This is a defect; the gateway's log has the details."),
}
