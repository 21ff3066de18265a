"""A draft: what was typed is kept as it is, and what is wrong with it is said at its field."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from webapp.accounts.models import User, Workspace
from webapp.bulk_email.models import BulkEmail, OnePer, Stage
from webapp.delivery.models import Connection
from webapp.delivery.models_topics import Topic
from webapp.extensions import db
from webapp.forms import filtering, grid
from webapp.forms.models import FieldKind, Form, View
from webapp.lib import addresses, clock
from webapp.mail import merging

MAX_SUBJECT = 900
MAX_BODY = 100_000
MAX_KEPT = 1_000_000  # of a subject or text that is too long, so that it can be shortened


@dataclass(frozen=True)
class DraftInput:
    """What the page of a draft sends."""

    form_id: int | None
    address_field_id: int | None
    view_id: int | None
    condition: tuple[str, str, str]  # field, operator, value; field "" for none
    one_per: str
    subject: str
    body: str
    from_name: str
    from_address: str
    reply_to: str
    connection_id: int | None
    topic_id: int | None = None
    track_opens: bool = False
    track_clicks: bool = False


def new_draft(workspace: Workspace, by: User) -> BulkEmail:
    """A draft with what can be guessed filled in. Commits."""
    form = _first_form(workspace)
    connection = next(iter(connections(workspace)), None)
    draft = BulkEmail(
        workspace_id=workspace.id,
        created_by_id=by.id,
        form_id=form.id if form else None,
        address_field_id=_address_field(form),
        connection_id=connection.id if connection else None,
        from_name=(connection.from_name if connection else "") or workspace.name,
        from_address=connection.from_address if connection else "",
    )
    db.session.add(draft)
    db.session.commit()
    return draft


def duplicate(original: BulkEmail, by: User) -> BulkEmail:
    """A new draft that says the same to the same; that of a resend stays one. Commits."""
    kept = ("workspace_id", "form_id", "address_field_id", "filter", "one_per", "subject", "body")
    kept += (
        "from_name",
        "from_address",
        "reply_to",
        "connection_id",
        "topic_id",
        "track_opens",
        "track_clicks",
        "parent_id",
        "resend",
    )
    draft = BulkEmail(created_by_id=by.id, **{name: getattr(original, name) for name in kept})
    db.session.add(draft)
    db.session.commit()
    return draft


def save(draft: BulkEmail, typed: DraftInput) -> dict[str, str]:
    """Keep what was typed, whatever it is, but what cannot be stored; {field: what is wrong}.
    Only a draft or scheduled email can be changed. Commits."""
    if draft.stage not in (Stage.DRAFT, Stage.SCHEDULED):
        return {"form": "This email has been sent already. Duplicate it to change it."}
    form = _own(Form, typed.form_id, draft.workspace_id)
    is_other_form = (form.id if form else None) != draft.form_id
    draft.form_id = form.id if form else None
    db.session.flush()
    db.session.refresh(draft)
    field_ids = {field.id for field in email_fields(form)}
    chosen = typed.address_field_id if typed.address_field_id in field_ids else None
    draft.address_field_id = chosen or _address_field(form)
    draft.filter = {} if is_other_form else _filter(form, typed.view_id, typed.condition)
    draft.one_per = OnePer(typed.one_per) if typed.one_per in list(OnePer) else OnePer.ADDRESS
    connection = _own(Connection, typed.connection_id, draft.workspace_id)
    draft.connection_id = connection.id if connection else draft.connection_id
    topic = _own(Topic, typed.topic_id, draft.workspace_id)
    draft.topic_id = topic.id if topic else None
    draft.track_opens, draft.track_clicks = typed.track_opens, typed.track_clicks
    draft.subject = _storable(typed.subject)[:MAX_KEPT]
    draft.body = _storable(typed.body)[:MAX_KEPT]
    draft.from_name = _storable(typed.from_name)[:120]
    draft.from_address = _storable(typed.from_address).strip()[:254]
    draft.reply_to = _storable(typed.reply_to).strip()[:254]
    draft.changed_at = clock.now()
    db.session.commit()
    return problems(draft) | _cut(typed)


def _storable(text: str) -> str:
    """NUL has no place in a text of PostgreSQL."""
    return text.replace("\0", "")


def _cut(typed: DraftInput) -> dict[str, str]:
    """What was too long for its column."""
    found = {}
    if len(typed.from_name) > 120:
        found["from_name"] = "The name has at most 120 characters; the rest is cut off."
    for name in ("from_address", "reply_to"):
        if len(getattr(typed, name).strip()) > 254:
            found[name] = "No address is longer than 254 characters."
    return found


def problems(draft: BulkEmail) -> dict[str, str]:
    """What keeps the email from being sent, by field; {} when it could go."""
    found: dict[str, str] = {}
    if draft.form is None:
        found["form_id"] = "Choose the form whose records get the email."
    elif draft.address_field_id is None:
        found["address_field_id"] = "This form has no field of the kind “Email address”."
    elif problem := _problem_of_filter(draft):
        found["filter"] = problem
    if draft.connection is None or draft.connection.removed_at:
        found["connection_id"] = "There is no connection to a mail server. An admin can add one."
    if problem := addresses.check(draft.from_address).problem:
        found["from_address"] = f"From: {problem}"
    if draft.reply_to and (problem := addresses.check(draft.reply_to).problem):
        found["reply_to"] = f"Reply to: {problem}"
    if has_controls(draft.from_name):
        found["from_name"] = "The sender's name must be one line, without control characters."
    return found | _problems_of_text(draft)


def has_controls(text: str) -> bool:
    """Whether `text` has what could end a header: C0, C1, U+2028, U+2029."""
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)


def _problem_of_filter(draft: BulkEmail) -> str:
    view_id = draft.filter.get("view_id")
    if view_id and _view(draft.form, view_id) is None:
        return "The saved view is gone. Choose another, or everybody."
    try:
        filtering.condition(draft.form, draft.filter)
    except filtering.FilterError as error:
        return f"{error} Choose again who gets the email."
    return ""


def renew_filter(draft: BulkEmail) -> None:
    """A saved view that was changed meanwhile counts as it is now. Not committed."""
    view_id, condition = draft.filter.get("view_id"), draft.filter.get("condition")
    if view_id and _view(draft.form, view_id):
        draft.filter = _filter(draft.form, view_id, condition or ("", "", ""))


def _problems_of_text(draft: BulkEmail) -> dict[str, str]:
    found = {}
    if not draft.subject.strip():
        found["subject"] = "Every email needs a subject."
    elif has_controls(draft.subject):
        found["subject"] = "The subject must be one line, without control characters."
    elif len(draft.subject) > MAX_SUBJECT:
        found["subject"] = (
            f"The subject has {len(draft.subject):,} characters; at most {MAX_SUBJECT} can be."
        )
    if not draft.body.strip():
        found["body"] = "Write what you want to say."
    elif len(draft.body) > MAX_BODY:
        found["body"] = f"The text has {len(draft.body):,} characters; at most {MAX_BODY:,} can be."
    known = merge_keys(draft.form)
    texts = {"subject": draft.subject, "body": draft.body}
    return merging.problems(texts, known) | found


def merge_keys(form: Form | None) -> set[str]:
    """The merge fields that an email to `form` may use."""
    return {field.key for field in form.fields} | {"unsubscribe_url"} if form else set()


def email_fields(form: Form | None) -> list:
    return [field for field in form.fields if field.kind == FieldKind.EMAIL] if form else []


def connections(workspace: Workspace) -> Sequence[Connection]:
    """The workspace's connections, newest first."""
    return db.session.scalars(
        select(Connection)
        .where(Connection.workspace_id == workspace.id, Connection.removed_at.is_(None))
        .order_by(Connection.id.desc())
    ).all()


