"""Who sent a webhook: Daily's signature as documented, each mistake people make with it, and its age."""

import json
import time
from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.gateway.outcomes import Outcome
from stream.gateway.verification import Claims, Verifier, is_ping, read_keys, read_timestamp, sign
from tests.webhooks import OTHER_SECRET, SECRET, WRONGLY_SIGNED, Headers, signed

NOW_MS = 1_711_402_402_539
HOUR_MS = 3_600_000
BODY = b'{"type":"batch-processor.error"}'
KEYS = read_keys(SECRET)
ANY_TEXT = st.text(st.characters(codec="utf-8", categories=None) | st.just("\udcff"), max_size=40)


def claims(headers: Headers) -> Claims:
    get = headers.get
    return Claims(get("X-Webhook-Timestamp", ""), get("X-Webhook-Signature", ""), get("Authorization", ""))


def is_taken_in(verifier: Verifier, headers: Headers, body: bytes = BODY, now_ms: int | None = None) -> bool:
    at_ms = time.time_ns() // 10**6 if now_ms is None else now_ms
    return verifier.doubt(claims(headers), at_ms) is None and verifier.has_signed(claims(headers), body)


def test_the_documented_vector_is_right() -> None:
    timestamp, signature = "1711402402539", "R7mQEQp9sm/Qd6aAHMlKhSRQ6kVNf6yw7q2txO802y4="
    assert sign(KEYS[0], timestamp, b'{"test":"test"}') == signature
    headers = {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": signature}
    assert is_taken_in(Verifier(KEYS, None, HOUR_MS), headers, b'{"test":"test"}', NOW_MS)
    assert headers == signed(b'{"test":"test"}', timestamp=timestamp)


@pytest.mark.parametrize("how", WRONGLY_SIGNED)
def test_what_is_wrongly_signed_is_not_taken_in(how: str) -> None:
    verifier = Verifier(KEYS, None, HOUR_MS)
    assert is_taken_in(verifier, signed(BODY))
    assert not is_taken_in(verifier, WRONGLY_SIGNED[how](BODY))


@given(st.binary(max_size=200), st.integers(0, 7))
def test_a_signature_covers_every_bit_of_the_body(body: bytes, bit: int) -> None:
    headers = signed(body, timestamp=str(NOW_MS))
    verifier = Verifier(KEYS, None, HOUR_MS)
    assert is_taken_in(verifier, headers, body, NOW_MS)
    for at in range(len(body)):
        changed = body[:at] + bytes((body[at] ^ 1 << bit,)) + body[at + 1 :]
        assert not is_taken_in(verifier, headers, changed, NOW_MS)


def test_any_of_several_secrets_may_sign_while_one_replaces_the_other() -> None:
    verifier = Verifier(read_keys(f"{OTHER_SECRET}, {SECRET}"), None, HOUR_MS)
    assert is_taken_in(verifier, signed(BODY, SECRET))
    assert is_taken_in(verifier, signed(BODY, OTHER_SECRET))
    assert not is_taken_in(verifier, signed(BODY, b64encode(b"a third").decode()))


@pytest.mark.parametrize(
    "timestamp",
    [
        "1711402402",
        "1711402402.539",
        "1711402402539",
        "1711402402539000",
        "1711402402539000000",
        "2024-03-25T21:33:22Z",
    ],
)
def test_a_timestamp_in_any_unit_is_the_same_time(timestamp: str) -> None:
    at_ms = read_timestamp(timestamp)
    assert at_ms is not None
    assert abs(at_ms - NOW_MS) < 1_000
    assert is_taken_in(Verifier(KEYS, None, HOUR_MS), signed(BODY, timestamp=timestamp), BODY, NOW_MS)


@pytest.mark.parametrize(
    "timestamp", ["", "soon", "1e12", "-1711402402", "0x1", "1_711_402_402", "NaN", "\N{FULLWIDTH DIGIT ONE}711402402"]
)
def test_what_is_no_time_is_none(timestamp: str) -> None:
    assert read_timestamp(timestamp) is None


@given(
    st.from_regex(r"[0-9]{1,11}(\.[0-9]{1,9})?|2024-03-25T21:33:22(\.[0-9]{1,6})?Z", fullmatch=True),
    st.text('0.{}5"', max_size=9).map(str.encode),
)
@example("1711402402", b"539.{}")
@example("1711402402.539", b"{}")
@example("1711402402539", b'{"error":"403.{}"}')
def test_a_signature_vouches_for_one_timestamp_and_one_body(timestamp: str, body: bytes) -> None:
    headers, whole = signed(body, timestamp=timestamp), timestamp.encode() + b"." + body
    splits = [(whole[:at].decode(), whole[at + 1 :]) for at, byte in enumerate(whole) if byte == ord(".")]
    verifier = Verifier(KEYS, None, 10**15)
    taken_in = [
        split for split in splits if is_taken_in(verifier, {**headers, "X-Webhook-Timestamp": split[0]}, split[1])
    ]
    assert len(taken_in) <= 1
    assert taken_in == [(timestamp, body)] or body[:1].isdigit()


@pytest.mark.parametrize(("off_ms", "doubt"), [(0, None), (HOUR_MS, None), (HOUR_MS + 1, Outcome.STALE)])
def test_a_signature_is_too_old_or_too_far_ahead_past_the_tolerance(off_ms: int, doubt: Outcome | None) -> None:
    for at_ms in (NOW_MS - off_ms, NOW_MS + off_ms):
        assert Verifier(KEYS, None, HOUR_MS).doubt(claims(signed(BODY, timestamp=str(at_ms))), NOW_MS) is doubt


def test_without_a_tolerance_no_time_is_looked_at() -> None:
    for timestamp in ("1711402402539", "soon"):
        assert is_taken_in(Verifier(KEYS), signed(BODY, timestamp=timestamp))


@pytest.mark.parametrize("sent", ["Basic s3cret", "basic s3cret", "Basic " + b64encode(b"s3cret").decode()])
def test_basic_auth_arrives_as_it_was_given_or_encoded(sent: str) -> None:
    assert is_taken_in(Verifier((), "s3cret"), {"Authorization": sent})


@pytest.mark.parametrize(
    "sent", ["", "s3cret", "Bearer s3cret", "Basic s3cre", "Basic", "Basic \udcff", "Basic s3cret x"]
)
def test_wrong_basic_auth_is_refused(sent: str) -> None:
    assert Verifier((), "s3cret").doubt(Claims(authorization=sent), NOW_MS) is Outcome.WRONG_CREDENTIALS


def test_where_both_are_set_both_are_needed() -> None:
    verifier, basic = Verifier(KEYS, "s3cret", HOUR_MS), {"Authorization": "Basic s3cret"}
    assert is_taken_in(verifier, signed(BODY) | basic)
    assert not is_taken_in(verifier, signed(BODY))
    assert not is_taken_in(verifier, signed(BODY, OTHER_SECRET) | basic)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, st.binary(max_size=50), st.booleans())
