"""A run of source records, read: the jobs that ended by columns, and what is not a job.

Law: each record is read as `parse` reads it, and the columns keep the log's order.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.daily import read_error
from stream.domain.causes import Cause, Causes
from stream.domain.event_time import TimeQuality, usual_times
from stream.domain.fast_parse import read_usual
from stream.domain.job_names import chosen
from stream.domain.parse import (
    Ignored,
    Outcome,
    Rejected,
    parse,
    read_preset,
    read_source_type,
)
from stream.domain.records import Run
from stream.domain.tally import Cell

Times = NDArray[np.int64]
Rows = NDArray[np.intp]

ONLY_TIME = -1
"""The code of an event that is no job and still tells the time."""


class Kind(NamedTuple):
    """What jobs have in common that are counted together."""

    preset: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that could not be used, and why: it goes to the rejected topic as it came."""

    offset: int
    key: bytes | None
    value: bytes | None
    rejected: Rejected


@dataclass(slots=True)
class Columns:
    """What a run says, in columns of equal length."""

    rows: Rows = field(default_factory=lambda: np.empty(0, np.intp))
    """Where in the run each entry comes from."""
    job_ids: Sequence[str] = ()
    codes: Rows = field(default_factory=lambda: np.empty(0, np.intp))
    """The index in `kinds`, or `ONLY_TIME`."""
    at_ms: Times = field(default_factory=lambda: np.empty(0, np.int64))
    kinds: list[Kind] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    meters: Counter[str] = field(default_factory=Counter)


def read(run: Run, causes: Causes) -> Columns:
    """Read a run of records."""
    reading = _Reading(run, causes)
    reading.read_usual()
    others = np.ones(len(run.values), np.bool_)
    others[reading.columns.rows] = False
    if not others.any():
        return reading.columns
    for row in np.flatnonzero(others).tolist():
        reading.read_other(row)
    return reading.in_order()


@dataclass(slots=True)
class _Others:
    """Records that are not usual, in columns."""

    rows: list[int] = field(default_factory=list)
    job_ids: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    run: Run
    causes: Causes
    columns: Columns = field(default_factory=Columns)
    code_of: dict[Kind, int] = field(default_factory=dict)
    others: _Others = field(default_factory=_Others)

    def read_usual(self) -> None:
        """Read the usual records, all at once."""
        rows, job_ids, sent, codes, said = self.run.usual or read_usual(self.run.values)
        at_ms, fits = usual_times(sent, np.asarray(self.run.times, np.int64)[rows])
        if not fits.all():
            rows, job_ids, codes, at_ms = rows[fits], chosen(job_ids, np.flatnonzero(fits)), codes[fits], at_ms[fits]
        columns = self.columns
        columns.rows, columns.job_ids, columns.at_ms = rows, job_ids, at_ms
        columns.codes = np.array([self._code(self._kind(*each)) for each in said], np.intp)[codes]
        columns.meters[f"time:{TimeQuality.OK}"] += len(rows)

    def _kind(self, preset: str | None, source: str | None, error: str | bool | None) -> Kind:
        cause = None if error is False else self.causes.classify(read_error(error))
        return Kind(read_preset(preset), _cell(read_source_type(source), cause))

    def _code(self, kind: Kind) -> int:
        if kind not in self.code_of:
            self.code_of[kind] = len(self.columns.kinds)
            self.columns.kinds.append(kind)
        return self.code_of[kind]

    def read_other(self, row: int) -> None:
        """Read one record that is not usual."""
        value, meters = self.run.values[row], self.columns.meters
        parsed = parse(value, self.run.times[row], self.causes)
        if isinstance(parsed, Rejected):
            meters[f"rejected:{parsed.reason}"] += 1
            self.columns.parked.append(Parked(self.run.offsets[row], self.run.keys[row], value, parsed))
        elif isinstance(parsed, Outcome):
            meters[f"time:{parsed.time_quality}"] += 1
            kind = Kind(parsed.preset, _cell(parsed.source_type, parsed.cause))
            self._add(row, parsed.job_id, self._code(kind), parsed.at_ms)
        else:
            self._ignore(row, parsed)

    def _ignore(self, row: int, ignored: Ignored) -> None:
        self.columns.meters[f"ignored:{ignored.reason}:{ignored.event_type}"] += 1
        if ignored.at_ms is not None:
            self._add(row, "", ONLY_TIME, ignored.at_ms)

    def _add(self, row: int, job_id: str, code: int, at_ms: int) -> None:
        self.others.rows.append(row)
        self.others.job_ids.append(job_id)
        self.others.codes.append(code)
        self.others.at_ms.append(at_ms)

    def in_order(self) -> Columns:
        """Return the columns in the order of the log."""
        columns, others = self.columns, self.others
        rows, job_ids = np.concatenate((columns.rows, np.array(others.rows, np.intp))), columns.job_ids
        order = np.argsort(rows)
        columns.rows = rows[order]
        columns.job_ids = chosen([*job_ids, *others.job_ids] if others.job_ids else job_ids, order)
        columns.codes = np.concatenate((columns.codes, np.array(others.codes, np.intp)))[order]
        columns.at_ms = np.concatenate((columns.at_ms, np.array(others.at_ms, np.int64)))[order]
        return columns


def _cell(source_type: str, cause: Cause | None) -> Cell:
    return Cell(source_type) if cause is None else Cell(source_type, cause.reason, cause.stage, cause.root_stage)
