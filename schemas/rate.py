"""The error rate of one preset over one window, as the HTTP views and the command line show it.

Law: a rate over zero jobs is null, never 0; all times are event time.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, model_validator

from schemas.counts import Counts, Ratio, check_null_over_zero_jobs
from schemas.times import Timestamp


class Rate(BaseModel):
    """Counts and error rate with its bounds in the window [`window_start`, `window_end`)."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    preset: str
    window_start: Timestamp
    window_end: Timestamp
    errors: NonNegativeInt
    finished: NonNegativeInt
    total: NonNegativeInt
    error_rate: Ratio | None
    error_rate_low: Ratio | None
    error_rate_high: Ratio | None
    reasons: Counts = {}
    parties: Counts = {}
    stages: Counts = {}
    root_stages: Counts = {}

    @model_validator(mode="after")
    def _null_over_zero_jobs(self) -> Self:
        check_null_over_zero_jobs(self.total, self.error_rate, self.error_rate_low, self.error_rate_high)
        return self