def test_any_headers_and_bytes_are_judged(at: str, signature: str, basic: str, body: bytes, has_basic: bool) -> None:
    verifier, given_claims = Verifier(KEYS, "s3cret" if has_basic else None, HOUR_MS), Claims(at, signature, basic)
    doubt = verifier.doubt(given_claims, NOW_MS)
    assert doubt is None or doubt.status == 401
    assert not verifier.has_signed(given_claims, body)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert read_timestamp(text) is None or isinstance(read_timestamp(text), int)


@pytest.mark.parametrize("secrets", ["", "hush!", f"{SECRET},", "c2VjcmV", "secret with spaces"])
def test_a_secret_that_is_not_base64_is_refused_without_being_told(secrets: str) -> None:
    with pytest.raises(ValueError, match=r"secret \d is not base64") as raised:
        read_keys(secrets)
    assert not secrets or secrets not in str(raised.value)


@pytest.mark.parametrize("ping", [b'{"test":"test"}', b'{ "test" : "test" }\n', b'{"test":1}'])
def test_the_ping_is_known_however_it_is_written(ping: bytes) -> None:
    assert is_ping(ping)


@pytest.mark.parametrize(
    "body", [b"", b"test", b"[]", b'{"test":1,"type":"a"}', b"{}", b'{"test":"' + b"x" * 300 + b'"}', b"[" * 250]
)
def test_what_is_no_ping_is_not_dropped(body: bytes) -> None:
    assert not is_ping(body)


@given(
    st.dictionaries(st.just("test") | st.text(max_size=3), st.text(max_size=300) | st.none(), max_size=2)
    | st.lists(st.none())
)
def test_only_an_object_of_test_alone_is_the_ping(tree: object) -> None:
    body = json.dumps(tree).encode()
    assert is_ping(body) is (isinstance(tree, dict) and set(tree) == {"test"} and len(body) <= 256)
