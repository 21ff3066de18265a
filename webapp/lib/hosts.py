"""Which hosts are inside: nobody may look around in our own network by naming one (SSRF)."""

import ipaddress
import socket


def is_private(host: str) -> bool:
    """Whether any address of `host` is not of the open internet. Asks DNS; an unknown one is not:
    it cannot be reached either, and connecting says so."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return not all(_is_open(str(entry[4][0])) for entry in found)


def network_of(address: str | None) -> str:
    """The network that an address is of, so that nobody is told apart by it: IPv4 /24, IPv6 /48;
    "" for what is no address."""
    try:
        found = ipaddress.ip_address((address or "").split("%")[0])
    except ValueError:
        return ""
    inner = getattr(found, "ipv4_mapped", None) or found
    width = 24 if inner.version == 4 else 48
    return str(ipaddress.ip_network((inner, width), strict=False))


def addresses_of(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The IP addresses of `host`, for connecting to one of them and asking DNS no more: its answer
    may be another one the next time. Raises OSError where there is none, or any is inside."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OSError(f"There is no host {host}.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not allow_private and not all(_is_open(address) for address in addresses):
        raise OSError(f"{host} is in a private network, which webhooks may not reach.")
    return addresses


# IPv6 addresses that lead to an IPv4 address: translated (RFC 6052), or by 6to4 and Teredo
_LEADS_ELSEWHERE = tuple(
    ipaddress.ip_network(net)
    for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


def _is_open(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif any(ip in net for net in _LEADS_ELSEWHERE):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
