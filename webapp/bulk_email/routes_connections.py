"""Connections, for admins: the server, the way back, and trying both out."""

from dataclasses import replace
from datetime import timedelta

from flask import Response, current_app, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from markupsafe import Markup

from webapp import providers
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import composing, connecting, connection_health, limiting, relay, trying
from webapp.bulk_email.access import enter, find_connection
from webapp.bulk_email.connecting import ConnectionInput
from webapp.bulk_email.routes import bulk_email
from webapp.delivery import probing, returning
from webapp.delivery.models import Connection
from webapp.lib import addresses, clock
from webapp.mail.conversation import ConnectError, Server
from webapp.plugins import slots
from webapp.providers import Provider
from webapp.web import address_of, notice, render, see_other

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT_FOR = {"0": timedelta(0), "1h": HOUR, "1d": DAY, "7d": 7 * DAY}
TEST_PATIENCE = timedelta(minutes=10)
NEXT = " Next: the way back, so that it tells what became of every copy."


@bulk_email.get("/w/<slug>/connections")
@auth_required("session")
def connections(slug: str) -> Response:
    workspace = enter(slug, Role.ADMIN)
    found = composing.connections(workspace)
    now = clock.now()
    health = {
        each.id: connection_health.findings(each, providers.BY_NAME[each.provider], now)
        for each in found
    }
    return render(
        "bulk_email/connections.html", workspace=workspace, now=now, connections=found,
        providers=providers.BY_NAME, health=health,
        reporting={each.id for each in found if returning.reports(each)},
        used={each.id: limiting.used_today(each, now) for each in found},
    )  # fmt: skip


@bulk_email.route("/w/<slug>/connections/new", methods=["GET", "POST"])
@bulk_email.route("/w/<slug>/connections/<int:connection_id>", methods=["GET", "POST"])
@auth_required("session")
def connection(slug: str, connection_id: int | None = None) -> Response:
    """Add or change a connection; a new one begins with the choice of its kind."""
    workspace = enter(slug, Role.ADMIN)
    chosen = _offered().get(request.values.get("provider", ""))
    if connection_id is None and chosen is None:
        return render("bulk_email/connection_kinds.html", workspace=workspace, kinds=_offered())
    if connection_id is None:
        found = connecting.new(workspace, chosen)
    else:
        found = find_connection(connection_id, workspace)
    if request.method != "POST":
        return _page(workspace, found, chosen)
    typed = ConnectionInput(
        **{name: request.form.get(name, "") for name in ConnectionInput.__dataclass_fields__}
    )
    errors = connecting.save(found, typed, _offered(), current_user, refuse_host)
    if errors:
        return _page(workspace, found, chosen, errors=errors)
    saved = providers.BY_NAME[found.provider]
    needs_way_back = connection_id is None and saved.reports and not saved.is_set_up_by_itself
    notice(f"{found.name} is saved.{NEXT if needs_way_back else ''}")
    return see_other(_url(found, slug))


