"""Daily's webhook bodies for batch-processor jobs, as Daily sends them.

Law: lenient. Unknown fields are dropped and a part of an odd shape reads as absent, because Daily adds fields
without notice and documents few of them; only the exact `type`, a payload and a job id are insisted on.
Source: docs.daily.co, reference/rest-api/webhooks/events/batch-processor-*.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import to_json

ERROR_TYPE = "batch-processor.error"
FINISHED_TYPE = "batch-processor.job-finished"

_NUMBER_BOUND = 10**40  # Python refuses to write out numbers of thousands of digits


def read_job_id(value: object) -> str | None:
    """Return a job id as text, whole numbers included; None for anything that cannot name a job."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _NUMBER_BOUND:
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def read_error(value: object) -> str:
    """Return an error as text: strings verbatim, nothing (null, blank, `{}`, `[]`) as "", the rest as JSON."""
    if isinstance(value, str):
        return value if value.strip() else ""
    if value is None or value in ({}, []):
        return ""
    return to_json(value, inf_nan_mode="constants").decode()


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


_Lenient = WrapValidator(_or_none)
_Text = Annotated[str | None, _Lenient]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class S3Config(_Part):
    """Where Daily stored one output file."""

    key: _Text = None
    bucket: _Text = None
    region: _Text = None


class OutputFile(_Part):
    """One file a job produced."""

    format: _Text = None
    s3_config: Annotated[S3Config | None, _Lenient] = Field(None, alias="s3Config")


_File = Annotated[OutputFile | None, _Lenient]


class JobOutput(_Part):
    """What a finished job produced; which fields are there depends on the preset."""

    transcription: Annotated[tuple[_File, ...] | None, _Lenient] = None
    summary: _File = None
    soap: _File = None
    concept: _File = None


class JobInput(_Part):
    """What a job was given; `source_type` says which of the others is set. `uri` may hold a presigned secret."""

    source_type: _Text = Field(None, alias="sourceType")
    uri: _Text = None
    recording_id: _Text = Field(None, alias="recordingId")
    transcript_uri: _Text = Field(None, alias="transcriptUri")
    language: _Text = None


class JobPayload(_Part):
    """One job in its terminal state; `id` is the identity, `preset` an open set that may be missing."""

    id: Annotated[str, BeforeValidator(read_job_id, json_schema_input_type=str | int)]
    preset: _Text = None
    status: _Text = None
    input: Annotated[JobInput | None, _Lenient] = None
    output: Annotated[JobOutput | None, _Lenient] = None


class FailedJobPayload(JobPayload):
    """A job that failed, with the reason as free text; "" when Daily gave none."""

    error: Annotated[str, BeforeValidator(read_error, json_schema_input_type=Any)] = ""


class _Event(_Part):
    version: Any = Field(None, description="Semantic version of the envelope; 1.x is understood.")
    id: Any = Field(None, description="Opaque id of this delivery; never the identity of the job.")
    event_ts: Any = Field(None, description="When the webhook was sent: epoch seconds with fractions.")


class ErrorEvent(_Event):
    """A batch job entered the state `error`."""

    type: Literal["batch-processor.error"]
    payload: FailedJobPayload


class FinishedEvent(_Event):
    """A batch job entered the state `finished`."""

    type: Literal["batch-processor.job-finished"]
    payload: JobPayload
