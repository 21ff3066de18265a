"""Every route × everybody: strangers find nothing, small roles are refused, others get in."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import makers
from tests.cast import make_user, signed_in_client
from webapp.accounts.models import Invitation, Member, Role
from webapp.accounts.models_telling import Tiding
from webapp.bulk_email import subscribing
from webapp.bulk_email.models import PublicLook
from webapp.bulk_email.models_groups import SuppressedGroup
from webapp.bulk_email.models_lists import AddressImport
from webapp.delivery import opting_out, suppressing
from webapp.delivery.models import ArrivalStage, Recipient, Suppression
from webapp.delivery.models_people import Person
from webapp.email_tracker import introducing
from webapp.extensions import db
from webapp.forms.models import Export, Field, Import, Record, View
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
VIEWER, EDITOR, ADMIN = Role.VIEWER, Role.EDITOR, Role.ADMIN
PUBLIC, SIGNED_IN = "public", "signed in"

NEEDS: dict[str, object] = {
    "static": PUBLIC, "hooks.receive": PUBLIC, "public.unsubscribe": PUBLIC,
    "public.logo": PUBLIC,
    "links.click": PUBLIC, "links.opened": PUBLIC,
    "people.accept": PUBLIC, "accounts.health": PUBLIC, "accounts.sign_out": PUBLIC,
    "accounts.home": SIGNED_IN, "accounts.new_workspace": SIGNED_IN,
    "accounts.profile": SIGNED_IN, "accounts.sign_out_everywhere": SIGNED_IN,
    "accounts.workspace": VIEWER, "accounts.settings": ADMIN,
    "people.members": VIEWER, "people.invite": ADMIN, "people.withdraw": ADMIN,
    "people.change_role": ADMIN, "people.remove": ADMIN, "people.audit": ADMIN,
    "plugins.index": VIEWER, "plugins.ask": ADMIN, "plugins.install": ADMIN,
    "plugins.ask_removal": ADMIN, "plugins.remove": ADMIN,
    "plugins.ask_closing": Role.OWNER, "plugins.close": Role.OWNER,
    "forms.index": VIEWER, "forms.show": VIEWER, "forms.record": VIEWER, "forms.export": VIEWER,
    "forms.sort": VIEWER, "email_tracker.sort": VIEWER,
    "forms.export_report": VIEWER, "forms.export_file": VIEWER,
    "forms.save_view": EDITOR, "forms.delete_view": EDITOR, "forms.delete_selected": EDITOR,
    "forms.new": EDITOR, "forms.edit": EDITOR, "forms.delete_field": EDITOR,
    "forms.delete": ADMIN, "forms.new_record": EDITOR, "forms.edit_record": EDITOR,
    "forms.delete_record": EDITOR, "forms.import_new": EDITOR, "forms.import_into": EDITOR,
    "forms.map_import": EDITOR, "forms.import_report": EDITOR, "forms.refused_rows": EDITOR,
    "bulk_email.index": VIEWER, "bulk_email.live_list": VIEWER, "bulk_email.show": VIEWER,
    "bulk_email.head": VIEWER, "bulk_email.traffic": VIEWER, "bulk_email.content_frame": VIEWER,
    "bulk_email.control": EDITOR, "bulk_email.change_deadline": EDITOR, "bulk_email.new": EDITOR,
    "bulk_email.compose": EDITOR, "bulk_email.check": EDITOR, "bulk_email.preview": EDITOR,
    "bulk_email.preview_frame": EDITOR, "bulk_email.test": EDITOR, "bulk_email.send": EDITOR,
    "bulk_email.reschedule": EDITOR, "bulk_email.doubtful": VIEWER,
    "bulk_email.decide_doubtful": EDITOR, "bulk_email.adopt": ADMIN,
    "bulk_email.duplicate": EDITOR, "bulk_email.delete": EDITOR,
    "bulk_email.connections": ADMIN, "bulk_email.connection": ADMIN,
    "bulk_email.test_connection": ADMIN, "bulk_email.remove_connection": ADMIN,
    "bulk_email.connection_live": ADMIN, "bulk_email.set_key": ADMIN,
    "bulk_email.end_old_key": ADMIN,
    "bulk_email.suppressions": ADMIN, "bulk_email.lift": ADMIN,
    "email_tracker.live_recipients": VIEWER, "email_tracker.live_overview": VIEWER,
    "email_tracker.copy": VIEWER, "email_tracker.decide": EDITOR,
    "email_tracker.live_sent_again": VIEWER, "email_tracker.resend": EDITOR,
    "email_tracker.person": VIEWER, "email_tracker.export": VIEWER,
    "email_tracker.print_out": VIEWER, "email_tracker.links_frame": VIEWER,
    "email_tracker.trends": VIEWER,
    "email_tracker.return_way": ADMIN, "email_tracker.look_into_mailbox": ADMIN,
    "bulk_email.topics": ADMIN, "bulk_email.remove_topic": ADMIN,
    "bulk_email.public_look": ADMIN, "bulk_email.rename_topic": ADMIN,
    "bulk_email.offer_topic": ADMIN, "bulk_email.show_look": ADMIN, "bulk_email.show_logo": ADMIN,
    "bulk_email.import_suppressions": ADMIN,
    "bulk_email.address_import": ADMIN, "bulk_email.refused_addresses": ADMIN,
    "email_tracker.source": ADMIN,
    "bulk_email.suppress_group": ADMIN, "bulk_email.suppressed_group": ADMIN,
    "bulk_email.endpoints": ADMIN, "bulk_email.endpoint": ADMIN,
    "bulk_email.endpoint_log": ADMIN, "bulk_email.change_endpoint_secret": ADMIN,
    "bulk_email.act_on_endpoint": ADMIN,
    "tidings.index": VIEWER, "tidings.bell": VIEWER, "tidings.read_all": VIEWER,
    "tidings.read": VIEWER, "tidings.choose": SIGNED_IN, "tidings.no_mails": PUBLIC,
    "email_tracker.tray": VIEWER, "email_tracker.unmatched_report": VIEWER,
    "email_tracker.unreadable_arrival": VIEWER, "email_tracker.attach": EDITOR,
    "email_tracker.put_aside": EDITOR, "email_tracker.undo": EDITOR,
    "email_tracker.live_copy": VIEWER, "email_tracker.statuses": VIEWER, "forms.search": VIEWER,
}  # fmt: skip
# Flask-Security's own pages, and the sandbox's, whose tests say the same of them
ELSEWHERE = ("security.", "sandbox.")
ROLES = {"stranger": None, "bob": VIEWER, "edith": EDITOR, "adam": ADMIN, "alice": Role.OWNER}


@pytest.fixture
def world(app: Flask, cast) -> dict[str, object]:
    """One of everything, and the parameters that name it."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    form = makers.make_form(cast.workspace, [("Ann", "ann@x.test"), ("Bo", "bo@x.test")])
    connection = makers.make_connection(cast.workspace)
    bulk_email = makers.make_email(form, connection, cast.alice)
    makers.start(bulk_email)
    introducing.introduce_some(bulk_email.id)
    suppressing.suppress(cast.workspace.id, [suppressing.Entry("cy@x.test", Cause.SUPPRESSED)])
    people = {name: make_user(name) for name in ("edith", "adam")}
    db.session.flush()
    for name, user in people.items():
        db.session.add(Member(workspace_id=cast.workspace.id, user_id=user.id, role=ROLES[name]))
    rows = {
        "view_id": View(form_id=form.id, name="All"),
        "import_id": Import(form_id=form.id, user_id=cast.alice.id, file_name="x", content=b"a,b",
            encoding="utf-8-sig", delimiter=","),
        "export_id": Export(form_id=form.id, user_id=cast.alice.id, settings={"query": ""}),
        "list_id": AddressImport(workspace_id=cast.workspace.id, file_name="x", content=b"a@b",
            encoding="utf-8-sig", delimiter=",", address_column=0, has_head=False,
            cause="suppressed", reason=""),
        "group_id": SuppressedGroup(workspace_id=cast.workspace.id, bulk_email_id=bulk_email.id,
            cause="gave_up", reason=""),
        "invitation_id": Invitation(
            workspace_id=cast.workspace.id, address="dan@x.test", role=VIEWER,
            expires_at=clock.now() + timedelta(days=1),
        ),
    }  # fmt: skip
    db.session.add_all(rows.values())
    db.session.commit()
    ids = {name: row.id for name, row in rows.items()}
    parked = makers.make_parked(connection)
    parked.arrival.stage = ArrivalStage.UNREADABLE
    db.session.commit()
    ids |= {"parked_id": parked.id, "arrival_id": parked.arrival_id}
    opting_out.add(cast.workspace, "Newsletter")
    db.session.add(PublicLook(workspace_id=cast.workspace.id, logo=b"x", logo_type="image/png"))
    ids["topic_id"] = opting_out.topics(cast.workspace)[0].id
    told = Tiding(
        workspace_id=cast.workspace.id, user_id=cast.alice.id, kind="finished", title="Done",
        path="/w/acme/emails",
    )  # fmt: skip
    db.session.add(told)
    db.session.commit()
    ids["tiding_id"] = told.id
    told_of = ["email.finished"]
    endpoint = subscribing.add(cast.workspace, "https://x.test/", told_of, cast.alice)
    ids["endpoint_id"] = endpoint.id
    one = {
        "record_id": Record,
        "field_id": Field,
        "copy_id": Recipient,
        "suppression_id": Suppression,
        "person_id": Person,
    }
    ids |= {name: db.session.query(model).first().id for name, model in one.items()}
    return ids | {
        "slug": "acme", "form_id": form.id, "email_id": bulk_email.id, "name": "bulk_email",
        "connection_id": connection.id, "member_id": db.session.query(Member).first().id,
        "kind": "finished", "act": "off", "panel": "recipients", "command": "pause",
        "token": "none", "provider_name": "sandbox", "number": 1,
        "hook_token": "none", "filename": "app.css", "people": people,
    }  # fmt: skip


