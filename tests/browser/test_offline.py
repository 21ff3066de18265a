"""Without a network: a page that says so, for full loads as well, and nothing kept of others."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.acting import HOME, sign_in
from tests.browser.conftest import Installation

CONTROLLED = "() => !!navigator.serviceWorker.controller"


def test_a_full_load_without_a_network_says_so_and_goes_on_later(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.wait_for_function(CONTROLLED)
    page.context.set_offline(True)
    page.goto(installation.path(HOME + "/data"))
    expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    expect(page.get_by_text("Applicants")).to_have_count(0)

    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Applicants")).to_be_visible()
    assert page.evaluate("caches.keys()") == []


def test_a_stranger_gets_no_worker(page: Page, installation: Installation) -> None:
    page.goto(installation.path("/sign-in"))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()

    assert page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0


def test_too_large_a_file_is_not_sent_off(
    page: Page, installation: Installation, tmp_path: Path
) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/data/import"))
    page.get_by_label("CSV file").set_input_files(large)
    page.get_by_role("button", name="Upload").click()

    why = page.get_by_label("CSV file").evaluate("input => input.validationMessage")
    assert why == "The file is larger than 50 MB. Split it, or leave out columns."
    assert page.url.endswith("/data/import")
