"""Live without jumping: what a refresh keeps, when it stops, and what a lost line looks like."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.acting import (
    HOME,
    add_bulk_email,
    compose,
    dialog,
    import_people,
    install_tracker,
    open_recipients,
    send,
    sign_in,
    write_csv,
)
from tests.browser.conftest import Installation

# "+silent" is never heard of again and "+busy" asks for patience: these emails stay unsettled
PEOPLE = [("Silent", "a+silent@example.org"), ("Busy", "b+busy@example.org")]
MORE = [(f"Guest {number:02}", f"guest{number}@example.org") for number in range(30)]
LIVE = re.compile(r"/live/recipients\?")


@pytest.fixture(scope="module", autouse=True)
def emails(browser, installation: Installation, tmp_path_factory) -> None:
    """One email that stays unsettled, and one that settles."""
    page = browser.new_context(viewport={"width": 1280, "height": 700}).new_page()
    page.set_default_timeout(30_000)
    folder: Path = tmp_path_factory.mktemp("csv")
    sign_in(page, installation)
    add_bulk_email(page)
    install_tracker(page)
    for name, people in (("slow", PEOPLE + MORE), ("quick", MORE[:2])):
        import_people(page, write_csv(folder / f"{name}.csv", people), len(people))
        compose(page, f"A {name} one", name)
        send(page)
    page.context.close()


def renewed(page: Page, part: Locator, command: str) -> None:
    """Somebody else gives a command; returns when `part` has been renewed because of it."""
    before = part.get_attribute("hx-get")
    assert before
    other = page.context.new_page()
    other.goto(re.sub(r"(/emails/\d+).*", r"\1", page.url))
    other.get_by_role("link", name=command).click()
    dialog(other).get_by_role("button", name=command).click()
    expect(other.get_by_text("Paused" if command == "Pause" else "Sending").first).to_be_visible()
    other.close()
    expect(part).not_to_have_attribute("hx-get", before)


def test_typed_text_its_selection_and_the_scroll_stay(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.set_viewport_size({"width": 1280, "height": 500})
    open_recipients(page, "A slow one")
    search = page.get_by_label("Search name or address")
    search.fill("typed and kept")
    search.evaluate("box => box.setSelectionRange(2, 7)")
    page.evaluate("window.scrollTo(0, 180)")

    renewed(page, page.locator("#recipients"), "Pause")

    expect(search).to_be_focused()
    expect(search).to_have_value("typed and kept")
    assert search.evaluate("box => [box.selectionStart, box.selectionEnd]") == [2, 7]
    assert page.evaluate("window.scrollY") == 180
    renewed(page, page.locator("#recipients"), "Resume")


def test_an_open_menu_and_a_text_marked_for_copying_stay(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    open_recipients(page, "A slow one")
    page.get_by_role("link", name="Silent", exact=True).click()
    menu = page.get_by_role("button", name=re.compile("^Status: "))
    menu.click()
    page.get_by_text("a+silent@example.org").evaluate("it => getSelection().selectAllChildren(it)")

    renewed(page, page.locator("#copy"), "Pause")

    expect(page.get_by_text("For reading.")).to_be_visible()
    assert page.evaluate("getSelection().toString()") == "a+silent@example.org"
    renewed(page, page.locator("#copy"), "Resume")


def test_nothing_is_sent_while_nothing_has_changed(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    open_recipients(page, "A slow one")
    row = page.get_by_role("row").filter(has_text="Silent")
    part = page.locator("#recipients")
    # the "+busy" one may still move something: from the first 204 on it has to wait its minute
    page.wait_for_event("response", lambda it: LIVE.search(it.url) and it.status == 204)
    row.evaluate("it => { it.mine = true }")
    before = part.get_attribute("hx-get")

    for _ in range(2):
        page.wait_for_event("response", lambda it: LIVE.search(it.url) and it.status == 204)

    expect(page.get_by_text(re.compile("updated (just now|[1-3] s ago)"))).to_be_visible()
    assert row.evaluate("it => it.mine") is True
    assert part.get_attribute("hx-get") == before


def test_what_is_settled_says_final_and_asks_no_more(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    open_recipients(page, "A quick one")

    expect(page.get_by_text("final", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Delivered 2")).to_be_visible()
    expect(page.locator("#email [hx-trigger^=every]")).to_have_count(0)


def test_a_lost_line_is_said_and_caught_up_with(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    open_recipients(page, "A slow one")
    notice = page.get_by_text("The connection to the server is lost.")
    expect(notice).to_be_hidden()

    page.context.set_offline(True)
    expect(notice).to_be_visible()
    expect(page.get_by_role("link", name="Silent", exact=True)).to_be_visible()
    page.context.set_offline(False)

    expect(notice).to_be_hidden()


def test_an_answer_of_a_failing_server_does_not_replace_what_is_shown(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    open_recipients(page, "A slow one")
    page.route(LIVE, lambda route: route.fulfill(status=502, body="Bad gateway"))

    expect(page.get_by_text("The connection to the server is lost.")).to_be_visible()
    expect(page.get_by_role("link", name="Silent", exact=True)).to_be_visible()
    page.unroute(LIVE)

    expect(page.get_by_text("The connection to the server is lost.")).to_be_hidden()


def test_a_draft_that_cannot_be_saved_says_so_where_one_types(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails"))
    page.get_by_role("button", name="New email").click()
    page.wait_for_url("**/compose")
    elsewhere = page.context.new_page()
    elsewhere.goto(page.url.replace("compose", "delete"))
    elsewhere.get_by_role("button", name="Delete").click()
    expect(elsewhere).to_have_url(re.compile("/emails$"))

    for text in ("Dear all,", "Dear all, this is long."):  # the second finds the page as it was
        page.get_by_label("Text", exact=True).fill(text)
        with page.expect_response(lambda answer: answer.status == 404):
            page.get_by_label("Text", exact=True).press("Tab")
        expect(page.get_by_text("Not saved: There is nothing here.")).to_be_in_viewport()
        expect(page.get_by_label("Text", exact=True)).to_have_value(text)


def reload_a_copy(page: Page, installation: Installation) -> None:
    """Come to a copy from the list of recipients, and load it once more: forward leads to it."""
    sign_in(page, installation)
    open_recipients(page, "A quick one")
    page.get_by_role("link", name="Guest 00", exact=True).click()
    expect(page.get_by_role("heading", name="Guest 00")).to_be_visible()
    page.reload()


def test_forward_before_the_scripts_have_come_shows_what_the_address_says(
    page: Page, installation: Installation
) -> None:
    reload_a_copy(page, installation)
    scripts: list[Route] = []
    page.route("**/htmx.min.js*", lambda script: scripts.append(script), times=1)
    page.go_back(wait_until="commit")
    expect(page.get_by_role("link", name="Guest 01", exact=True)).to_be_visible()
    page.go_forward(wait_until="commit")
    scripts[0].continue_()

    expect(page.get_by_role("heading", name="Guest 00")).to_be_visible()


def test_forward_between_the_scripts_and_their_listening_shows_what_the_address_says(
    page: Page, installation: Installation
) -> None:
    reload_a_copy(page, installation)
    # htmx begins to listen in a timeout; let a second pass before the first timeouts come
    page.add_init_script(
        "const soon = window.setTimeout;"
        " window.setTimeout = (act, wait, ...rest) => soon(act, wait ?? 1000, ...rest)"
    )
    page.go_back(wait_until="commit")
    expect(page.get_by_role("link", name="Guest 01", exact=True)).to_be_visible()
    page.go_forward(wait_until="commit")

    expect(page.get_by_role("heading", name="Guest 00")).to_be_visible()
