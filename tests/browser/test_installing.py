"""S1 to S4: adding the two plugins, once, by somebody who may, and taking them away again."""

import re

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Page, expect

from tests.browser.acting import HOME, PASSWORD, add_bulk_email, dialog, install_tracker, sign_in
from tests.browser.conftest import Installation

# the tests of this file are one story, in order, in one installation


def age_password(page: Page, site: Installation) -> None:
    """As if the password had been typed an hour ago."""
    app = Flask("cookies")
    app.secret_key = (site.data / "secret-key").read_text().strip()
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer
    [cookie] = [each for each in page.context.cookies() if each["name"] == "session"]
    session = signer.loads(cookie["value"])
    session["fs_paa"] -= 3600
    page.context.add_cookies([cookie | {"value": signer.dumps(session)}])


def stats_links(page: Page):
    return page.get_by_role("navigation", name="Forms").get_by_role(
        "link", name="Email Tracker Stats"
    )


def test_1_the_sign_in_page_tells_a_newcomer_how(page: Page, installation: Installation) -> None:
    page.goto(installation.path("/sign-in"))

    expect(page.get_by_text(f"with the password {PASSWORD}")).to_be_visible()


def test_2_the_tracker_waits_for_bulk_email(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Marketplace").click()

    expect(page.get_by_text("Requires Bulk Email")).to_be_visible()
    expect(page.get_by_role("button", name="Add Email Tracker")).to_be_disabled()


def test_3_the_tab_appears_without_a_reload(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/marketplace"))
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Add Bulk Email").click()
    expect(dialog(page)).to_contain_text("read the records of your forms")
    dialog(page).get_by_role("button", name="Install").click()

    expect(page.get_by_role("link", name="Bulk Email", exact=True)).to_be_visible()
    expect(dialog(page)).to_have_count(0)
    assert page.evaluate("window.same") is True


def test_4_others_than_admins_are_told_to_ask(page: Page, installation: Installation) -> None:
    sign_in(page, installation, "bob@example.org")
    page.goto(installation.path(HOME + "/emails"))
    expect(page.get_by_text("Ask an admin to install the Email Tracker plugin.")).to_be_visible()
    expect(page.get_by_role("button", name="Install the Email Tracker Plugin")).to_have_count(0)

    page.get_by_role("link", name="Marketplace").click()
    expect(page.get_by_text("Ask an admin to add this.")).to_be_visible()
    answer = page.goto(installation.path(HOME + "/marketplace/email_tracker/install"))
    assert answer
    assert answer.status == 403
    expect(page.get_by_text("Your role does not allow this")).to_be_visible()


def test_5_an_old_password_is_asked_for_again(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    age_password(page, installation)
    page.goto(installation.path(HOME + "/emails"))
    page.get_by_role("button", name="Install the Email Tracker Plugin").click()
    password = dialog(page).get_by_label("Confirm your password")
    install = dialog(page).get_by_role("button", name="Install")

    password.fill("something else")
    install.click()
    expect(dialog(page)).to_contain_text("That is not your password.")
    page.keyboard.press("Escape")

    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Install the Email Tracker Plugin")).to_be_focused()


def test_6_twice_at_once_back_and_reload_make_one_form(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    other = page.context.new_page()
    for each in (page, other):
        each.goto(installation.path(HOME + "/emails"))
        each.evaluate("window.same = true")
        each.get_by_role("button", name="Install the Email Tracker Plugin").click()
        expect(dialog(each)).to_contain_text("follow every copy")
    for each in (page, other):
        dialog(each).get_by_role("button", name="Install").click()
    for each in (page, other):
        expect(each.get_by_text("Email Tracker is on.")).to_be_visible()
        expect(each.get_by_role("button", name="Install the Email Tracker")).to_have_count(0)
        assert each.evaluate("window.same") is True

    page.get_by_role("link", name="Open Email Tracker Stats").click()
    expect(page).to_have_url(re.compile(r"/data/\d+"))
    page.go_back()
    page.reload()
    page.go_forward()
    expect(page.get_by_role("heading", name="Email Tracker Stats")).to_be_visible()
    expect(stats_links(page)).to_have_count(1)


def test_7_removed_it_hides_and_installed_again_it_is_back(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Email Tracker Stats").click()
    expect(page.get_by_role("heading", name="Email Tracker Stats")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/data/\d+"))
    form = page.url
    page.get_by_role("link", name="Marketplace").click()

    page.get_by_role("link", name="Remove Bulk Email").click()
    dialog(page).get_by_role("button", name="Remove Bulk Email").click()
    expect(dialog(page)).to_contain_text("Remove Email Tracker first.")
    dialog(page).get_by_role("link", name="Keep it").click()

    page.get_by_role("link", name="Remove Email Tracker").click()
    expect(dialog(page)).to_contain_text("Every record is kept")
    dialog(page).get_by_role("button", name="Remove Email Tracker").click()
    expect(page.get_by_text("Email Tracker has been removed.")).to_be_visible()
    page.get_by_role("link", name="Data", exact=True).click()
    expect(stats_links(page)).to_have_count(0)

    install_tracker(page)
    page.get_by_role("link", name="Open Email Tracker Stats").click()
    expect(stats_links(page)).to_have_count(1)
    expect(page).to_have_url(form)


def test_8_bulk_email_comes_back_too(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.get_by_role("link", name="Marketplace").click()
    for title in ("Email Tracker", "Bulk Email"):
        page.get_by_role("link", name=f"Remove {title}").click()
        dialog(page).get_by_role("button", name=f"Remove {title}").click()
        expect(page.get_by_text(f"{title} has been removed.")).to_be_visible()
    expect(page.get_by_role("link", name="Bulk Email", exact=True)).to_have_count(0)

    add_bulk_email(page)
    install_tracker(page)
