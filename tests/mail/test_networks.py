"""Networks of data centres are found in whatever form they are published."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.mail import networks
from webapp.mail.networks import Networks, NetworksError

AMAZON = json.dumps(
    {
        "syncToken": "1",
        "prefixes": [{"ip_prefix": "198.51.100.0/25", "region": "x"}],
        "ipv6_prefixes": [{"ipv6_prefix": "2001:db8:4000::/36"}],
    }
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.0/24\n198.51.100.0/24 # ours\n", ["192.0.2.0/24", "198.51.100.0/24"]),
        (AMAZON, ["198.51.100.0/25", "2001:db8:4000::/36"]),
        ("192.0.2.0/25,NL\n192.0.2.128/25,NL\n192.0.2.7/32,NL", ["192.0.2.0/24"]),
        ("192.0.2.77/24", ["192.0.2.0/24"]),
        ("999.1.1.1/24 1.2.3/24 10:15/16 192.0.2.0/24/7 2001:db8::/32", ["2001:db8::/32"]),
    ],
)
def test_reads_lines_json_and_tables(text: str, found: list[str]) -> None:
    assert networks.read(text) == found


@pytest.mark.parametrize("text", ["", "see https://x.test/24", "0.0.0.0/0", "2001:db8::/8"])
def test_refuses_what_holds_none_or_takes_in_everybody(text: str) -> None:
    with pytest.raises(NetworksError):
        networks.read(text)


def test_a_truncated_address_is_in_only_where_all_of_it_is() -> None:
    known = Networks(["192.0.2.0/25", "198.51.100.0/23", "2001:db8::/40"])

    assert "198.51.101.0/24" in known
    assert "2001:db8:12::/48" in known
    assert "192.0.2.0/24" not in known  # half of it is somebody else's
    assert "203.0.113.0/24" not in known
    assert "2001:db8:100::/48" not in known
    assert "" not in known
    assert "nonsense" not in known


@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=40), st.integers(0, 2**16 - 1))
def test_finds_just_those_it_was_given(given_: list[int], asked: int) -> None:
    def network(number: int) -> str:
        return f"100.{number >> 8}.{number & 255}.0/24"

    assert (network(asked) in Networks(map(network, given_))) == (asked in given_)
