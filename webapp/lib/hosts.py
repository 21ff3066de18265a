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
