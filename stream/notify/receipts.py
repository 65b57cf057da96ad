"""Receipts and dead letters as Kafka records: what is remembered across restarts, and what could not be told.

Law: pure. There is one receipt for each channel and subject, the newest, under a key that compaction keeps; what cannot
be read is passed over, and costs at most a message told twice.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.alert import AlertEvent
from schemas.times import Timestamp
from stream.domain.duration import parse_duration
from stream.notify.news import Buried, Fate, Receipt, subject_of

FORGOTTEN_AFTER_MS = parse_duration("30d")
"""How long what has resolved is remembered; after that its rule and preset may be gone for good."""


class Record(NamedTuple):
    """What goes to the broker; no value deletes what the key had."""

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class _Stored(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    schema_id: Literal["presetwatch.receipt/1"] = Field("presetwatch.receipt/1", alias="schema")
    channel: str
    told_at: Timestamp
    fate: Fate
    event: AlertEvent


def write_receipt(channel: str, receipt: Receipt) -> Record:
    """Return the record of a receipt."""
    stored = _Stored(channel=channel, told_at=receipt.told_at, fate=receipt.fate, event=receipt.event)
    return Record(_key(channel, receipt), stored.model_dump_json(by_alias=True).encode())


def _key(channel: str, receipt: Receipt) -> bytes:
    return json.dumps([channel, *subject_of(receipt.event)], ensure_ascii=False, separators=(",", ":")).encode()


def read_receipts(values: Iterable[bytes | None]) -> dict[str, list[Receipt]]:
    """Return the newest receipt of each subject by channel, from all that the topic holds.

    A notifier that was thought dead may write one more after its successor: the newest is what happened last.
    """
    newest: dict[bytes, tuple[str, Receipt]] = {}
    for key, channel, receipt in _read(values):
        if key not in newest or _age(newest[key][1]) <= _age(receipt):
            newest[key] = channel, receipt
    found: dict[str, list[Receipt]] = {}
    for channel, receipt in newest.values():
        found.setdefault(channel, []).append(receipt)
    return found


def mend(values: Iterable[bytes | None], found: dict[str, list[Receipt]]) -> list[Record]:
    """Return the records that put the newest receipts last again, since compaction keeps what is last."""
    last = {key: receipt for key, _, receipt in _read(values)}
    return [
        write_receipt(channel, receipt)
        for channel, receipts in found.items()
        for receipt in receipts
        if last[_key(channel, receipt)] != receipt
    ]


def _age(receipt: Receipt) -> tuple[int, int, int]:
    return receipt.event.started_at, receipt.event.sequence, receipt.told_at


def _read(values: Iterable[bytes | None]) -> Iterator[tuple[bytes, str, Receipt]]:
    for value in values:
        try:
            stored = _Stored.model_validate_json(value or b"")
        except ValidationError:
            continue
        receipt = Receipt(stored.event, stored.told_at, stored.fate)
        yield _key(stored.channel, receipt), stored.channel, receipt


def forget(found: dict[str, list[Receipt]], now: int) -> list[Record]:
    """Take out receipts that are no longer needed; return the records that delete them."""
    records = []
    for channel, receipts in found.items():
        gone = [each for each in receipts if not each.is_firing and now - each.told_at > FORGOTTEN_AFTER_MS]
        found[channel] = [each for each in receipts if each not in gone]
        records += [Record(_key(channel, each), None) for each in gone]
    return records


def write_dead_letter(channel: str, buried: Buried) -> Record:
    """Return the record of what a channel could not be told: the alert event as it came, and why in headers."""
    headers = {"channel": channel, "reason": buried.why, "tries": str(buried.item.tries)}
    event = buried.item.event
    encoded = tuple((name, text.encode("utf-8", "replace")) for name, text in headers.items())
    return Record(event.preset.encode("utf-8", "replace"), event.to_json(), encoded)
