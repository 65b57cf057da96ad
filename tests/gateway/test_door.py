"""The gateway as its senders meet it over real sockets: polite ones, clumsy ones and hostile ones."""

import asyncio
import gzip
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.gateway.door import Connection, Limits
from stream.gateway.openapi import openapi
from stream.gateway.outcomes import Outcome
from stream.gateway.receiver import BODY_BYTES
from stream.gateway.verification import Verifier, read_keys
from tests.gateway.conftest import Served, served
from tests.webhooks import SECRET, WRONGLY_SIGNED, signed

BODY = b'{"type":"batch-processor.error","payload":{"id":"job-1"}}'
PING = b'{"test":"test"}'
PATIENCE_SECONDS = 30.0
DOCUMENTED = {int(each) for each in openapi("1")["paths"]["/webhooks/daily"]["post"]["responses"]}


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def read_answer(sock: socket.socket) -> Answer:
    response = HTTPResponse(sock, method="POST")
    response.begin()
    return Answer(response.status, dict(response.getheaders()), response.read())


def post(gateway: Served, body: bytes, headers: Mapping[str, str] | None = None, method: str = "POST") -> Answer:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    try:
        connection.request(method, "/webhooks/daily", body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def request(body: bytes, headers: Mapping[str, str] | None = None, length: int | None = None) -> bytes:
    lines = {"Host": "x", "Content-Length": str(len(body) if length is None else length), **(headers or signed(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /webhooks/daily HTTP/1.1\r\n{head}\r\n".encode() + body


def chunked(body: bytes, size: int, headers: Mapping[str, str] | None = None) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in (headers or signed(body)).items())
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    lines = f"POST /webhooks/daily HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{head}\r\n"
    return lines.encode() + framed + b"0\r\n\r\n"


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", said)]


def is_closed(sock: socket.socket) -> bool:
    """Wait until the other side closes; anything it says before is read."""
    try:
        while sock.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def send_until_closed(sock: socket.socket, some: bytes, pause_seconds: float = 0.0) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        try:
            sock.sendall(some)
        except ConnectionError:
            return
        time.sleep(pause_seconds)
    raise AssertionError("nobody has closed the connection")


def wait_until(look: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)  # the server is another thread, and what it counts tells nobody


def is_well(gateway: Served) -> bool:
    body = b"still there, %d" % time.monotonic_ns()
    return post(gateway, body, signed(body)).status == 200 and body in gateway.store.bodies


def test_what_is_signed_is_stored_byte_for_byte_and_then_answered_200(gateway: Served) -> None:
    bodies = [BODY, b"", b"no json at all", bytes(range(256)), b"[" * 5_000, b'{"test":"test","type":"a"}']
    assert [post(gateway, body, signed(body)).status for body in bodies] == [200] * len(bodies)
    assert gateway.store.bodies == bodies


@pytest.mark.parametrize("how", WRONGLY_SIGNED)
def test_what_is_wrongly_signed_is_answered_401_and_not_stored(how: str) -> None:
    with served(Verifier(read_keys(SECRET), None, 3_600_000)) as gateway:
        raw = {name: value.encode(errors="surrogateescape") for name, value in WRONGLY_SIGNED[how](BODY).items()}
        with gateway.connect() as sock:
            head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in raw.items())
            sock.sendall(b"POST /webhooks/daily HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(BODY))
            sock.sendall(head + b"\r\n" + BODY)
            answer = read_answer(sock)
        assert answer.status == 401
        assert json.loads(answer.body)["status"] == 401
        assert not gateway.store.bodies


@pytest.mark.parametrize("headers", [{}, signed(PING), WRONGLY_SIGNED["with another secret"](PING)])
def test_the_ping_is_answered_200_and_dropped_however_it_is_signed(gateway: Served, headers: dict[str, str]) -> None:
    assert post(gateway, PING, headers).status == 200
    assert not gateway.store.bodies
    assert gateway.receiver.meters[Outcome.PING] == 1


def test_any_method_but_post_is_answered_405_and_another_path_404(gateway: Served) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"):
        answer = post(gateway, b"", method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    with gateway.connect() as sock:
        sock.sendall(request(BODY).replace(b"/webhooks/daily", b"/webhooks/daily/../x"))
        assert read_answer(sock).status == 404


@pytest.mark.parametrize("size", [1, 7, BODY_BYTES])
def test_a_chunked_body_is_the_same_body(gateway: Served, size: int) -> None:
    body = BODY * 20
    with gateway.connect() as sock:
        sock.sendall(chunked(body, size))
        assert read_answer(sock).status == 200
    assert gateway.store.bodies == [body]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "\N{SNOWMAN}"])
def test_a_compressed_body_is_stored_as_it_is_and_says_so(gateway: Served, encoding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with gateway.connect() as sock:
        head = signed(bomb) | {"Host": "x", "Content-Length": str(len(bomb)), "Content-Encoding": encoding}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        sock.sendall(f"POST /webhooks/daily HTTP/1.1\r\n{lines}\r\n".encode() + bomb)
        assert read_answer(sock).status == 200
    assert gateway.store.bodies == [bomb]
    assert gateway.store.headers == [[("content-encoding", encoding.encode())]]


def test_the_largest_body_is_taken_in_and_a_larger_one_answered_413(gateway: Served) -> None:
    largest = b"x" * BODY_BYTES
    assert post(gateway, largest, signed(largest)).status == 200
    assert post(gateway, largest + b"x", signed(largest + b"x")).status == 413
    with gateway.connect() as sock:
        sock.sendall(chunked(largest + b"x", 60_000))
        assert read_answer(sock).status == 413
    assert gateway.store.bodies == [largest]
    assert gateway.receiver.reading == 0


def test_a_body_that_never_ends_is_answered_413_and_read_no_more(gateway: Served) -> None:
    with gateway.connect() as sock:
        sock.sendall(chunked(b"", 1, signed(b"")).removesuffix(b"0\r\n\r\n"))
        send_until_closed(sock, b"10000\r\n" + b"x" * 65_536 + b"\r\n")
    assert gateway.receiver.meters[Outcome.TOO_LARGE] == 1
    assert gateway.receiver.reading == 0
    assert is_well(gateway)


@pytest.mark.parametrize(("length", "status"), [(257, 401), (BODY_BYTES, 401), (BODY_BYTES + 1, 413)])
def test_no_more_of_an_unsigned_body_is_read_than_a_ping_has(gateway: Served, length: int, status: int) -> None:
    with gateway.connect() as sock:
        sock.sendall(request(b"", {"A": "b"}, length=length))
        assert read_answer(sock).status == status


def test_whoever_asks_is_told_to_go_on(gateway: Served) -> None:
    with gateway.connect() as sock:
        sock.sendall(request(BODY, signed(BODY) | {"Expect": "100-continue"}).removesuffix(BODY))
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(BODY)
        assert read_answer(sock).status == 200
    assert gateway.store.bodies == [BODY]


def test_pipelined_webhooks_are_all_answered_in_order(gateway: Served) -> None:
    bodies = [b"%d" % number for number in range(500)]
    with gateway.connect() as sock:
        sock.sendall(b"".join(map(request, bodies)))
        said = b""
        while len(statuses(said)) < len(bodies):
            said += sock.recv(65_536)
    assert statuses(said) == [200] * len(bodies)
    assert gateway.store.bodies == bodies


def test_a_store_without_room_is_answered_503_with_when_to_come_again(gateway: Served) -> None:
    gateway.store.room = 0
    answer = post(gateway, BODY, signed(BODY))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert post(gateway, PING).status == 200
    assert not gateway.store.bodies
    gateway.store.room = 10**9
    assert is_well(gateway)


def test_without_room_a_ping_that_comes_in_pieces_is_answered_200_and_a_webhook_503(gateway: Served) -> None:
    gateway.store.room = 0
    for body, status in ((PING, 200), (BODY, 503)):
        with gateway.connect() as sock:
            sock.sendall(request(body).removesuffix(body))
            wait_until(lambda: gateway.door._busy > 0)
            sock.sendall(body)
            assert read_answer(sock).status == status
    assert gateway.receiver.reading == 0


def test_bodies_being_read_are_shed_when_together_they_are_too_much(gateway: Served) -> None:
    gateway.store.room = 3 * BODY_BYTES
    body = b"x" * BODY_BYTES
    with ExitStack() as stack:
        socks = [stack.enter_context(gateway.connect()) for _ in range(6)]
        for sock in socks:
            sock.sendall(request(body)[:-1])
        wait_until(lambda: gateway.receiver.meters[Outcome.CROWDED] >= 3)
        assert gateway.receiver.reading <= 3 * BODY_BYTES
    wait_until(lambda: gateway.receiver.reading == 0)
    assert is_well(gateway)


def test_a_defect_is_answered_503_so_that_nothing_is_lost(gateway: Served) -> None:
    gateway.store.is_defect = True
    assert post(gateway, BODY, signed(BODY)).status == 503


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST /webhooks/daily HTTP/1.1\r\nHost: x\r\nX-A: ", request(BODY)[:-1], chunked(BODY, 5)[:-9]],
    ids=["nothing", "half a header", "half a body", "half its chunks"],
)
def test_whoever_never_comes_to_an_end_is_closed_in_time(gateway: Served, beginning: bytes) -> None:
    with gateway.connect() as sock:
        sock.sendall(beginning)
        assert is_closed(sock)
    wait_until(lambda: not gateway.door.connections)
    assert is_well(gateway)


def test_whoever_trickles_is_closed_in_time(gateway: Served) -> None:
    with gateway.connect() as sock:
        send_until_closed(sock, b"P", pause_seconds=0.05)  # slowness is the point


def test_whoever_does_not_read_their_answers_is_closed_in_time(gateway: Served) -> None:
    with gateway.connect() as sock:
        send_until_closed(sock, request(PING, {"A": "b"}) * 100)
        wait_until(lambda: not gateway.door.connections)
    assert is_well(gateway)


def test_a_connection_between_requests_is_left_alone(gateway: Served) -> None:
    with gateway.connect() as sock:
        sock.sendall(request(BODY))
        assert read_answer(sock).status == 200
        time.sleep(3 * gateway.door.limits.request_seconds)  # nothing must happen meanwhile
        sock.sendall(request(BODY))
        assert read_answer(sock).status == 200


def test_one_connection_too_many_is_turned_away_with_503_until_others_go(gateway: Served) -> None:
    with ExitStack() as stack:
        for _ in range(gateway.door.limits.connections):
            stack.enter_context(gateway.connect())
        wait_until(lambda: len(gateway.door.connections) == gateway.door.limits.connections)
        with gateway.connect() as sock:
            answer = read_answer(sock)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    wait_until(lambda: not gateway.door.connections)
    assert is_well(gateway)


def test_who_has_been_idle_for_longest_makes_room_for_who_comes(gateway: Served) -> None:
    limit = gateway.door.limits.connections
    with ExitStack() as stack:
        idle = [stack.enter_context(gateway.connect()) for _ in range(limit)]
        for sock in idle:
            sock.sendall(request(b"", {"A": "b"}))
            assert read_answer(sock).status == 401
        for _ in range(3):
            assert is_well(gateway)
        late = [stack.enter_context(gateway.connect()) for _ in range(10)]
        for sock in late:
            sock.sendall(request(BODY))
        assert [read_answer(sock).status for sock in late] == [200] * len(late)
        assert is_closed(idle[0])
        assert len(gateway.door.connections) <= limit
        idle[-1].sendall(request(BODY))
        assert read_answer(idle[-1]).status == 200
        assert gateway.door.turned_away == 0


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST /webhooks/daily HTTP/1.1\r\nHost: x\r\nX-A: ", request(BODY)[:-1], chunked(BODY, 5)[:-9]],
    ids=["nothing", "half a header", "half a body", "half its chunks"],
)
def test_who_has_owed_a_request_for_longest_makes_room_for_who_comes(beginning: bytes) -> None:
    patient = Limits(connections=20, request_seconds=PATIENCE_SECONDS, look_seconds=0.1, grace_seconds=0.2)
    with served(limits=patient) as gateway, ExitStack() as stack:
        strangers = [stack.enter_context(gateway.connect()) for _ in range(patient.connections)]
        for sock in strangers:
            sock.sendall(beginning)
        wait_until(lambda: len(gateway.door.connections) == patient.connections)
        time.sleep(2 * patient.grace_seconds)  # a grace has no event that ends it
        late = [stack.enter_context(gateway.connect()) for _ in range(3)]
        for sock in late:
            sock.sendall(request(BODY))
            assert read_answer(sock).status == 200
        assert is_closed(strangers[0])
        assert (gateway.door.made_room, gateway.door.turned_away) == (len(late), 0)


def test_who_does_not_read_answers_makes_room_for_who_comes() -> None:
    patient = Limits(connections=1, request_seconds=PATIENCE_SECONDS, look_seconds=0.1, grace_seconds=0.2)
    with served(limits=patient) as gateway, ExitStack() as stack:
        strangers = [stack.enter_context(gateway.connect()) for _ in range(patient.connections)]
        for sock in strangers:
            sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                send_until_closed(sock, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        held = [each for each in gateway.door.connections if isinstance(each, Connection)]
        wait_until(lambda: all(each.writing_paused for each in held))
        time.sleep(2 * patient.grace_seconds)  # a grace has no event that ends it
        assert is_well(gateway)
        assert (gateway.door.made_room, gateway.door.turned_away) == (1, 0)


@pytest.mark.parametrize(
    "raw", [request(BODY), request(BODY, {"A": "b"}), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"no HTTP\r\n"]
)
def test_no_answer_tells_what_the_gateway_is_made_of(gateway: Served, raw: bytes) -> None:
    with gateway.connect() as sock:
        sock.sendall(raw)
        assert read_answer(sock).headers["Server"] == "presetwatch"


def test_who_is_being_answered_makes_no_room(gateway: Served) -> None:
    limit = gateway.door.limits.connections
    gateway.do(gateway.store.may_answer.clear)
    with ExitStack() as stack:
        waiting = [stack.enter_context(gateway.connect()) for _ in range(limit)]
        for sock in waiting:
            sock.sendall(request(BODY))
        wait_until(lambda: gateway.store.asked == limit)
        time.sleep(2 * gateway.door.limits.grace_seconds)  # not even after a while
        with gateway.connect() as sock:
            assert read_answer(sock).status == 503
        gateway.do(gateway.store.may_answer.set)
        assert [read_answer(sock).status for sock in waiting] == [200] * limit


@pytest.mark.parametrize(
    "added",
    [
        {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"},
        {"Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
        {"Connection": "close"},
        {"Expect": "the unexpected"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"X-Forwarded-For": "10.0.0.1, 10.0.0.2", "Via": "1.1 a, 1.1 b", "Forwarded": "for=10.0.0.1;proto=https"},
    ],
    ids="-".join,
)
def test_headers_that_proxies_and_senders_add_change_nothing(gateway: Served, added: dict[str, str]) -> None:
    with gateway.connect() as sock:
        sock.sendall(request(BODY, signed(BODY) | added))
        assert read_answer(sock).status == 200
    assert gateway.store.bodies == [BODY]


def test_connections_that_break_off_leave_nothing_behind(gateway: Served) -> None:
    for beginning in (request(BODY)[:40], request(BODY)[:-1], chunked(BODY, 5)[:-9], request(BODY)):
        sock = gateway.connect()
        sock.sendall(beginning)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset and no farewell
        sock.close()
    wait_until(lambda: not gateway.door.connections)
    assert gateway.receiver.reading == 0
    assert is_well(gateway)


def test_a_webhook_whose_sender_has_gone_is_stored_all_the_same(gateway: Served) -> None:
    gateway.do(gateway.store.may_answer.clear)
    with gateway.connect() as sock:
        sock.sendall(request(BODY))
        wait_until(lambda: gateway.store.asked == 1)
    gateway.do(gateway.store.may_answer.set)
    wait_until(lambda: gateway.store.bodies == [BODY])


@pytest.mark.parametrize(
    "head",
    [
        b"X-A: " + b"a" * 20_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(1_000)),
        b"X-A: " + b"a" * 5_000_000,
        b"no header\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ],
    ids=["long", "many", "endless", "no colon", "two lengths", "no length", "two framings"],
)
def test_a_head_beyond_all_measure_is_answered_400_and_logged_nowhere(
    gateway: Served, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with gateway.connect() as sock:
        try:
            sock.sendall(b"POST /webhooks/daily HTTP/1.1\r\nHost: x\r\n" + head + b"\r\nabc")
            assert read_answer(sock).status == 400
        except ConnectionError:
            pass  # closed while we were still talking
    wait_until(lambda: gateway.door.malformed == 1)
    assert not caplog.records
    assert is_well(gateway)


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"\0",
    ],
    ids=["TLS", "HTTP/2", "no method", "NUL"],
)
def test_what_is_not_http_is_answered_400_and_counted(
    gateway: Served, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with gateway.connect() as sock:
        sock.sendall(said)
        assert read_answer(sock).status == 400
    assert gateway.door.malformed == 1
    assert not caplog.records


def test_headers_that_are_too_large_together_are_answered_400(gateway: Served) -> None:
    added = {f"X-{number}": "a" * 1_000 for number in range(40)}
    with gateway.connect() as sock:
        sock.sendall(request(BODY, signed(BODY) | added))
        assert json.loads(read_answer(sock).body)["detail"] == "The headers are larger than is read."
        assert is_closed(sock)
    assert gateway.door.malformed == 1
    assert not gateway.store.bodies
    assert is_well(gateway)


def test_no_more_is_held_of_a_head_that_never_ends_than_one_may_have(gateway: Served) -> None:
    with gateway.connect() as sock:
        sock.sendall(request(BODY))
        assert read_answer(sock).status == 200
        sock.sendall(b"POST /webhooks/daily HTTP/1.1\r\n" + (b"X-A: " + b"a" * 1_000 + b"\r\n") * 35)
        assert read_answer(sock).status == 400
        assert is_closed(sock)
    assert gateway.door.malformed == 1
    assert is_well(gateway)


def test_a_head_as_large_as_proxies_make_it_is_read_in_any_pieces(gateway: Served) -> None:
    added = {f"X-{number}": "a" * 600 for number in range(50)}
    with gateway.connect() as sock:
        for _ in range(3):
            for piece in re.findall(rb"(?s).{1,4000}", request(BODY, signed(BODY) | added)):
                sock.sendall(piece)
                time.sleep(0.001)  # so that most come alone
            assert read_answer(sock).status == 200
    assert gateway.store.bodies == [BODY] * 3


def test_a_gateway_that_stops_gives_its_answers_first(gateway: Served) -> None:
    with ExitStack() as stack:
        idle = stack.enter_context(gateway.connect())
        idle.sendall(request(BODY))
        assert read_answer(idle).status == 200
        gateway.do(gateway.store.may_answer.clear)
        waiting = [stack.enter_context(gateway.connect()) for _ in range(30)]
        for sock in waiting:
            sock.sendall(request(BODY))
        wait_until(lambda: gateway.store.asked == 1 + len(waiting))
        finishing = asyncio.run_coroutine_threadsafe(gateway.door.finish(PATIENCE_SECONDS), gateway.loop)
        gateway.do(gateway.store.may_answer.set)
        finishing.result(PATIENCE_SECONDS)
        for sock in waiting:
            answer = read_answer(sock)
            assert (answer.status, answer.headers["Connection"]) == (200, "close")
        idle.sendall(request(BODY))  # who had come before is still served
        assert read_answer(idle).status == 200


@pytest.mark.parametrize("beginning", [request(BODY)[:-1], chunked(BODY, 5)[:-9], request(BODY)[:30]])
def test_whoever_never_comes_to_an_end_does_not_keep_a_gateway_from_stopping(beginning: bytes) -> None:
    with served(limits=Limits(request_seconds=10 * PATIENCE_SECONDS)) as gateway, gateway.connect() as sock:
        sock.sendall(beginning)
        wait_until(lambda: bool(gateway.door.connections))
        began = time.monotonic()
        asyncio.run_coroutine_threadsafe(gateway.door.finish(0.1), gateway.loop).result(PATIENCE_SECONDS)
        assert is_closed(sock)
        assert time.monotonic() - began < 5


@pytest.fixture(scope="module")
def lasting() -> Iterator[Served]:
    with served() as one:
        yield one


@given(body=st.binary(max_size=2_000) | st.just(PING), is_signed=st.booleans(), size=st.none() | st.integers(1, 500))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_gets_a_documented_status(lasting: Served, body: bytes, is_signed: bool, size: int | None) -> None:
    headers = signed(body) if is_signed else {"A": "b"}
    kept = len(lasting.store.bodies)
    with lasting.connect() as sock:
        sock.sendall(request(body, headers) if size is None else chunked(body, size, headers))
        assert read_answer(sock).status == (200 if is_signed or body == PING else 401)
    assert lasting.store.bodies[kept:] == ([body] if is_signed and body != PING else [])


@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([request(BODY), b"\r\n", b"POST / HTTP/1.1\r\n"]), max_size=5)
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_on_a_connection_get_documented_statuses_only(lasting: Served, pieces: list[bytes]) -> None:
    with lasting.connect() as sock:
        said = b""
        try:
            for piece in pieces:
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)
            while some := sock.recv(65_536):
                said += some
        except OSError:
            pass
    # The bytes may happen to ask whether to go on, and are told so before they are answered.
    assert {*statuses(said)} <= DOCUMENTED | {100, 404, 405}
    assert is_well(lasting)
