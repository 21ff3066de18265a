"""Writing an email, and sending it at a time to come."""

import re
from datetime import date, timedelta

from playwright.sync_api import Page, expect

from tests.browser.acting import HOME, add_bulk_email, dialog, sign_in
from tests.browser.conftest import Installation
from webapp.lib import clock

TRIES = 20  # page loads; what is sent while leaving may come in after the next page

# the tests of this file are one story, in order, in one installation


def pick(page: Page, field: str, fallback: str) -> None:
    """A merge field, by the picker, where the cursor is."""
    page.locator("summary").filter(has_text="Merge field").click()
    page.get_by_label("Where it is blank, write").fill(fallback)
    page.get_by_role("button", name=field, exact=True).click()


def test_1_a_draft_saves_itself_with_fields_from_the_picker(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    add_bulk_email(page)
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("button", name="Write the first email").click()
    subject, text = page.get_by_label("Subject"), page.get_by_label("Text", exact=True)
    subject.fill("Slots for ")
    pick(page, "First name", "you")
    text.fill("Dear ")
    pick(page, "First name", 'fri"end')
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()

    page.reload()
    expect(subject).to_have_value('Slots for {{ first_name | default: "you" }}')
    expect(text).to_have_value('Dear {{ first_name | default: "friend" }}')


def test_2_leaving_at_once_saves_what_was_typed(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1/compose"))
    text = page.get_by_label("Text", exact=True)
    text.press("Control+End")
    text.press_sequentially(", hello")
    expect(page.get_by_role("status").filter(has_text="Saving …")).to_be_visible()
    page.goto(installation.path(HOME + "/emails"))

    for _ in range(TRIES):
        page.goto(installation.path(HOME + "/emails/1/compose"))
        if text.input_value().endswith(", hello"):
            break
    expect(text).to_have_value('Dear {{ first_name | default: "friend" }}, hello')


def test_3_a_save_that_reached_no_server_is_said_and_tried_again(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1/compose"))
    page.route("**/compose", lambda save: save.abort(), times=1)
    subject = page.get_by_label("Subject")
    subject.press("End")
    subject.press_sequentially("!")

    status = page.get_by_role("status")
    expect(status.filter(has_text="Not saved yet. Trying again …")).to_be_visible()
    expect(status.filter(has_text=re.compile("^Saved"))).to_be_visible()
    page.reload()
    expect(subject).to_have_value(re.compile("!$"))


def test_4_what_was_just_typed_is_in_the_preview(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1/compose"))
    text = page.get_by_label("Text", exact=True)
    text.press("Control+End")
    text.press_sequentially(", this was **just** typed.")
    page.get_by_role("button", name="Preview").click()

    frame = dialog(page).frame_locator("iframe")
    expect(frame.get_by_text(re.compile("Dear .+, hello, this was just typed."))).to_be_visible()
    name = dialog(page).locator("dd").first.text_content()
    dialog(page).get_by_role("link", name="Next person").click()
    expect(dialog(page).locator("dd").first).not_to_have_text(name or "")
    dialog(page).get_by_role("button", name="Send this one to me").click()
    expect(dialog(page).get_by_text("A test is on its way to alice@example.org.")).to_be_visible()


def test_5_a_time_that_does_not_exist_is_said_and_mended(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1/compose"))
    page.get_by_role("button", name="Send …").click()
    dialog(page).get_by_label("At a time to come").check()
    dialog(page).get_by_label("Date").fill(next_gap().isoformat())
    dialog(page).get_by_label("Time", exact=True).fill("02:30")
    dialog(page).get_by_label("Time zone").select_option("Europe/Berlin")
    dialog(page).get_by_role("button", name=re.compile("Send to")).click()
    expect(dialog(page).get_by_text("The clocks in Europe/Berlin jump over 02:30")).to_be_visible()

    dialog(page).get_by_label("Time", exact=True).fill("09:30")
    dialog(page).get_by_role("button", name=re.compile("Send to")).click()
    expect(page.get_by_text("09:30 (Europe/Berlin); for you")).to_be_visible()
    expect(page.get_by_role("link", name="Reschedule")).to_be_visible()


def test_6_taken_back_it_is_a_draft(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1"))
    page.get_by_role("link", name="Back to a draft").click()
    dialog(page).get_by_role("button", name="Make it a draft").click()

    page.wait_for_url("**/compose")
    expect(page.get_by_label("Subject")).to_have_value(re.compile("^Slots for"))


def next_gap() -> date:
    """The next last Sunday of March: at 02:00 the clocks in Berlin are put forward."""
    today = clock.now().date()
    for year in (today.year, today.year + 1):
        last = date(year, 3, 31)
        sunday = last - timedelta(days=(last.weekday() + 1) % 7)
        if sunday > today:
            return sunday
    raise AssertionError("there is one every year")
