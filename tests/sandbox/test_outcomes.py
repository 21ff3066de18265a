import random

import pytest

from tests.sandbox.playing import CALM
from webapp.mail import replies
from webapp.mail.causes import Cause
from webapp.sandbox import outcomes
from webapp.sandbox.outcomes import Manner


def plan(address: str, manner: Manner = CALM) -> list[outcomes.Planned]:
    found = outcomes.find(address)
    return outcomes.plan(found, address, began=1000, manner=manner, dice=random.Random(1))


@pytest.mark.parametrize("address", ["ann@example.org", "ann+news@example.org", "bounce@x.org"])
def test_without_a_known_tag_a_mail_is_delivered(address: str):
    assert outcomes.find(address) is outcomes.PLAIN


def test_a_tag_is_found_among_others_and_in_capitals():
    assert outcomes.find("Ann+news+BOUNCE@example.org").name == "bounce"


def test_a_tag_for_the_answer_and_one_for_the_reports_combine():
    both = outcomes.find("ann+bounce+busy@example.org")
    assert (both.refusals, both.steps[-1].event) == (2, "bounced")


def test_an_address_always_gets_the_same_words():
    assert plan("ann+bounce@example.org")[-1].smtp == plan("ann+bounce@example.org")[-1].smtp


def test_addresses_get_different_words():
    said = {plan(f"p{number}+bounce@example.org")[-1].smtp[:9] for number in range(50)}
    assert len(said) > 4


def test_delays_follow_the_pace():
    quick, slow = plan("ann@example.org", Manner(pace=0.1)), plan("ann@example.org", Manner(pace=1))
    assert slow[-1].at - 1000 == pytest.approx(10 * (quick[-1].at - 1000))


def test_a_disordered_report_comes_late_but_tells_the_time_it_happened():
    first, second = plan("ann@example.org", Manner(disordered=1))
    assert first.at < second.at
    assert first.due_at > second.due_at


@pytest.mark.parametrize("words", [*outcomes.REFUSED, *outcomes.FULL, *outcomes.SLOW_DOWN])
def test_the_words_of_servers_name_a_cause(words: str):
    reply = replies.Reply(int(words[:3]), words[4:].replace("%s", "ann@example.org"))
    assert replies.cause_of(reply) is not Cause.UNKNOWN
