"""What an email says, frozen at its start: no later edit of draft, form or workspace changes it."""

import re
from collections.abc import Callable, Mapping
from html import escape

from webapp.bulk_email.models import BulkEmail
from webapp.forms.models import Field, Form
from webapp.lib import addresses
from webapp.mail import linking, merging, template

_OPENING = re.compile(r"\{(?=[{%])")
NAME_KEYS = (
    ("name",),
    ("full_name",),
    ("first_name", "last_name"),
    ("firstname", "lastname"),
    ("first_name", "surname"),
    ("forename", "surname"),
    ("given_name", "family_name"),
)


def freeze(bulk_email: BulkEmail) -> dict:
    """The frozen template as JSON. Raises merging.MergeError where the text cannot be compiled."""
    merging.refuse_size(bulk_email.body)
    subject, text, html = template.compose(bulk_email.subject, bulk_email.body, footer(bulk_email))
    domain = addresses.domain_of(bulk_email.from_address) or "localhost"
    fields = set().union(*(merging.fields_in(source) for source in (subject, text, html)))
    return {
        "subject": subject,
        "text": text,
        "html": html,
        "from_name": bulk_email.from_name,
        "from_address": bulk_email.from_address,
        "reply_to": bulk_email.reply_to,
        "message_id_domain": domain,
        "list_id": f"workspace-{bulk_email.workspace_id}.{domain}",
        "feedback_id": f"{bulk_email.id}:{bulk_email.workspace_id}:bulk:email-tracker",
        "fields": sorted(fields - {"unsubscribe_url"}),
        "name_fields": name_fields(bulk_email.form),
    }


def followed(frozen: dict, bulk_email: BulkEmail) -> tuple[dict, list[linking.Link]]:
    """(the frozen template, that its opens and clicks are counted as the email wants it, the links
    to be stored beside it). Who wants neither gets the very same template. Raises MergeError."""
    opens, clicks = bulk_email.track_opens, bulk_email.track_clicks
    if not opens and not clicks:
        return frozen, []
    html, links = linking.follow(frozen["html"], opens=opens, clicks=clicks)
    merging.fields_in(html)
    following = {"html": html, "opens": opens, "links": len(links)}
    return frozen | {"following": following}, links


def compiled(frozen: Mapping, tracking: Callable[[str], Mapping[str, str]]) -> template.Template:
    """The frozen template, ready to be filled; `tracking` is its provider's tracking_headers."""
    values = {name: frozen[name] for name in template.Source.__dataclass_fields__}
    values |= {"html": frozen["following"]["html"]} if "following" in frozen else {}
    return template.Template(template.Source(**values), tracking)


def footer(bulk_email: BulkEmail) -> str:
    """Why the person gets this mail, how to end it, and who sends it. Liquid in HTML."""
    workspace = bulk_email.workspace
    where = f"<br>{_plain(workspace.postal_address)}" if workspace.postal_address else ""
    return (
        f"You get this mail from {_plain(workspace.name)}."
        f' <a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a>{where}'
    )


def name_fields(form: Form | None) -> list[str]:
    """The keys of the fields that make up a person's name, [] if the form has none."""
    fields: list[Field] = form.fields if form else []
    keys = {field.key for field in fields}
    for wanted in NAME_KEYS:
        if keys.issuperset(wanted):
            return list(wanted)
    return next(([field.key] for field in fields if "name" in field.key), [])


def _plain(text: str) -> str:
    """Somebody's text as HTML whose Liquid is printed as it stands, in HTML and in text."""
    return _OPENING.sub('{{ "{" }}', escape(text, quote=False))