def _page(
    workspace: Workspace,
    found: Connection,
    chosen: Provider | None = None,
    *,
    errors: dict[str, str] | None = None,
    made_key: str = "",
) -> Response:
    """The page of a connection; `chosen` is a kind it does not have yet."""
    provider = chosen or providers.BY_NAME[found.provider]
    is_other = bool(found.id) and provider.name != found.provider
    answer = render(
        "bulk_email/connection.html", status=422 if errors else 200, workspace=workspace,
        connection=found, provider=provider, is_other=is_other, kinds=_offered(),
        securities=connecting.SECURITIES, errors=errors or {}, typed=_typed(provider, is_other),
        made_key=made_key, kept_for=list(KEPT_FOR), most=limiting.MOST_CONVERSATIONS,
        backups=limiting.candidates(found), panels=_panels(found), **_way_back(found, provider),
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _panels(found: Connection) -> list[Markup]:
    """What plugins add to the page of a stored connection."""
    filled = slots.connection_panels if found.id else []
    return [Markup(html) for panel in filled if (html := panel.render(found))]


def _typed(provider: Provider, is_other: bool) -> dict[str, str]:
    """What was typed, or what is known of a kind that is not saved yet."""
    if request.method != "POST" and is_other:
        known = {"host": provider.host, "port": str(provider.port), "username": provider.username}
        return known
    return request.form.to_dict()


def _way_back(found: Connection, provider: Provider) -> dict:
    if not found.id:
        nothing = {"hook": "", "hook_problem": "", "findings": [], "test": None}
        return nothing | {"is_waiting": False, "now": clock.now()}
    hook = ""
    if provider.reports:
        hook = address_of("hooks.receive", provider_name=provider.name, hook_token=found.hook_token)
    return {
        "hook": hook,
        "hook_problem": connection_health.about_hook(hook, provider) if hook else "",
        "findings": connection_health.findings(found, provider, clock.now()),
        **_test(found),
    }


def _test(found: Connection) -> dict:
    test, now = probing.latest(found), clock.now()
    is_recent = test is not None and now - test.sent_at < TEST_PATIENCE
    is_waiting = is_recent and test.is_accepted and not test.has_verdict
    return {"test": test, "is_waiting": is_waiting, "now": now}


@bulk_email.get("/w/<slug>/connections/<int:connection_id>/live")
@auth_required("session")
def connection_live(slug: str, connection_id: int) -> Response:
    """The live parts: how the way back is doing, and the test that waits for its event."""
    workspace = enter(slug, Role.ADMIN)
    found = find_connection(connection_id, workspace)
    if not request.htmx:  # type: ignore[attr-defined]
        return see_other(_url(found, slug))
    return render(
        "bulk_email/_connection_live.html", workspace=workspace, connection=found,
        provider=providers.BY_NAME[found.provider],
        **_way_back(found, providers.BY_NAME[found.provider]),
    )  # fmt: skip


@bulk_email.post("/w/<slug>/connections/<int:connection_id>/key")
@auth_required("session")
def set_key(slug: str, connection_id: int) -> Response:
    """Take over the provider's key, or make one of ours and show it once."""
    workspace = enter(slug, Role.ADMIN)
    found = find_connection(connection_id, workspace)
    provider = providers.BY_NAME[found.provider]
    keep = KEPT_FOR.get(request.form.get("keep", ""), DAY)
    made = connecting.make_key() if provider.is_key_ours else ""
    key = made or request.form.get("key", "").strip()[:4000]
    if not key:
        return _page(workspace, found, errors={"key": "Paste the key first."})
    connecting.set_key(found, key, keep, current_user)
    if made:
        return _page(workspace, found, made_key=made)
    notice("The key is saved.")
    return see_other(_url(found, slug))


@bulk_email.post("/w/<slug>/connections/<int:connection_id>/key/end")
@auth_required("session")
def end_old_key(slug: str, connection_id: int) -> Response:
    workspace = enter(slug, Role.ADMIN)
    found = find_connection(connection_id, workspace)
    connecting.end_old_key(found, current_user)
    notice("The previous key is refused from now on.")
    return see_other(_url(found, slug))


@bulk_email.post("/w/<slug>/connections/<int:connection_id>/test")
@auth_required("session")
def test_connection(slug: str, connection_id: int) -> Response:
    """Only sign in at the server, or send a mail over it and wait for its event."""
    workspace = enter(slug, Role.ADMIN)
    found = find_connection(connection_id, workspace)
    if "to" not in request.form:
        return _greet(found, slug)
    address = addresses.check(request.form["to"])
    if address.problem:
        return _page(workspace, found, errors={"to": address.problem})
    trying.send(
        found,
        addresses.on_the_wire(address.address, address.key),
        provider=providers.BY_NAME[found.provider],
        token_key=current_app.config["TOKEN_KEY"],
        base_url=current_app.config["SETTINGS"].base_url,
        server_of=_server_of,
    )
    return see_other(_url(found, slug) + "#connection-health")


def _greet(found: Connection, slug: str) -> Response:
    try:
        error = connecting.test(_server_of(found))
    except ConnectError as problem:
        error = str(problem)
    if error:
        notice(error, "danger")
    else:
        notice(f"{found.host} let us in.")
    return see_other(_url(found, slug))


@bulk_email.post("/w/<slug>/connections/<int:connection_id>/remove")
@auth_required("session")
def remove_connection(slug: str, connection_id: int) -> Response:
    workspace = enter(slug, Role.ADMIN)
    found = find_connection(connection_id, workspace)
    if refusal := connecting.remove(found, current_user):
        notice(refusal, "danger")
    else:
        notice(f"{found.name} is removed.")
    return see_other(url_for("bulk_email.connections", slug=slug))


def _offered() -> dict[str, Provider]:
    """The kinds there are to choose from: the sandbox only where it runs, at its port."""
    config = current_app.config["SETTINGS"]
    offered = dict(providers.BY_NAME)
    if config.sandbox:
        offered["sandbox"] = replace(offered["sandbox"], port=config.sandbox_smtp_port)
    else:
        del offered["sandbox"]
    return offered


def _url(found: Connection, slug: str) -> str:
    return url_for("bulk_email.connection", slug=slug, connection_id=found.id)


def _server_of(found: Connection) -> Server:
    return relay.server_of(found, allow_private=current_app.config["SETTINGS"].allow_private_smtp)


def refuse_host(host: str) -> None:
    """Raises ConnectError for a private host where this installation does not allow it."""
    private = current_app.config["SETTINGS"].allow_private_smtp
    relay.refuse_private(host, allow_private=private)
