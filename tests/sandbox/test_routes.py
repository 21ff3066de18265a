"""The pages over the kept mails."""

import time
from collections.abc import Callable

import pytest
from flask import Flask

from tests.makers import make_connection
from webapp.accounts.models import Member, Role
from webapp.extensions import db
from webapp.sandbox.outcomes import Planned
from webapp.sandbox.reading import headline, searchable
from webapp.sandbox.serving import file_of
from webapp.sandbox.storage import Mail, Store

HTML = b"""Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
<p>Hi <b>Ann</b></p><script>alert(1)</script><img src="https://spy.example/x.gif">\
<a href="https://app.test/u/1?a=1&amp;b=2">unsubscribe</a>"""


@pytest.fixture
def keep(app: Flask, cast) -> Callable[..., int]:
    """Put a mail into the sandbox's file: keep(raw, token=…) → its id."""
    path = file_of(app.config["SETTINGS"].data_dir)
    path.unlink(missing_ok=True)
    make_connection(cast.workspace, hook_token="acme-token")

    def keep(raw: bytes = HTML, token: str = "acme-token", address: str = "ann@x.org", reports=()):
        store = Store(path)
        head = headline(raw)
        now = time.time()
        mail = Mail(
            token, now, "a@acme.test", address, head.subject, "", "<1>", "bounce", raw, reports
        )
        (mail_id,) = store.keep([mail])
        store.index((row["id"], searchable(row["names"], row["raw"])) for row in store.unread(9))
        store.close()
        return mail_id

    return keep


def part(client, url: str):
    return client.get(url, headers={"HX-Request": "true"})


def test_mails_are_listed_newest_first(sign_in, cast, keep):
    keep(address="old@x.org")
    keep(address="new@x.org")
    page = sign_in(cast.alice).get("/w/acme/sandbox").text
    assert page.index("new@x.org") < page.index("old@x.org")
    assert "Grüße" in page


def test_the_list_answers_204_until_something_came(sign_in, cast, keep):
    first = keep()
    alice = sign_in(cast.alice)
    assert part(alice, f"/w/acme/sandbox?version={first}-1").status_code == 204
    keep(address="new@x.org")
    answer = part(alice, f"/w/acme/sandbox?version={first}-1")
    assert "new@x.org" in answer.text
    assert "<html" not in answer.text


@pytest.mark.parametrize("words", ["ANN@X.org", "grÜsse", "unsubscribe", "hi"])
def test_search_finds_addresses_subjects_and_texts(sign_in, cast, keep, words: str):
    keep()
    alice = sign_in(cast.alice)
    assert "ann@x.org" in part(alice, f"/w/acme/sandbox?q={words}").text
    assert "ann@x.org" not in part(alice, f"/w/acme/sandbox?q={words}xyz").text


def test_older_mails_are_a_page_away(sign_in, cast, keep):
    for number in range(52):
        keep(address=f"p{number}@x.org")
    alice = sign_in(cast.alice)
    page = alice.get("/w/acme/sandbox").text
    assert "p51@x.org" in page
    assert "p1@x.org" not in page
    before = page.split("before=")[1].split('"')[0]
    assert "p1@x.org" in alice.get(f"/w/acme/sandbox?before={before}").text


def test_the_html_of_a_mail_can_do_nothing(sign_in, cast, keep):
    mail_id = keep()
    answer = sign_in(cast.alice).get(f"/w/acme/sandbox/{mail_id}/frame")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'")
    assert "script" not in policy
    assert "<b>Ann</b>" in answer.text


def test_a_mail_s_page_never_carries_its_html(sign_in, cast, keep):
    alice, mail_id = sign_in(cast.alice), keep()
    for tab in ("", "/html", "/text", "/source", "/headers"):
        page = alice.get(f"/w/acme/sandbox/{mail_id}{tab}")
        assert page.status_code == 200
        assert "<script>alert" not in page.text
    assert '<iframe class="mail-frame tall" sandbox' in alice.get(f"/w/acme/sandbox/{mail_id}").text