def routes(app: Flask):
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith(ELSEWHERE):
            for method in sorted(rule.methods & {"GET", "POST"}):
                yield rule, method


def call(client, rule, method: str, world: dict, **changes):
    values = world | changes
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), rule.rule)
    return client.open(path, method=method)


def plain(answer) -> str:
    """The body without its CSRF token, which holds the time, and without the time."""
    return re.sub(
        r'(X-CSRFToken": |csrf_token" value=|name="now" content=)"[^"]+"', "", answer.text
    )


def test_every_route_is_in_the_table(app: Flask) -> None:
    known = {rule.endpoint for rule, _ in routes(app)}

    assert known == set(NEEDS)


def test_nobody_gets_in_without_signing_in(app: Flask, world) -> None:
    wrong = []
    for rule, method in routes(app):
        if NEEDS[rule.endpoint] == PUBLIC:
            continue
        answer = call(app.test_client(), rule, method, world)
        if answer.status_code != 302 or not answer.location.startswith("/sign-in"):
            wrong.append((rule.endpoint, method, answer.status_code))

    assert wrong == []


def test_a_stranger_cannot_tell_what_exists(app: Flask, world, cast) -> None:
    client = signed_in_client(app, cast.charlie)
    wrong = []
    for rule, method in routes(app):
        if not isinstance(NEEDS[rule.endpoint], Role):
            continue
        real = call(client, rule, method, world)
        absent = call(client, rule, method, world, slug="no-such-workspace")
        if (real.status_code, absent.status_code) != (404, 404) or plain(real) != plain(absent):
            wrong.append((rule.endpoint, method, real.status_code))

    assert wrong == []


