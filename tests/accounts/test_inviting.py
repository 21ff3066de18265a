"""Invitations, roles and who may do what to whom."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.cast import PASSWORD, make_user
from webapp.accounts import inviting
from webapp.accounts.inviting import Refused
from webapp.accounts.models import AuditEntry, Invitation, Letter, Member, Role, User
from webapp.extensions import db

pytestmark = pytest.mark.database


def member_of(cast, name: str, role: Role) -> Member:
    member = Member(workspace_id=cast.workspace.id, user=make_user(name), role=role)
    db.session.add(member)
    db.session.commit()
    return member


def own(cast, user: User) -> Member:
    return inviting.find_member(cast.workspace, user.email)


def invite(client, address: str, role: str = "editor") -> str:
    """The path of the link in the mail."""
    answer = client.post("/w/acme/people/invite", data={"address": address, "role": role})
    assert answer.status_code == 303, answer.text
    letter = db.session.scalars(select(Letter).order_by(Letter.id.desc())).first()
    assert letter.address == address
    return re.search(r"http://localhost(/invitations/\S+)", letter.text)[1]


def test_a_newcomer_joins_by_the_link(app, cast, sign_in) -> None:
    link = invite(sign_in(cast.alice), "dan@example.org")
    client = app.test_client()
    assert "Join Acme Grants" in client.get(link).text

    answer = client.post(link, data={"name": "Dan", "password": "long enough, surely"})

    assert answer.location == "/w/acme/"
    assert client.get("/w/acme/data", follow_redirects=True).status_code == 200
    dan = inviting.find_member(cast.workspace, "dan@example.org")
    assert (dan.role, dan.user.name) == ("editor", "Dan")
    assert "opens nothing any more" in app.test_client().get(link).text


def test_somebody_with_an_account_joins_a_second_workspace(cast, sign_in) -> None:
    link = invite(sign_in(cast.alice), "charlie@example.org", "viewer")
    charlie = sign_in(cast.charlie)
    charlie.post(link)

    home = charlie.get("/").text
    assert "Acme Grants" in home
    assert "Elsewhere" in home


def test_an_invitation_is_for_its_address_only(cast, sign_in) -> None:
    link = invite(sign_in(cast.alice), "dan@example.org", "admin")
    answer = sign_in(cast.charlie).post(link)
    assert answer.status_code == 422
    assert "This invitation is for dan@example.org" in answer.text
    assert inviting.find_member(cast.workspace, "charlie@example.org") is None


def test_whose_address_has_an_account_signs_in_first(app, cast, sign_in) -> None:
    link = invite(sign_in(cast.alice), "charlie@example.org")
    answer = app.test_client().post(link, data={"password": "long enough, surely"})
    assert "Sign in first" in answer.text
    assert sign_in(cast.charlie)  # with the password of before


@pytest.mark.parametrize("spoil", ["expires_at", "withdrawn_at", "accepted_at"])
def test_a_spent_invitation_opens_nothing(app, cast, sign_in, spoil: str) -> None:
    link = invite(sign_in(cast.alice), "dan@example.org")
    invitation = db.session.scalar(select(Invitation))
    setattr(invitation, spoil, invitation.created_at - timedelta(days=1))
    db.session.commit()

    answer = app.test_client().post(link, data={"password": "long enough, surely"})
    assert answer.status_code == 422
    assert db.session.scalar(select(User).where(User.email == "dan@example.org")) is None


def test_a_link_cannot_be_guessed(app, cast, sign_in) -> None:
    link = invite(sign_in(cast.alice), "dan@example.org")
    flipped = link[:-1] + ("a" if link[-1] != "a" else "b")
    assert app.test_client().get(flipped).status_code == 404


@pytest.mark.parametrize(
    ("address", "said"),
    [("nobody", "@-sign"), ("", "There is no address"), ("bob@example.org", "in the workspace")],
)
def test_what_cannot_be_invited_is_said(cast, sign_in, address: str, said: str) -> None:
    answer = sign_in(cast.alice).post("/w/acme/people/invite", data={"address": address})
    assert answer.status_code == 422
    assert said in answer.text


def test_nobody_gives_a_role_above_their_own(cast) -> None:
    adam, bob = member_of(cast, "adam", Role.ADMIN), own(cast, cast.bob)
    with pytest.raises(Refused):
        inviting.invite(cast.workspace, "dan@example.org", Role.OWNER, adam)
    with pytest.raises(Refused):
        inviting.change_role(bob, Role.OWNER, adam)
    with pytest.raises(Refused):
        inviting.change_role(own(cast, cast.alice), Role.VIEWER, adam)
    with pytest.raises(Refused):
        inviting.remove(own(cast, cast.alice), adam)


def test_the_last_owner_stays_until_it_is_handed_over(cast) -> None:
    alice, bob = own(cast, cast.alice), own(cast, cast.bob)
    for act in (
        lambda: inviting.remove(alice, alice),
        lambda: inviting.change_role(alice, Role.ADMIN, alice),
    ):
        with pytest.raises(Refused, match="needs an owner"):
            act()

    inviting.change_role(bob, Role.OWNER, alice)
    inviting.change_role(alice, Role.EDITOR, alice)
    assert (own(cast, cast.bob).role, own(cast, cast.alice).role) == ("owner", "editor")


def test_who_was_removed_is_a_stranger_at_once(cast, sign_in) -> None:
    client = sign_in(cast.bob)
    assert client.get("/w/acme/people").status_code == 200
    inviting.remove(own(cast, cast.bob), own(cast, cast.alice))
    assert client.get("/w/acme/people").status_code == 404


def test_every_act_is_in_the_audit_log(cast, sign_in) -> None:
    alice = sign_in(cast.alice)
    link = invite(alice, "charlie@example.org", "viewer")
    sign_in(cast.charlie).post(link)
    charlie = inviting.find_member(cast.workspace, "charlie@example.org")
    alice.post(f"/w/acme/people/{charlie.id}/role", data={"role": "editor"})
    alice.post(f"/w/acme/people/{charlie.id}/remove")

    assert db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all() == [
        "member.invited", "member.joined", "member.role_changed", "member.removed"
    ]  # fmt: skip
    page = alice.get("/w/acme/audit").text
    assert "Role: viewer → editor" in page
    assert PASSWORD not in page