def _filter(form: Form | None, view_id: int | None, condition: Sequence[str]) -> dict:
    """The filter of a saved view and of one condition, both to be met. What cannot be met is
    kept, and said by problems(): dropped, it would write to everybody."""
    if form is None:
        return {}
    made: dict = {}
    groups: list[Mapping] = []
    if view_id:
        made["view_id"] = view_id
    if view := _view(form, view_id):
        seen = view_filter(view)
        groups += [seen.pop("group")] if seen.get("group") else []
        made |= seen
    key, operator, value = condition
    if key:
        groups.append({"field": key[:80], "op": operator[:20], "value": value[:300]})
        made["condition"] = [key[:80], operator[:20], value[:300]]
    return made | {"all": groups} if groups or made else {}


def _view(form: Form | None, view_id: int | None) -> View | None:
    view = db.session.get(View, view_id) if view_id else None
    return view if view is not None and form is not None and view.form_id == form.id else None


def view_filter(view: View) -> dict:
    """The search and filter of a saved view, as filtering understands them."""
    query = grid.read_text(view.settings.get("query", ""))
    return {"group": query.filter} | ({"search": query.search} if query.search else {})


def _first_form(workspace: Workspace) -> Form | None:
    forms = db.session.scalars(
        select(Form)
        .where(Form.workspace_id == workspace.id, Form.source.is_(None), Form.hidden_at.is_(None))
        .order_by(Form.position, Form.id)
    )
    return next((form for form in forms if _address_field(form)), None)


def _address_field(form: Form | None) -> int | None:
    return next((field.id for field in email_fields(form)), None)


def _own(model, row_id: int | None, workspace_id: int):
    row = db.session.get(model, row_id) if row_id else None
    return row if row is not None and row.workspace_id == workspace_id else None
