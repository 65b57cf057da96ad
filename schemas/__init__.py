"""What others depend on: the messages of every public topic and view, as pydantic models.

Law: standard library and pydantic only, so that a consumer can install these models without the rest.
"""

from schemas.alert import AlertEvent, AlertKind, ResolveReason, RuleKind
from schemas.daily import (
    ErrorEvent,
    FailedJobPayload,
    FinishedEvent,
    JobInput,
    JobOutput,
    JobPayload,
    OutputFile,
    S3Config,
)
from schemas.export import json_schemas
from schemas.rate import Rate
from schemas.rejected import RejectedHeaders, RejectedReason
from schemas.times import format_time, read_time

__all__ = [
    "AlertEvent",
    "AlertKind",
    "ErrorEvent",
    "FailedJobPayload",
    "FinishedEvent",
    "JobInput",
    "JobOutput",
    "JobPayload",
    "OutputFile",
    "Rate",
    "RejectedHeaders",
    "RejectedReason",
    "ResolveReason",
    "RuleKind",
    "S3Config",
    "format_time",
    "json_schemas",
    "read_time",
]