def test_links_of_a_mail_stand_beside_it(sign_in, cast, keep):
    page = sign_in(cast.alice).get(f"/w/acme/sandbox/{keep()}").text
    assert 'href="https://app.test/u/1?a=1&amp;b=2"' in page


def test_reports_to_come_are_shown_and_asked_for_again(sign_in, cast, keep):
    now = time.time()
    reports = [Planned("bounced", now, now + 60, "550 5.1.1 <nobody> here", 1)]
    answer = part(sign_in(cast.alice), f"/w/acme/sandbox/{keep(reports=reports)}/reports").text
    assert "550 5.1.1 &lt;nobody&gt; here" in answer
    assert "Not posted yet" in answer
    assert "hx-trigger" in answer


def test_mails_of_another_workspace_are_not_there(sign_in, cast, keep):
    mail_id = keep(token="somebody-else")
    alice = sign_in(cast.alice)
    assert "ann@x.org" not in alice.get("/w/acme/sandbox").text
    for tab in ("", "/frame", "/reports", "/source"):
        assert alice.get(f"/w/acme/sandbox/{mail_id}{tab}").status_code == 404


def test_instance_mail_has_a_list_of_its_own(sign_in, cast, keep):
    keep(token="", address="invited@x.org")
    alice = sign_in(cast.alice)
    assert "invited@x.org" not in alice.get("/w/acme/sandbox").text
    assert "invited@x.org" in alice.get("/w/acme/sandbox?box=instance").text


def test_clearing_forgets_this_workspace_s_mails_only(sign_in, cast, keep):
    keep()
    kept = [keep(token=""), keep(token="somebody-else")]
    alice = sign_in(cast.alice)
    assert alice.post("/w/acme/sandbox/clear").status_code == 303
    assert "ann@x.org" not in alice.get("/w/acme/sandbox").text
    assert alice.get(f"/w/acme/sandbox/{kept[0]}").status_code == 200


def test_it_is_for_admins(sign_in, cast, keep):
    mail_id = keep()
    for path in ("", f"/{mail_id}", f"/{mail_id}/frame", f"/{mail_id}/reports"):
        assert sign_in(cast.bob).get(f"/w/acme/sandbox{path}").status_code == 403
        assert sign_in(cast.charlie).get(f"/w/acme/sandbox{path}").status_code == 404
    assert sign_in(cast.bob).post("/w/acme/sandbox/clear").status_code == 403


def test_the_tab_is_for_admins(sign_in, cast):
    member = db.session.query(Member).filter_by(user_id=cast.bob.id).one()
    assert "/w/acme/sandbox" not in sign_in(cast.bob).get("/w/acme/marketplace").text
    member.role = Role.ADMIN
    assert "/w/acme/sandbox" in sign_in(cast.bob).get("/w/acme/marketplace").text


def test_where_the_sandbox_is_off_there_is_nothing(app, sign_in, cast, monkeypatch):
    from dataclasses import replace

    off = replace(app.config["SETTINGS"], sandbox=False)
    monkeypatch.setitem(app.config, "SETTINGS", off)
    alice = sign_in(cast.alice)
    assert alice.get("/w/acme/sandbox").status_code == 404
    assert "/w/acme/sandbox" not in alice.get("/w/acme/marketplace").text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n",
        b"Content-Type: text/html; charset=nonsense\r\n\r\n<b>\xff\x00",
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Content-Type: text/plain; charset==?x?=\r\nContent-Disposition: attachment;"
        b" filename*=utf-99''%ff\r\n\r\nx",
        b"Subject: =?utf-8?b?//79?= =?bad?q?=ff?=\r\nFrom: \xff\xfe\r\n\r\nx",
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
            for n in range(1500)
        ),
    ],
    ids=["empty", "bytes", "no parts", "charset", "base64", "names", "encoded words", "deep"],
)
def test_a_broken_mail_is_shown_as_far_as_it_goes(sign_in, cast, keep, raw: bytes):
    alice, mail_id = sign_in(cast.alice), keep(raw)
    for tab in ("", "/html", "/text", "/source", "/headers", "/frame"):
        assert alice.get(f"/w/acme/sandbox/{mail_id}{tab}").status_code == 200
