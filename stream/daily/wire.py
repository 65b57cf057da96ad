"""What Daily's REST API says, as far as it is of use.

Law: lenient. Unknown fields are dropped and a part of an odd shape reads as absent, because Daily adds fields without
notice and its pages differ on what they are. A secret is kept as one and never shown.
Source: docs.daily.co, reference/rest-api/webhooks and reference/rest-api/batch-processor.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from yarl import URL

from schemas.daily import ERROR_TYPE, FINISHED_TYPE, read_job_id

EVENT_TYPES: Final = (FINISHED_TYPE, ERROR_TYPE)
"""What a webhook must be subscribed to so that each job's end is told."""

ACTIVE, FAILED, STOPPED = "ACTIVE", "FAILED", "STOPPED"
_NUMBERED_STATES = {0: FAILED, 1: ACTIVE, 2: STOPPED}  # as Daily's pages had it at first

TERMINAL = {"finished": FINISHED_TYPE, "error": ERROR_TYPE}
"""The states a job stays in, each with the event that tells of it."""


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


def _read_state(value: object) -> str:
    if isinstance(value, (int, float)) and value in _NUMBERED_STATES:
        return _NUMBERED_STATES[int(value)]
    return value.strip().upper() if isinstance(value, str) else ""


def _read_texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


_Lenient = WrapValidator(_or_none)
_Text = Annotated[str | None, _Lenient]
_Secret = Annotated[SecretStr | None, _Lenient]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Webhook(_Part):
    """One webhook of a domain; `failed_count` counts deliveries that failed in a row."""

    uuid: _Text = Field(None, validation_alias=AliasChoices("uuid", "id"))
    url: _Text = None
    state: Annotated[str, BeforeValidator(_read_state)] = ""
    failed_count: Annotated[int | None, _Lenient] = Field(None, validation_alias="failedCount")
    retry_type: _Text = Field(None, validation_alias="retryType")
    event_types: Annotated[tuple[str, ...], BeforeValidator(_read_texts)] = Field((), validation_alias="eventTypes")
    last_pushed: Annotated[str | float | None, _Lenient] = Field(None, validation_alias="lastMomentPushed")
    hmac: _Secret = None

    @property
    def has_failed(self) -> bool:
        """Whether Daily has given up on it, and sends it nothing any more."""
        return self.state == FAILED

    def sends_to(self, url: str) -> bool:
        """Tell whether this is its address, however either is written."""
        return _parts(self.url or "") == _parts(url)

    @property
    def missing_types(self) -> tuple[str, ...]:
        """The events about jobs that it is not subscribed to."""
        return tuple(each for each in EVENT_TYPES if each not in self.event_types)

    @property
    def is_about_jobs(self) -> bool:
        """Whether it tells of batch jobs at all."""
        return self.missing_types != EVENT_TYPES


class ListedJob(_Part):
    """A job as the listing has it; `id` is None when it cannot be one."""

    id: Annotated[str | None, BeforeValidator(read_job_id)] = None
    status: _Text = None

    @property
    def has_ended(self) -> bool:
        """Whether the job is in a state that it stays in."""
        return self.status in TERMINAL


class Page(_Part):
    """A page of the listing; `total_count` is how many jobs there are on all pages."""

    jobs: tuple[ListedJob, ...]
    total_count: int | None = None

    @property
    def last_id(self) -> str | None:
        """Where the next page begins after."""
        return next((job.id for job in reversed(self.jobs) if job.id), None)


def _parts(url: str) -> tuple[object, ...]:
    try:
        address = URL(url)
        return (address.scheme, address.host, address.port, address.raw_path_qs)
    except ValueError:
        return (url,)


def read_webhook(document: object) -> Webhook:
    """Return the webhook that a document describes."""
    return Webhook.model_validate(document if isinstance(document, dict) else {})


def read_webhooks(document: object) -> list[Webhook] | None:
    """Return the webhooks of a list of them; None if it is none."""
    entries = _entries(document)
    return None if entries is None else [read_webhook(each) for each in entries if isinstance(each, dict)]


def read_page(document: object) -> Page | None:
    """Return a page of jobs; None if it is none."""
    entries = _entries(document)
    if entries is None:
        return None
    total = document.get("total_count") if isinstance(document, dict) else None
    is_count = isinstance(total, int) and not isinstance(total, bool)
    jobs = tuple(ListedJob.model_validate(each if isinstance(each, dict) else {}) for each in entries)
    return Page(jobs=jobs, total_count=total if is_count else None)


def _entries(document: object) -> Iterable[object] | None:
    entries = document.get("data") if isinstance(document, dict) else document
    return entries if isinstance(entries, list) else None
