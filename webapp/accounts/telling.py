"""Telling people what they need to know: a Tiding in the app, and a Letter unless they said no."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from webapp.accounts import posting
from webapp.accounts.models import Member, Role, User, Workspace
from webapp.accounts.models_telling import Mute, Tiding, TidingKind
from webapp.extensions import db
from webapp.lib import clock, signing
from webapp.rows import insert_into

MOST_MAILS_A_DAY = 40  # to one person; all the rest stands in the app
PAGE = 50
# what a kind is called where its mails are switched on and off
KINDS: dict[TidingKind, str] = {
    TidingKind.FINISHED: "An email of yours has finished",
    TidingKind.SETTLED: "The last word on an email of yours is in",
    TidingKind.STOPPED: "An email of yours has stopped and asks what to do",
    TidingKind.CANCELLED: "An email of yours was cancelled",
    TidingKind.CONNECTION: "The provider of a connection is silent (goes to admins)",
    TidingKind.ENDPOINT: "A webhook was switched off (goes to admins)",
}


@dataclass(frozen=True)
class News:
    """What is to be told. `path` is the page it speaks of, on this site; `letter` the text of the
    mail, which says more than `text` in the app does."""

    kind: TidingKind
    title: str
    text: str
    path: str
    letter: str


@dataclass(frozen=True)
class Means:
    """How letters are made: the site's address, and the key of links that switch them off. Without
    a mail server nothing is written but the tidings."""

    base_url: str
    token_key: bytes
    has_mail_server: bool


def tell(workspace: Workspace, people: Iterable[User], news: News, means: Means) -> list[int]:
    """Tell each of them, in the caller's transaction. The ids of the Letters: commit, then wake
    accounts.jobs.post for each."""
    letters = []
    for person in people:
        is_mailed = means.has_mail_server and _wants_mail(person, news.kind)
        db.session.add(
            Tiding(
                workspace_id=workspace.id,
                user_id=person.id,
                kind=news.kind,
                title=news.title[:300],
                text=news.text,
                path=news.path[:500],
                is_mailed=is_mailed,
            )
        )
        if is_mailed:
            letters.append(_letter(workspace, person, news, means).id)
    return letters


def members(workspace: Workspace, ids: Iterable[int | None]) -> list[User]:
    """Those of them who are in the workspace and can sign in."""
    return _people(workspace, User.id.in_([each for each in ids if each]))


def admins(workspace: Workspace) -> list[User]:
    """Who looks after its connections and plugins."""
    return _people(workspace, Member.role.in_((Role.ADMIN, Role.OWNER)))


def _people(workspace: Workspace, condition) -> list[User]:
    return list(
        db.session.scalars(
            select(User)
            .join(Member, Member.user_id == User.id)
            .where(Member.workspace_id == workspace.id, User.active, condition)
            .order_by(User.id)
        )
    )


# ---- reading


def unread(workspace_id: int, user_id: int) -> int:
    """How many tidings the person has not read."""
    return db.session.scalar(select(func.count()).where(*_mine(workspace_id, user_id, True))) or 0


def page(workspace_id: int, user_id: int, before: int | None = None) -> Sequence[Tiding]:
    """A page of them, newest first; one more than PAGE where there is another page."""
    wanted = _mine(workspace_id, user_id)
    if before:
        wanted.append(Tiding.id < before)
    return db.session.scalars(
        select(Tiding).where(*wanted).order_by(Tiding.id.desc()).limit(PAGE + 1)
    ).all()


def mark_read(workspace_id: int, user_id: int, tiding_id: int | None = None) -> int:
    """That one, or all; how many were unread. Commits."""
    wanted = _mine(workspace_id, user_id, True)
    if tiding_id is not None:
        wanted.append(Tiding.id == tiding_id)
    done = db.session.execute(
        update(Tiding)
        .where(*wanted)
        .values(read_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return done.rowcount


def _mine(workspace_id: int, user_id: int, is_unread: bool = False) -> list:
    mine = [Tiding.user_id == user_id, Tiding.workspace_id == workspace_id]
    return [*mine, Tiding.read_at.is_(None)] if is_unread else mine


# ---- mails, and no mails


def muted(user: User) -> set[str]:
    """The kinds of which the person wants no mails."""
    return set(db.session.scalars(select(Mute.kind).where(Mute.user_id == user.id)))


def mute(user: User, kinds: Iterable[TidingKind]) -> None:
    """No more mails of these kinds; twice is once. Commits."""
    for kind in kinds:
        db.session.execute(
            insert_into(Mute)
            .values(user_id=user.id, kind=kind, created_at=clock.now())
            .on_conflict_do_nothing()
        )
    db.session.commit()


def unmute(user: User, kinds: Iterable[TidingKind]) -> None:
    """Mails of these kinds again. Commits."""
    db.session.execute(delete(Mute).where(Mute.user_id == user.id, Mute.kind.in_(list(kinds))))
    db.session.commit()


def mute_token(key: bytes, kind: TidingKind, user_id: int) -> str:
    """What stands in the link that switches off mails of this kind to this person."""
    return signing.make_token(key, f"mute-{kind}", user_id)


def read_mute_token(key: bytes, kind: TidingKind, token: str) -> int | None:
    return signing.read_token(key, f"mute-{kind}", token)


def _wants_mail(person: User, kind: TidingKind) -> bool:
    if db.session.get(Mute, (person.id, kind)) is not None:
        return False
    today = db.session.scalar(
        select(func.count()).where(
            Tiding.user_id == person.id,
            Tiding.is_mailed,
            Tiding.created_at > clock.now() - timedelta(days=1),
        )
    )
    return (today or 0) < MOST_MAILS_A_DAY


def _letter(workspace: Workspace, person: User, news: News, means: Means) -> posting.Letter:
    token = mute_token(means.token_key, news.kind, person.id)
    url = f"{means.base_url}/no-mails/{news.kind}/{token}"
    text = (
        f"{news.letter}\n\n"
        f"Open it: {means.base_url}{news.path}\n\n"
        f"-- \n{workspace.name}, on {means.base_url}\n"
        f"You get mails of this kind: {KINDS[news.kind]}.\nNo more of them: {url}\n"
    )
    return posting.write(person.email, news.title, text, unsubscribe_url=url)
