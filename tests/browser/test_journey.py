"""S5 to S9: from a CSV to a name and a reason, as a newcomer does it."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.acting import (
    HOME,
    add_bulk_email,
    compose,
    import_people,
    install_tracker,
    open_recipients,
    send,
    sign_in,
    write_csv,
)
from tests.browser.conftest import Installation

SIX = [
    "Not Sent (Zengine Failure)",
    "Not Sent (Deferred)",
    "Not Sent (Dropped)",
    "Sent",
    "Delivered",
    "Bounced",
]
OUTCOMES = ["", "+bounce", "+softbounce", "+defer", "+drop", "+late-bounce", "+refuse", "+silent"]
PEOPLE = [
    *(
        (f"Guest {number}", f"guest{number}{tag}@example.org")
        for number, tag in enumerate(OUTCOMES)
    ),
    ("Nobody", ""),
    ("Twice", "GUEST0@example.org"),
]
SUBJECT = "Welcome, guests"

# the tests of this file are one story, in order, in one installation


def books(page: Page) -> list[int]:
    """[selected, each of its parts] as the Overview shows them."""
    return [int(number) for number in re.findall(r"(\d+) ", page.locator(".balance").inner_text())]


def copies(page: Page):
    """The rows of the Recipients grid, its head among them."""
    return page.get_by_role("region", name="Recipients").get_by_role("row")


def test_1_a_csv_becomes_a_form(page: Page, installation: Installation, tmp_path: Path) -> None:
    sign_in(page, installation)
    import_people(page, write_csv(tmp_path / "guests.csv", PEOPLE), len(PEOPLE))

    page.get_by_role("link", name="Show the records").click()
    expect(page.get_by_role("link", name="Guest 7", exact=True)).to_be_visible()


def test_2_an_email_before_the_tracker_is_not_tracked(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    sign_in(page, installation)
    add_bulk_email(page)
    import_people(page, write_csv(tmp_path / "early.csv", [("Early", "early@example.org")]), 1)
    compose(page, "Before the tracker", "early")
    send(page)

    page.get_by_role("link", name="Bulk Email", exact=True).click()
    row = page.get_by_role("row").filter(has_text="Before the tracker")
    expect(row.get_by_text("Not tracked")).to_be_visible()
    expect(row).not_to_contain_text("0 /")


def test_3_the_recipients_tab_settles_by_itself(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    install_tracker(page)
    compose(page, SUBJECT, "guests", 'Dear {{ name | default: "friend" }},')
    send(page)
    selected, *parts = books(page)
    assert selected == sum(parts)
    page.get_by_role("tab", name="Recipients").click()

    expect(page.get_by_role("link", name="All 10")).to_be_visible()
    for person, why in (
        ("Guest 5", "Reports contradict each other."),
        ("Guest 1", re.compile(r"Not Sent\s+[A-Z].+\.")),
        ("Nobody", "There is no address."),
    ):
        expect(page.get_by_role("row").filter(has_text=person)).to_contain_text(why, timeout=40000)
    statuses = copies(page).get_by_role("cell").all_inner_texts()[3::6]  # after the tick
    assert {status.strip() for status in statuses} == {"Delivered", "Sent", "Not Sent"}
    assert len(statuses) == len(PEOPLE)


def test_4_three_filters_search_and_sort_have_addresses(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    open_recipients(page, SUBJECT)
    page.get_by_role("link", name=re.compile("^Not Sent")).click()
    expect(copies(page).filter(has_text="Delivered")).to_have_count(0)
    expect(page).to_have_url(re.compile("show=not-sent"))
    page.get_by_role("link", name="Name").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.reload()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute(
        "aria-sort", "ascending"
    )

    page.get_by_label("Search name or address").fill("nobody")
    page.get_by_label("Search name or address").press("Enter")
    expect(copies(page)).to_have_count(1 + 1)
    page.go_back()
    expect(page.get_by_role("link", name="Guest 4", exact=True)).to_be_visible()


def test_5_a_row_opens_the_record_in_place(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    open_recipients(page, SUBJECT)
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Guest 1", exact=True).click()

    page.get_by_role("button", name=re.compile("^Status: ")).click()
    items = page.get_by_role("listitem").filter(has=page.locator("b")).locator("b")
    assert [item.strip() for item in items.all_inner_texts()] == SIX
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    assert page.evaluate("window.same") is True
    here = page.url
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Status: "))).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="Guest 2", exact=True)).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="Guest 1")).to_be_visible()
    expect(page).to_have_url(here)


def test_6_the_stats_form_has_the_same_record(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Email Tracker Stats").click()
    page.get_by_role("row").filter(has_text="Guest 5").filter(has_text=SUBJECT).get_by_role(
        "link"
    ).click()

    expect(page.get_by_role("button", name="Status: Bounced")).to_be_visible()
    for fact in ("Recipient name", "Recipient email", "Subject", "Reason", "Server reply"):
        expect(page.get_by_text(fact, exact=True)).to_be_visible()
    page.get_by_role("link", name="Open the record").click()
    expect(page.get_by_role("heading", name="Emails to this person")).to_be_visible()
    expect(page.get_by_role("link", name=SUBJECT)).to_be_visible()


def test_7_the_subject_loads_in_place_and_the_books_balance(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.evaluate("window.same = true")
    page.get_by_role("link", name=SUBJECT).click()

    expect(page.get_by_text(re.compile(r"\d+/10 delivered"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"/emails/\d+$"))
    assert page.evaluate("window.same") is True
    bar, title = page.locator(".topbar").bounding_box(), page.get_by_role("heading", name=SUBJECT)
    assert title.bounding_box()["y"] > bar["height"]  # not behind it
    selected, *parts = books(page)
    assert selected == sum(parts) == 10
    here = page.url
    page.reload()
    expect(page.get_by_text(re.compile(r"\d+/10 delivered"))).to_be_visible()
    tab = page.context.new_page()
    tab.goto(here)
    expect(tab.get_by_role("row").filter(has_text=SUBJECT)).to_be_visible()
    assert books(tab) == books(page)
    page.go_back()
    expect(page.get_by_role("tab", name="Recipients")).to_have_count(0)


def test_8_each_number_leads_to_its_rows(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("link", name=SUBJECT).click()
    link = page.get_by_role("link", name=re.compile(r"^\d+ bounced"))
    number = int(re.findall(r"\d+", link.inner_text())[0])
    link.click()

    expect(copies(page)).to_have_count(1 + number)


def test_9_the_search_box_finds_a_person(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_label("Search people").fill("guest 5")
    page.get_by_label("Search people").press("Enter")

    expect(page.get_by_role("link", name="Guest 5", exact=True)).to_have_count(2)
    page.goto(installation.path(HOME + "/help/statuses"))
    expect(page.get_by_text("Not Sent (Zengine Failure)")).to_be_visible()
