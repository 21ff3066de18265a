"""Who did not get it, why, and sending it again to those for whom that makes sense."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.acting import (
    HOME,
    add_bulk_email,
    compose,
    import_people,
    install_tracker,
    send,
    sign_in,
    write_csv,
)
from tests.browser.conftest import Installation

PEOPLE = [
    ("Ann", "ann@example.org"),
    ("Bo", "bo+bounce@example.org"),
    ("Cy", "cy+silent@example.org"),
    ("Di", ""),
]


@pytest.fixture(scope="module", autouse=True)
def _sent(browser: Browser, installation: Installation, tmp_path_factory) -> None:
    page = browser.new_page()
    path: Path = tmp_path_factory.mktemp("csv") / "four.csv"
    sign_in(page, installation)
    add_bulk_email(page)
    install_tracker(page)
    import_people(page, write_csv(path, PEOPLE), len(PEOPLE))
    compose(page, "Tuesday", "four")
    send(page)
    expect(page.get_by_text("1/4 delivered")).to_be_visible()
    page.close()


def test_it_is_sent_again_to_whom_that_makes_sense(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1/recipients?show=not-sent"))
    page.get_by_role("link", name="Send again …").click()
    expect(page.get_by_role("heading", name="Send it again")).to_be_visible()
    expect(page.get_by_text("Nobody would get it again now.")).to_be_visible()
    expect(page.get_by_role("button", name="Send again to")).to_have_count(0)

    page.get_by_text("Another address for Di").click()
    typed = page.get_by_role("textbox", name="Di no address")
    typed.fill("di@example.org")
    page.get_by_role("button", name="Look again with these").click()
    expect(page.get_by_text("1 person would get it again now.")).to_be_visible()
    typed = page.get_by_role("textbox", name="Di di@example.org")
    expect(typed).to_have_value("di@example.org")
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []
    page.get_by_role("button", name="Send again to 1 person").dblclick()

    expect(page.get_by_text("1/1 delivered")).to_be_visible()
    expect(page.get_by_text("again, to some who did not get")).to_be_visible()
    page.get_by_role("link", name="the first one").click()
    expect(page.get_by_text("1 of 2 reached later").last).to_be_visible()
    expect(page.get_by_text("1/4 delivered")).to_be_visible()
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("Sent again: Tuesday"))).to_have_count(1)


def test_ticks_survive_what_happens_meanwhile(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1/recipients"))
    page.get_by_role("checkbox", name="Select Bo").check()
    with page.expect_response(lambda answer: "/live/recipients" in answer.url) as renewed:
        pass
    assert renewed.value.status == 204
    page.evaluate(
        "htmx.ajax('GET', document.querySelector('#recipients').getAttribute('hx-get')"
        ".replace(/version=[^&]*/, 'version=x'), {target: '#recipients', swap: 'outerMorph'})"
    )
    with page.expect_response(lambda answer: "version=x" not in answer.url):
        pass
    expect(page.get_by_role("checkbox", name="Select Bo")).to_be_checked()

    page.get_by_role("button", name="Send again to those ticked").click()
    expect(page.get_by_role("heading", name="Send it again to whom you chose")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("Bo").first).to_be_visible()
