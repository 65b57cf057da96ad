"""The headers of a record on the rejected topic; its key and value are as they were received.

Law: the headers alone say why and whence, so a record can be mended and sent again. A record that is larger than the
topic takes comes without key and value; it still lies where the headers say.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt


class RejectedReason(StrEnum):
    """Why a record could not be counted; always its sender's doing."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    NO_TYPE = "no_type"
    UNSUPPORTED_VERSION = "unsupported_version"
    NO_PAYLOAD = "no_payload"
    NO_JOB_ID = "no_job_id"
    NO_TIME = "no_time"


def _header_name(field: str) -> str:
    return field.replace("_", "-")


class RejectedHeaders(BaseModel):
    """Why a record was rejected (`reason` is a `RejectedReason`, or one from a later release) and where it stood."""

    model_config = ConfigDict(frozen=True, alias_generator=_header_name, populate_by_name=True)

    reason: str
    detail: str = Field(description="One short sentence, without credentials.")
    source_topic: str
    source_partition: NonNegativeInt
    source_offset: NonNegativeInt
    value_left_out: NonNegativeInt | None = Field(
        None,
        description="The value's size in bytes, if key and value are left out because the topic takes no such size.",
    )

    def to_kafka(self) -> list[tuple[str, bytes]]:
        """Return the headers as Kafka carries them, numbers in decimal."""
        fields = self.model_dump(by_alias=True, exclude_none=True)
        return [(name, str(value).encode("utf-8", "replace")) for name, value in fields.items()]

    @classmethod
    def from_kafka(cls, headers: Iterable[tuple[str, bytes | None]]) -> Self:
        """Read them back, ignoring foreign headers; ValueError when one is missing or malformed."""
        texts = {name: value.decode("utf-8", "replace") for name, value in headers if value is not None}
        return cls.model_validate(texts)

    @staticmethod
    def value_left_out_header(size: int) -> tuple[str, bytes]:
        """Return the header that says how large, in bytes, a value was that is left out."""
        return _header_name("value_left_out"), b"%d" % size
