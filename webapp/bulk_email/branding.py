"""How a workspace shows itself to people who come by the link in their mail."""

import re
from dataclasses import dataclass

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.bulk_email.models import PublicLook
from webapp.extensions import db
from webapp.lib import pictures, texts


@dataclass(frozen=True)
class Wanted:
    """What a person typed and chose; without a `logo` the old one stays, unless it shall go."""

    name: str
    text: str
    colour: str
    logo: bytes | None = None
    is_without_logo: bool = False


def look_of(workspace: Workspace) -> PublicLook:
    """How it shows itself; blank where nothing was said."""
    found = db.session.get(PublicLook, workspace.id)
    return found or PublicLook(name="", text="", colour="", logo_type="")


def change(workspace: Workspace, wanted: Wanted, by: User) -> None:
    """Keep it. Raises NoPicture, with nothing changed. Commits."""
    picture = pictures.read(wanted.logo) if wanted.logo is not None else None
    look = db.session.get(PublicLook, workspace.id) or PublicLook(workspace_id=workspace.id)
    look.name = texts.one_line(wanted.name, 120)
    look.text = texts.one_line(wanted.text, 500)
    colour = wanted.colour.strip().lower()
    look.colour = colour if re.fullmatch(r"#[0-9a-f]{6}", colour) else ""
    if picture:
        look.logo, look.logo_type = picture.content, picture.mimetype
    elif wanted.is_without_logo:
        look.logo, look.logo_type = None, ""
    db.session.add(look)
    auditing.note("workspace.changed", workspace=workspace, by=by, name="unsubscribe page")
    db.session.commit()
