"""The demo: a workspace with generated people, so that the first email leaves two minutes after
cloning. Everything is made up; every address ends in a name that is reserved for examples."""

import random
import re
import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask
from flask_security.utils import hash_password, verify_password
from sqlalchemy import exists, select

from webapp.accounts.models import Member, Role, User, Workspace
from webapp.delivery.models import Connection, Security
from webapp.extensions import db
from webapp.forms import writing
from webapp.forms.models import FieldKind, Form
from webapp.sandbox import outcomes

PASSWORD = "demo-password"
SIGN_INS = (
    ("alice@example.org", "Alice Moreau", Role.OWNER),
    ("bob@example.org", "Bob Lind", Role.VIEWER),
)
SLUG = "harbour-grants"
PEOPLE = 240
SEED = 1847  # the same people on every machine

DOMAINS = ("example.org", "example.com", "example.net", "mail.example", "post.example")
NAMES = (
    ("Ann", "Okafor"), ("José", "Núñez"), ("Zoë", "Brontë"), ("Łukasz", "Wójcik"),
    ("Søren", "Ødegård"), ("Çiğdem", "Yıldız"), ("Nguyễn", "Thị Hạnh"), ("Þóra", "Jónsdóttir"),
    ("Мария", "Соколова"), ("Δημήτρης", "Παπαδόπουλος"), ("李", "小龙"), ("さくら", "田中"),
    ("민준", "김"), ("فاطمة", "الزهراء"), ("דוד", "כהן"), ("प्रिया", "शर्मा"),
    ("สมชาย", "ใจดี"), ("Siân", "O’Brien"), ("Grace", "van der Berg"), ("Kwame", "Mensah"),
    ("Ana-Maria", "D’Angelo"), ("X Æ", "A-12"), ("Robert", "Smith, Jr."), ("Ólafur", "Ása"),
)  # fmt: skip
TOWNS = ("Leeds", "Malmö", "Kraków", "İzmir", "São Paulo", "北京", "Αθήνα", "القاهرة", "")
MALFORMED = ("no-at-sign.example.org", "two@@example.org", "ann@", "a b@example.org", "n/a")


@dataclass
class Made:
    """What a seed added."""

    workspace: Workspace
    form: Form
    people: int


def is_empty() -> bool:
    """Whether nobody can sign in yet."""
    return not db.session.scalar(select(exists().where(User.id.is_not(None))))


def demo(app: Flask) -> None:
    """Fill a database in which nobody is yet; leave every other one alone."""
    with app.app_context():
        if is_empty():
            seed(PEOPLE, sandbox_port=app.config["SETTINGS"].sandbox_smtp_port)
        _offer_sign_in(app)
        _follow_port(app.config["SETTINGS"].sandbox_smtp_port)
        db.session.remove()


def _offer_sign_in(app: Flask) -> None:
    """The sign-in page names the demo's owner for as long as the password is the demo's."""
    address = SIGN_INS[0][0]
    owner = db.session.scalar(select(User).where(User.email == address))
    if owner and verify_password(PASSWORD, owner.password):
        app.config["DEMO_SIGN_IN"] = (address, PASSWORD)


def seed(people: int, *, sandbox_port: int) -> Made:
    """A workspace with a form of `people`, two who sign in, and a Connection to the sandbox."""
    users = [_user(address, name) for address, name, _ in SIGN_INS]
    taken = db.session.scalar(select(exists().where(Workspace.slug == SLUG)))
    slug = f"{SLUG}-{secrets.token_hex(2)}" if taken else SLUG
    workspace = Workspace(name="Harbour Grants", slug=slug)
    workspace.postal_address = "Harbour Grants, 1 Quay Street, Exampleton"
    db.session.add(workspace)
    db.session.flush()
    for user, (_, _, role) in zip(users, SIGN_INS, strict=True):
        db.session.add(Member(workspace_id=workspace.id, user_id=user.id, role=role))
    db.session.add(_connection(workspace, sandbox_port))

    form = writing.create_form(
        workspace,
        "Applicants",
        [
            ("First name", FieldKind.TEXT),
            ("Last name", FieldKind.TEXT),
            ("Email", FieldKind.EMAIL),
            ("Town", FieldKind.TEXT),
            ("Amount", FieldKind.NUMBER),
            ("Applied on", FieldKind.DATE),
            ("Accepted", FieldKind.YES_NO),
        ],
    )
    keys = [field.key for field in form.fields]
    rows = (dict(zip(keys, row, strict=True)) for row in generate(people))
    made = writing.add_records(form, rows, users[0], "imported")
    db.session.commit()
    return Made(workspace, form, made)


def generate(people: int) -> Iterator[tuple]:
    """Rows (first name, last name, address, town, amount, date, yes/no), always the same ones.

    About one in ten is troublesome on purpose: blank, malformed, double, or played out by the
    sandbox as bounced, deferred, dropped and so on.
    """
    dice = random.Random(SEED)
    before = ""
    for number in range(people):
        first, last = NAMES[dice.randrange(len(NAMES))]
        address = _address(_local_part(first, number), number, before, dice)
        before = address or before
        date = f"{2025 + number % 2}-{1 + number % 12:02}-{1 + number % 28:02}"
        amount = dice.randrange(5, 500) * 100
        yield first, last, address, dice.choice(TOWNS), amount, date, dice.random() < 0.4


def _address(local: str, number: int, before: str, dice: random.Random) -> str:
    domain = DOMAINS[dice.randrange(len(DOMAINS))]
    place = number % 60
    if place in (7, 37):
        return ""
    if place == 13:
        return MALFORMED[number // 60 % len(MALFORMED)]
    if place in (19, 44):
        return before.upper() if place == 44 else before
    if place % 5 == 2:
        tag = outcomes.TAGS[(number // 5) % len(outcomes.TAGS)]
        return f"{local}+{tag}@{domain}"
    if place == 25:
        return f"{local}@bücher.example"
    return f"{local}@{domain}"


def _local_part(first: str, number: int) -> str:
    plain = unicodedata.normalize("NFKD", first).encode("ascii", "ignore").decode().lower()
    return f"{re.sub('[^a-z]', '', plain) or 'person'}.{number}"


def _user(address: str, name: str) -> User:
    """The person with that address, who may be there already."""
    user = db.session.scalar(select(User).where(User.email == address))
    if user is None:
        user = User(
            email=address,
            name=name,
            password=hash_password(PASSWORD),
            fs_uniquifier=secrets.token_hex(16),
        )
        db.session.add(user)
        db.session.flush()
    return user


def _connection(workspace: Workspace, port: int) -> Connection:
    """To the sandbox: it knows a Connection by its hook token and secret."""
    token, secret = secrets.token_urlsafe(18).lower(), secrets.token_urlsafe(24)
    return Connection(
        workspace_id=workspace.id,
        name="Sandbox (nothing leaves this computer)",
        provider="sandbox",
        host="127.0.0.1",
        port=port,
        security=Security.NONE,
        username=token,
        password=secret,
        from_name="Harbour Grants",
        from_address="grants@harbour.example",
        hook_token=token,
        hook_secret=secret,
    )


def _follow_port(port: int) -> None:
    """The sandbox may listen elsewhere than at the last start."""
    for connection in db.session.scalars(
        select(Connection).where(Connection.provider == "sandbox", Connection.port != port)
    ):
        connection.port = port
    db.session.commit()
