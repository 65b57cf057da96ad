"""What one source's journal holds, and which records to write next.

Law: folding the records that are left gives what folding all that were ever written gave, after any number of them.
Records are merged as they grow old, the small ones first, so that a journal stays short however small the batches are;
the merged record is written before those it replaces are deleted, and until then it wins over them.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace

from stream.domain.journal import Corrupt, Hole, decode, encode, expires_at, fold, merged, record_key, source_of
from stream.domain.sources import Batch, SourceState

TOGETHER = 8
"""Records merged at once: each job is rewritten a logarithmic number of times, to this base."""

LARGEST_BYTES = 500_000
"""Half of what a broker takes by default."""

Record = tuple[bytes, bytes | None]
"""A key with its value; None deletes it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the journal."""

    key: bytes
    size: int
    expires_ms: int
    """The watermark from which it says nothing any more."""
    batch: Batch | None
    """What it says; None once it will not be merged any more."""


@dataclass(slots=True)
class JournalLog:
    """One source's journal, as its present writer knows it."""

    chain: bytes
    kept: int
    """How many failures are remembered of each reason."""
    writer: bytes = b""
    source: str = ""
    """The id of the topic that is counted."""
    entries: list[Entry] = field(default_factory=list)
    newest: Batch | None = None
    """Of what was recovered, the record that ends last: what it says may not have been published."""
    rescued: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Records under new keys, because somebody who had been replaced wrote to the old ones."""
    useless: list[bytes] = field(default_factory=list)
    """Keys of records that no fold needs, to be deleted with the next write."""

    def read(
        self, state: SourceState, rows: Iterable[tuple[bytes, bytes]], spoiled: Container[bytes] = ()
    ) -> Corrupt | Hole | None:
        """Fold a recovered journal into a new state; say why that cannot be done.

        Records under `spoiled` keys are there still, and will be gone once the log is compacted.
        """
        held: list[tuple[bytes, bytes, Batch]] = []
        for key, value in rows:
            batch = decode(key, value)
            if isinstance(batch, Corrupt):
                return batch
            if source_of(value) not in ("", self.source):
                return Corrupt(key, "it was counted from another topic of that name, which has been made anew since")
            held.append((key, value, batch))
        hole = fold(state, [batch for _, _, batch in held])
        if hole is None:
            self._take(state, held, spoiled)
        return hole

    def _take(self, state: SourceState, held: list[tuple[bytes, bytes, Batch]], spoiled: Container[bytes]) -> None:
        reached = -1
        for key, value, batch in sorted(held, key=lambda item: (item[2].first, -item[2].last)):
            is_needed = batch.first >= reached
            kept = self._rescued(key, value, batch) if is_needed and key in spoiled else key
            if batch.last < batch.first or not is_needed:
                self.useless.append(key)
            else:
                self.entries.append(_entry(kept, len(value), batch, state))
                self.newest, reached = batch, batch.last + 1
                self._let_go()

    def _rescued(self, key: bytes, value: bytes, batch: Batch) -> bytes:
        kept = self._key(batch)
        self.rescued.append((kept, value))
        self.useless.append(key)
        return kept

    def repair(self) -> Iterator[Record]:
        """Yield what must be written before anything else after a recovery."""
        rescued, self.rescued = self.rescued, []
        yield from rescued
        if rescued:
            yield from self._drop(0)

    def _key(self, batch: Batch) -> bytes:
        return record_key(self.chain, batch, self.writer)

    def write(self, batch: Batch, state: SourceState, before_ms: int) -> Iterator[Record]:
        """Yield the records to write, in order, for a batch that is in effect already.

        What has expired at `before_ms`, in epoch milliseconds, is not asked for any more. It is no later than the
        watermark at which any record of the batch was read: a batch may count in panes that its own time closes.
        """
        key, value = self._key(batch), encode(batch, self.source)
        yield key, value
        if batch.last >= batch.first:
            self.entries.append(_entry(key, len(value), batch, state))
            self._let_go()
        while len(self.entries) >= TOGETHER and _are_worth_merging(self.entries[-TOGETHER:]):
            yield from self._merge(state)
        yield from self._drop(before_ms)

    def _let_go(self) -> None:
        """Let go of what old records say: too much has come since, or one too large, for a merge to reach them.

        Records that hold the same panes shrink as they are merged, so that now and then two could have been one.
        """
        size, at = 0, len(self.entries)
        while at and size <= 2 * LARGEST_BYTES and self.entries[at - 1].batch is not None:
            at -= 1
            size += self.entries[at].size
        if at and self.entries[at - 1].batch is None:
            at -= 1
        while at and self.entries[at - 1].batch is not None:
            at -= 1
            self.entries[at] = replace(self.entries[at], batch=None)

    def _merge(self, state: SourceState) -> Iterator[Record]:
        parts = self.entries[-TOGETHER:]
        whole = merged([part.batch for part in parts if part.batch is not None], self.kept)
        key, value = self._key(whole), encode(whole, self.source)
        self.entries[-TOGETHER:] = [_entry(key, len(value), whole, state)]
        yield key, value
        yield from ((part.key, None) for part in parts if part.key != key)

    def _drop(self, watermark_ms: int) -> Iterator[Record]:
        expired = 0
        while expired < len(self.entries) - 1 and self.entries[expired].expires_ms <= watermark_ms:
            expired += 1
        useless = [*self.useless, *(entry.key for entry in self.entries[:expired])]
        del self.entries[:expired]
        self.useless.clear()
        yield from ((key, None) for key in useless)


def _entry(key: bytes, size: int, batch: Batch, state: SourceState) -> Entry:
    return Entry(key, size, expires_at(batch, state), batch if size < LARGEST_BYTES // 2 else None)


def _are_worth_merging(parts: list[Entry]) -> bool:
    sizes = [part.size for part in parts]
    whole = sum(sizes)
    # A part that makes up most of the whole would be rewritten for the sake of little.
    return whole <= LARGEST_BYTES and 2 * max(sizes) <= whole and all(part.batch is not None for part in parts)
