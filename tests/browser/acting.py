"""What a person does in the tests, found by role and visible name only."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Installation

HOME = "/w/harbour-grants"
PASSWORD = "demo-password"
Person = tuple[str, str]


def sign_in(page: Page, site: Installation, address: str = "alice@example.org") -> None:
    """By the page the first time, by its cookie from then on (signing in is throttled)."""
    if address in site.cookies:
        page.context.add_cookies(site.cookies[address])
        page.goto(site.path("/"))
        return
    page.goto(site.path("/sign-in"))
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Marketplace")).to_be_visible()
    site.cookies[address] = page.context.cookies()


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def add_bulk_email(page: Page) -> None:
    page.get_by_role("link", name="Marketplace").click()
    page.get_by_role("link", name="Add Bulk Email").click()
    dialog(page).get_by_role("button", name="Install").click()
    expect(page.get_by_role("link", name="Bulk Email", exact=True)).to_be_visible()


def install_tracker(page: Page) -> None:
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("button", name="Install the Email Tracker Plugin").click()
    dialog(page).get_by_role("button", name="Install").click()
    expect(page.get_by_text("Email Tracker is on.")).to_be_visible()


def write_csv(path: Path, people: list[Person]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Name", "Email"])
        writer.writerows(people)
    return path


def import_people(page: Page, path: Path, count: int) -> None:
    """As a new form, named like the file."""
    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_role("link", name="Import a CSV").click()
    page.get_by_label("CSV file").set_input_files(path)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name="Which column goes where?")).to_be_visible()
    page.get_by_role("button", name="Import").click()
    records = "1 record" if count == 1 else f"{count} records"
    expect(page.get_by_text(f"{records} imported")).to_be_visible(timeout=30000)


def choose_form(page: Page, name: str) -> None:
    """The one whose name begins so; waits for it (a page under its new address may still load)."""
    choice = page.get_by_label("Form", exact=True)
    named = choice.locator("option").filter(has_text=re.compile(rf"^\s*{re.escape(name)}"))
    choice.select_option(value=named.first.get_attribute("value"))


def compose(page: Page, subject: str, form: str, text: str = "Welcome.") -> None:
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("button", name=re.compile("New email|Write the first email")).first.click()
    page.wait_for_url("**/compose")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        choose_form(page, form)
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text", exact=True).fill(text)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Subject").press("Tab")
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()


def send(page: Page) -> None:
    page.get_by_role("button", name="Send …").click()
    dialog(page).get_by_role("button", name=re.compile(r"Send to [\d,]+ pe")).click()
    expect(page.get_by_role("tab", name="Overview")).to_be_visible()


def open_recipients(page: Page, subject: str) -> None:
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("link", name=subject).click()
    page.get_by_role("tab", name="Recipients").click()
    expect(page.get_by_role("region", name="Recipients")).to_be_visible()
