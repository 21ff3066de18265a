"""Nobody looks around in our own network by naming a host in it."""

import socket

import pytest

from webapp.lib import hosts


def answer(monkeypatch, *addresses: str) -> None:
    """DNS gives these."""
    found = [(2, 1, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
        "::127.0.0.1", "ff02::1",
    ],
)  # fmt: skip
def test_what_is_inside_is_refused_however_it_is_written(monkeypatch, address) -> None:
    answer(monkeypatch, "8.8.8.8", address)

    with pytest.raises(OSError, match="private network"):
        hosts.addresses_of("x.test", 443, allow_private=False)


def test_the_open_internet_is_not_and_each_address_comes_once(monkeypatch) -> None:
    answer(monkeypatch, "8.8.8.8", "2606:4700::1111", "8.8.8.8")

    found = hosts.addresses_of("x.test", 443, allow_private=False)

    assert found == ["8.8.8.8", "2606:4700::1111"]


def test_an_installation_may_allow_what_is_inside(monkeypatch) -> None:
    answer(monkeypatch, "127.0.0.1")

    assert hosts.addresses_of("x.test", 443, allow_private=True) == ["127.0.0.1"]
