"""The whole job as a newcomer does it, found by role and visible name only."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

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
HOME = "/w/harbour-grants"

# the tests of this file are one story, in order, in one installation


def sign_in(page: Page, site: Installation, address: str = "alice@example.org") -> None:
    """By the page the first time, by its cookie from then on (signing in is throttled)."""
    if address in site.cookies:
        page.context.add_cookies(site.cookies[address])
        page.goto(site.path("/"))
        return
    page.goto(site.path("/sign-in"))
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill("demo-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Marketplace")).to_be_visible()
    site.cookies[address] = page.context.cookies()


def dialog(page: Page):
    return page.get_by_role("dialog")


def write_people(folder: Path) -> Path:
    """A CSV of people of whom every outcome becomes true."""
    path = folder / "guests.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Name", "Email"])
        for number, tag in enumerate(OUTCOMES):
            writer.writerow([f"Guest {number}", f"guest{number}{tag}@example.org"])
        writer.writerow(["Nobody", ""])
        writer.writerow(["Twice", "GUEST0@example.org"])
    return path


def compose(page: Page, subject: str, form: str, text: str = "Welcome.") -> None:
    page.get_by_role("link", name="Bulk Email").click()
    page.get_by_role("button", name=re.compile("New email|Write the first email")).first.click()
    page.wait_for_url("**/compose")
    options = page.get_by_label("Form", exact=True).locator("option").all_text_contents()
    label = next(option for option in options if option.startswith(form))
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Form", exact=True).select_option(label=label)
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text", exact=True).fill(text)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Subject").press("Tab")
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()


def send(page: Page) -> None:
    page.get_by_role("link", name="Send …").click()
    dialog(page).get_by_role("button", name=re.compile(r"Send to [\d,]+ people")).click()
    expect(page.get_by_role("tab", name="Overview")).to_be_visible()


def test_1_the_tracker_waits_for_bulk_email(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Marketplace").click()

    expect(page.get_by_text("Requires Bulk Email")).to_be_visible()
    expect(page.get_by_role("button", name="Add Email Tracker")).to_be_disabled()


def test_2_the_tab_appears_without_a_reload(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Marketplace").click()
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Add Bulk Email").click()
    dialog(page).get_by_role("button", name="Install").click()

    expect(page.get_by_role("link", name="Bulk Email", exact=True)).to_be_visible()
    expect(dialog(page)).to_have_count(0)
    assert page.evaluate("window.same") is True


def test_3_a_csv_becomes_a_form(page: Page, installation: Installation, tmp_path: Path) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Import a CSV").click()
    page.get_by_label("CSV file").set_input_files(write_people(tmp_path))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name="Which column goes where?")).to_be_visible()
    page.get_by_role("button", name="Import").click()

    expect(page.get_by_text("10 records imported")).to_be_visible(timeout=30000)
    page.get_by_role("link", name="Show the records").click()
    expect(page.get_by_role("link", name="Guest 7", exact=True)).to_be_visible()


def test_4_an_email_before_the_tracker_is_not_tracked(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    compose(page, "Before the tracker", "Applicants")
    send(page)

    page.goto(installation.path(HOME + "/emails"))
    row = page.get_by_role("row").filter(has_text="Before the tracker")
    expect(row.get_by_text("Not tracked")).to_be_visible()
    expect(row).not_to_contain_text("0 /")


def test_5_the_banner_installs_the_tracker(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("button", name="Install the Email Tracker Plugin").click()
    dialog(page).get_by_role("button", name="Install").click()

    expect(page.get_by_text("Email Tracker is on.")).to_be_visible()
    expect(page.get_by_role("button", name="Install the Email Tracker Plugin")).to_have_count(0)
    page.get_by_role("link", name="Open Email Tracker Stats").click()
    expect(page.get_by_role("heading", name="Email Tracker Stats")).to_be_visible()
    expect(page.get_by_role("link", name="Email Tracker Stats")).to_have_count(1)


def test_6_a_viewer_is_told_to_ask(page: Page, installation: Installation) -> None:
    sign_in(page, installation, "bob@example.org")
    page.get_by_role("link", name="Marketplace").click()

    expect(page.get_by_role("link", name=re.compile("^Add "))).to_have_count(0)


def test_7_the_recipients_tab_settles_by_itself(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    compose(page, "Welcome, guests", "guests", 'Dear {{ name | default: "friend" }},')
    send(page)
    page.get_by_role("tab", name="Recipients").click()
    search = page.get_by_label("Search name or address")
    search.fill("typed and kept")

    expect(page.get_by_role("link", name="All 10")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Guest 1")).to_contain_text(
        "The mailbox does not exist.", timeout=40000
    )
    expect(page.get_by_role("row").filter(has_text="Nobody")).to_contain_text(
        "There is no address."
    )
    expect(search).to_have_value("typed and kept")
    expect(search).to_be_focused()
    words = set(page.get_by_role("table", name="").last.locator("td .status").all_inner_texts())
    assert {word.strip() for word in words} <= {"Delivered", "Sent", "Not Sent"}


def test_8_a_row_opens_the_record_with_its_six_statuses(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("link", name="Welcome, guests").click()
    page.get_by_role("tab", name="Recipients").click()
    page.get_by_role("link", name="Guest 1", exact=True).click()

    page.get_by_role("button", name=re.compile("^Status: Bounced")).click()
    items = page.locator(".status-list li b").all_inner_texts()
    assert [item.strip() for item in items] == SIX
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    here = page.url
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^Status: Bounced"))).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="Guest 2", exact=True)).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="Guest 1")).to_be_visible()
    assert page.url == here


def test_9_the_subject_loads_in_place_and_the_books_balance(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Welcome, guests").click()

    expect(page.get_by_text(re.compile(r"\d+/10 delivered"))).to_be_visible()
    assert re.search(r"/emails/\d+$", page.url)
    assert page.evaluate("window.same") is True
    balance = page.locator(".balance").inner_text()
    selected, *parts = [int(number) for number in re.findall(r"(\d+) ", balance)]
    assert selected == sum(parts) == 10
    page.go_back()
    expect(page.get_by_role("tab", name="Recipients")).to_have_count(0)


PAGES = [
    "/account",
    "/workspaces/new",
    HOME + "/data/1",
    HOME + "/data/1?q=nothing-like-this",
    HOME + "/data/1/records/1",
    HOME + "/data/1/records/1/edit",
    HOME + "/data/1/edit",
    HOME + "/data/import",
    HOME + "/data/new",
    HOME + "/marketplace",
    HOME + "/marketplace/email_tracker/remove",
    HOME + "/people",
    HOME + "/settings",
    HOME + "/audit",
    HOME + "/emails",
    HOME + "/emails/2",
    HOME + "/emails/2/recipients",
    HOME + "/emails/2/content",
    HOME + "/emails/2/activity",
    HOME + "/connections",
    HOME + "/connections/1",
    HOME + "/suppressions",
    HOME + "/sandbox",
    "/w/none/data",
]


@pytest.fixture(
    scope="module", params=[(1280, "light"), (390, "dark")], ids=lambda p: f"{p[0]}-{p[1]}"
)
def window(request, browser: Browser, installation: Installation) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(15000)
    sign_in(page, installation)
    yield page
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_axe_finds_nothing(window: Page, installation: Installation, path: str) -> None:
    refused: list[str] = []
    window.on("console", lambda m: refused.append(m.text) if "Content Security" in m.text else None)
    window.goto(installation.path(path))

    found = Axe().run(window).response["violations"]

    assert [v["id"] + " " + v["nodes"][0]["html"][:160] for v in found] == []
    assert refused == []
    overflow = window.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{overflow} px wider than the window"


def test_b_the_sign_in_page_has_no_findings(page: Page, installation: Installation) -> None:
    page.goto(installation.path("/sign-in"))

    assert Axe().run(page).violations_count == 0
