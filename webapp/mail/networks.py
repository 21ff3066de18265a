"""Networks of data centres, as their operators publish them: read from any text they stand in."""

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Iterable

MOST = 200_000
_WRITTEN = re.compile(r"(?<![\w.:/])([0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+/\d{1,3})(?![\w.:/])")
_WIDEST = {4: 8, 6: 16}  # of what one operator may have; wider is a mistake, and would take in all

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NetworksError(ValueError):
    """The text says in one sentence what is wrong."""


def read(text: str) -> list[str]:
    """All networks (192.0.2.0/24, 2001:db8::/32) in `text`: one a line, JSON, CSV, whatever;
    those that lie in or beside each other as one. NetworksError where there is none, or one takes
    in a part of the whole internet."""
    found: list[Network] = []
    for written in _WRITTEN.findall(text)[:MOST]:
        try:
            network = ipaddress.ip_network(written, strict=False)
        except ValueError:
            continue
        if network.prefixlen < _WIDEST[network.version]:
            raise NetworksError(f"{network} is too wide to be a data centre's.")
        found.append(network)
    if not found:
        raise NetworksError("There is no network in it, such as 192.0.2.0/24.")
    return [str(network) for version in (4, 6) for network in _merged(found, version)]


def _merged(found: Iterable[Network], version: int) -> Iterable[Network]:
    return ipaddress.collapse_addresses(each for each in found if each.version == version)


class Networks:
    """`network in networks`: whether all of it lies in one of them. Thousands of them, and asked
    for every open and click: so by bisection."""

    def __init__(self, written: Iterable[str] = ()) -> None:
        found = [ipaddress.ip_network(each) for each in written]
        self._ranges = {version: _ranges(_merged(found, version)) for version in (4, 6)}

    def __contains__(self, written: object) -> bool:
        if not written:
            return False
        try:
            network = ipaddress.ip_network(str(written))
        except ValueError:
            return False
        first, last = int(network.network_address), int(network.broadcast_address)
        firsts, lasts = self._ranges[network.version]
        place = bisect_right(firsts, first)
        return place > 0 and last <= lasts[place - 1]


def _ranges(networks: Iterable[Network]) -> tuple[list[int], list[int]]:
    """(the first address of each, the last), in order; they do not overlap."""
    ordered = sorted(networks)
    return (
        [int(each.network_address) for each in ordered],
        [int(each.broadcast_address) for each in ordered],
    )
