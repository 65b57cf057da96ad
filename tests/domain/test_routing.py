"""Keys and partitions: what Kafka's own partitioner would say, for any bytes at all."""

import json

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from stream.domain.causes import Causes
from stream.domain.homes import homes
from stream.domain.parse import Outcome, parse
from stream.domain.routing import murmur2, partition_of, record_key

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "payload"]), inner),
    max_leaves=8,
)
ENVELOPES = st.fixed_dictionaries(
    {}, optional={"type": st.just("batch-processor.error") | JSON, "id": JSON, "payload": JSON}
)


def make_batch_event(job: object, **envelope: object) -> bytes:
    return json.dumps({"type": "batch-processor.error", "payload": {"id": job}} | envelope).encode()


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (make_batch_event("j1", id="bp-je-j1"), b"j1"),
        (make_batch_event("j1", id="3431-x"), b"j1"),
        (make_batch_event("j1", type="batch-processor.job-finished"), b"j1"),
        (make_batch_event(17, id="e"), b"17"),
        (make_batch_event(True, id="e"), b"e"),
        (make_batch_event("", id="e"), b"e"),
        (make_batch_event(None, id="e"), b"e"),
        (make_batch_event(1.5), None),
        (make_batch_event("é"), "é".encode()),
        (make_batch_event("\ud800"), rb"\ud800"),
        (make_batch_event("j1", type="transcript.error", id="e"), b"e"),
        (make_batch_event("j1", type=["batch-processor.error"], id="e"), b"e"),
        (make_batch_event("j1", payload=["j1"], id="e"), b"e"),
        (b'{"id":7}', None),
        (b'{"id":""}', None),
        (b'{"test":"test"}', None),
        (b"[]", None),
        (b'"id"', None),
        (b"{not json", None),
        (b"", None),
        (b"\xff\xfe\x00", None),
        (b"[" * 200_000, None),
        (b'{"id":' + b"9" * 10_000 + b"}", None),
    ],
)
def test_the_key_is_the_job_id_of_a_batch_event_else_the_envelope_id_else_none(value: bytes, key: bytes | None) -> None:
    assert record_key(value) == key


LONGEST_KEY_BYTES = 200 * len(rb"\ud800")


@pytest.mark.parametrize("letter", ["k", "\N{SNOWMAN}", "\U0001f600", "\ud800"])
@pytest.mark.parametrize("length", [200, 201, 100_000])
def test_a_key_is_short_however_long_the_id(letter: str, length: int) -> None:
    keys = {record_key(make_batch_event(letter * length + end)) for end in "ab"}
    keys |= {record_key(json.dumps({"type": "meeting.started", "id": letter * length + "c"}).encode())}
    assert len(keys) == 3
    assert all(key is not None and len(key) <= LONGEST_KEY_BYTES for key in keys)


@pytest.mark.parametrize("length", [36, 37, 200, 201, 5_000])
def test_a_job_is_at_home_where_its_key_leads_however_long_its_id(length: int) -> None:
    value = make_batch_event("k" * length, event_ts=1_767_603_600)
    outcome = parse(value, 0, Causes())
    assert isinstance(outcome, Outcome)
    assert homes([outcome.job_id], 64).tolist() == [partition_of(record_key(value), value, 64)]


@given(st.binary() | JSON.map(json.dumps).map(str.encode) | ENVELOPES.map(json.dumps).map(str.encode))
def test_any_bytes_have_a_key_in_utf_8_or_none(value: bytes) -> None:
    key = record_key(value)
    assert key is None or key.decode()


@pytest.mark.parametrize(
    ("data", "signed"),
    [  # from the tests of Kafka's Java client, org.apache.kafka.common.utils.UtilsTest
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafkas_java_client(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed % 2**32


@given(st.binary(), st.integers(1, 64))
def test_a_key_goes_where_the_kafka_client_sends_it(key: bytes, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert partition_of(key, b"any", partitions) == DefaultPartitioner()(key, everywhere, everywhere)


@given(st.binary(), st.integers(1, 64))
def test_a_record_without_a_key_goes_by_its_value(value: bytes, partitions: int) -> None:
    assert partition_of(None, value, partitions) == partition_of(value, b"any", partitions)
