"""How often an address may guess at the token.

Law: after `MOST_GUESSES` different wrong tokens within a minute an address is told to wait for the rest of it, whatever
it sends, so that not even a right guess helps. Who repeats one mistake does not guess. Memory is bounded whoever
guesses, and holds nothing that was guessed. A header says where a request comes from only if the proxy that has sent it
is trusted to; else everyone could take another address for each guess.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from math import ceil
from time import monotonic

import structlog
from aiohttp import web

Network = IPv4Network | IPv6Network

MOST_GUESSES = 10
WINDOW_SECONDS = 60.0
MOST_ADDRESSES = 10_000
FORWARDED = "X-Forwarded-For"
_ONE_HOLDER_V6 = 64
"""Bits of an IPv6 address: whoever has one address commonly has all that begin with these."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Window:
    ends_at: float
    seen: set[int] = field(default_factory=set)
    """Hashes, by a key of this process, of what was given."""


class Guesses:
    """Remembers who has guessed, and how often."""

    def __init__(self, proxies: Sequence[Network] = (), clock: Callable[[], float] = monotonic) -> None:
        self._proxies, self._clock = proxies, clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        """In the order in which they end."""

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._windows)

    def seconds_to_wait(self, request: web.BaseRequest) -> int:
        """Return for how long nothing is to be taken from where a request comes from."""
        self._forget()
        window = self._windows.get(self._asker(request))
        if window is None or len(window.seen) < MOST_GUESSES:
            return 0
        return max(1, ceil(window.ends_at - self._clock()))

    def note(self, request: web.BaseRequest, given: Iterable[str]) -> None:
        """Take note of what was given for the token and is not."""
        wrong = {hash(each) for each in given if each}
        if not wrong:
            return
        asker = self._asker(request)
        window = self._windows.setdefault(asker, _Window(self._clock() + WINDOW_SECONDS))
        window.seen |= wrong
        if len(window.seen) >= MOST_GUESSES:
            log.warning("token_guessed_at", address=asker, guesses=len(window.seen))
        if len(self._windows) > MOST_ADDRESSES:
            self._windows.popitem(last=False)

    def _forget(self) -> None:
        now = self._clock()
        while self._windows and next(iter(self._windows.values())).ends_at <= now:
            self._windows.popitem(last=False)

    def _asker(self, request: web.BaseRequest) -> str:
        peer = request.remote or ""
        return (
            asker_of(peer, ",".join(request.headers.getall(FORWARDED, ())), self._proxies)
            if self._proxies
            else _holder(peer)
        )


def asker_of(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Return where a request comes from: the last address on its way that is no trusted proxy's."""
    address = peer
    for before in reversed(forwarded.split(",")):
        if not _is_of(address, proxies) or not _is_address(before.strip()):
            break
        address = before.strip()
    return _holder(address)


def read_proxies(text: str) -> tuple[Network, ...]:
    """Return the networks in a comma-separated list; raises `ValueError`."""
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_of(address: str, networks: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(_plain(address)) in network for network in networks)


def _plain(address: str) -> str:
    """Return an IPv4 address as such, though it came in an IPv6 one."""
    parsed = ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def _holder(address: str) -> str:
    if not _is_address(address):
        return address
    plain = _plain(address)
    return str(ip_network((plain, _ONE_HOLDER_V6), strict=False)) if ":" in plain else plain