@pytest.mark.parametrize("name", ["bob", "edith", "adam"])
def test_small_roles_are_refused_what_is_not_theirs(app: Flask, world, cast, name) -> None:
    client = signed_in_client(app, world["people"].get(name) or cast.bob)
    wrong = []
    for rule, method in routes(app):
        need = NEEDS[rule.endpoint]
        if not isinstance(need, Role) or ROLES[name].includes(need):
            continue
        answer = call(client, rule, method, world)
        if answer.status_code != 403:
            wrong.append((rule.endpoint, method, answer.status_code))

    assert wrong == []


def test_reading_works_for_everybody_whose_role_suffices(app: Flask, world, cast) -> None:
    wrong = []
    for name in ("bob", "edith", "adam", "alice"):
        user = world["people"].get(name) or getattr(cast, name)
        client = signed_in_client(app, user)
        for rule, method in routes(app):
            need = NEEDS[rule.endpoint]
            if method != "GET" or not isinstance(need, Role) or not ROLES[name].includes(need):
                continue
            answer = call(client, rule, method, world)
            if answer.status_code in (401, 403) or answer.status_code >= 500:
                wrong.append((name, rule.endpoint, answer.status_code))

    assert wrong == []


def test_asking_for_the_head_alone_does_nothing(app: Flask, world, cast) -> None:
    """A route that takes GET and POST must not take HEAD for a POST."""
    client = signed_in_client(app, cast.alice)
    tables = db.metadata.sorted_tables

    def counts() -> dict[str, int]:
        return {t.name: db.session.scalar(select(func.count()).select_from(t)) for t in tables}

    before = counts()
    for rule, method in routes(app):
        if method == "GET":
            call(client, rule, "HEAD", world)

    assert counts() == before


