"""Human or machine: by evidence, in sight of all that was fetched of one copy."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.mail.attention import PROXIES, Fetch, Why, is_machine, judge

LEFT = datetime(2026, 3, 1, 9, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Mobile/15E148"
)
OUTLOOK = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"
GMAIL = "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"


def fetch(seconds: float, link: str = "", **values) -> Fetch:
    return Fetch(LEFT + timedelta(seconds=seconds), link, **({"user_agent": FIREFOX} | values))


@pytest.mark.parametrize(
    ("user_agent", "why"),
    [
        (FIREFOX, None),
        (IPHONE, None),
        (OUTLOOK, None),
        (None, None),
        ("", Why.NO_AGENT),
        ("Mozilla/5.0", Why.APPLE),
        (GMAIL, Why.GMAIL),
        (YAHOO, Why.YAHOO),
        ("python-requests/2.32", Why.SCANNER),
        ("Mozilla/5.0 (X11) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0", Why.AHEAD),
        ("Mozilla/5.0 (compatible; SomeBot/1.0)", Why.SCANNER),
        ("Mozilla/5.0 (X11) AppleWebKit HeadlessChrome/140.0", Why.SCANNER),
    ],
)  # fmt: skip
def test_programs_that_give_themselves_away(user_agent, why) -> None:
    assert judge([fetch(3600, user_agent=user_agent)], LEFT) == [why]


@pytest.mark.parametrize("user_agent", [GMAIL, YAHOO])
def test_a_mailbox_that_loads_pictures_at_the_opening_speaks_of_a_person(user_agent) -> None:
    early, late, click = judge(
        [
            fetch(1, user_agent=user_agent),
            fetch(3600, user_agent=user_agent),
            fetch(7200, "1", user_agent=user_agent),
        ],
        LEFT,
    )
    assert (early, click) == (Why.TOO_EARLY, Why.SCANNER)
    assert late in PROXIES
    assert not is_machine(late)


def test_a_gateway_that_also_loads_the_picture_by_a_proxy_stays_a_machine() -> None:
    found = judge([fetch(60, user_agent=GMAIL), fetch(61, "0", is_hidden=True)], LEFT)

    assert found == [Why.HIDDEN_LINK, Why.HIDDEN_LINK]


def test_a_mail_program_asks_for_the_whole_thing() -> None:
    assert judge([fetch(3600, "1", method="HEAD")], LEFT) == [Why.HEAD]


def test_nobody_reads_what_is_just_being_handed_over() -> None:
    assert judge([fetch(-5), fetch(1.5), fetch(60)], LEFT) == [Why.TOO_EARLY, Why.TOO_EARLY, None]


def test_of_two_links_at_once_neither_was_followed_by_a_human() -> None:
    found = judge([fetch(60, "1"), fetch(61.9, "2"), fetch(90, "3")], LEFT)

    assert found == [Why.BURST, Why.BURST, None]


def test_one_link_pressed_twice_is_impatience() -> None:
    assert judge([fetch(60, "1"), fetch(61, "1")], LEFT) == [None, None]


def test_nobody_reads_mail_in_a_data_centre_but_by_a_mailboxs_proxy() -> None:
    seen = [
        fetch(60, network="192.0.2.0/24"),
        fetch(60, network="198.51.100.0/24"),
        fetch(60, network="192.0.2.0/24", user_agent=GMAIL),
        fetch(60),
    ]
    assert judge(seen, LEFT, {"192.0.2.0/24"}) == [Why.DATA_CENTRE, None, Why.GMAIL, None]


def test_nobody_reads_and_clicks_within_five_seconds() -> None:
    assert judge([fetch(4), fetch(4, "1"), fetch(6, "1")], LEFT) == [None, Why.TOO_EARLY, None]


def test_the_hidden_link_gives_away_the_whole_visit() -> None:
    found = judge(
        [
            fetch(60, "1", network="192.0.2.0/24"),
            fetch(65, "0", is_hidden=True, network="192.0.2.0/24"),
            fetch(900, "2", network="192.0.2.0/24"),
            fetch(5000, "1", network="198.51.100.0/24"),
        ],
        LEFT,
    )
    assert found == [Why.HIDDEN_LINK, Why.HIDDEN_LINK, Why.HIDDEN_LINK, None]


def test_what_the_provider_calls_a_machine_is_one() -> None:
    assert judge([fetch(3600, says_machine=True)], LEFT) == [Why.PROVIDER]
