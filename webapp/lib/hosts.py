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
    return any(not ipaddress.ip_address(entry[4][0].split("%")[0]).is_global for entry in found)


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