def test_ids_of_another_workspace_are_found_nowhere(app: Flask, world, cast) -> None:
    client = signed_in_client(app, cast.charlie)
    wrong = []
    for rule, method in routes(app):
        if not isinstance(NEEDS[rule.endpoint], Role) or "<int:" not in rule.rule:
            continue
        answer = call(client, rule, method, world, slug="elsewhere")
        if answer.status_code != 404:
            wrong.append((rule.endpoint, method, answer.status_code))

    assert wrong == []


def test_a_stranger_gets_no_part_either(app: Flask, world, cast) -> None:
    client = signed_in_client(app, cast.charlie)
    client.environ_base["HTTP_HX_REQUEST"] = "true"
    statuses = {
        call(client, rule, method, world).status_code
        for rule, method in routes(app)
        if isinstance(NEEDS[rule.endpoint], Role)
    }
    assert statuses == {404}


def test_ids_in_bodies_reach_nothing_of_others(app: Flask, world, cast) -> None:
    elsewhere = cast.charlie.members[0].workspace
    installing.install(elsewhere, catalogue.find("bulk_email"), cast.charlie)
    form = makers.make_form(elsewhere, [("Zoe", "zoe@x.test")])
    draft = makers.make_email(form, makers.make_connection(elsewhere), cast.charlie)
    client = signed_in_client(app, cast.charlie)
    ids = [row.id for row in db.session.query(Record)]

    client.post(f"/w/elsewhere/data/{form.id}/delete-records", data={"id": ids, "sure": "y"})
    client.post(
        f"/w/elsewhere/emails/{draft.id}/compose",
        data={name: world[name] for name in ("form_id", "connection_id", "view_id")}
        | {"address_field_id": world["field_id"]},
    )

    assert db.session.query(Record.form_id).distinct().all() == [(world["form_id"],)]
    db.session.refresh(draft)
    assert draft.form_id != world["form_id"]
    assert draft.connection_id != world["connection_id"]
    assert draft.address_field_id != world["field_id"]
