"""Where providers post to: /hooks/<provider>/<token of the Connection>."""

from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from webapp import providers, queue
from webapp.email_tracker import intake, jobs
from webapp.extensions import csrf, db, reading
from webapp.providers.contract import CannotTell, Provider

hooks = Blueprint("hooks", __name__)
csrf.exempt(hooks)


@hooks.route("/hooks/<provider_name>/<hook_token>", methods=["POST", "HEAD"])
def receive(provider_name: str, hook_token: str) -> Response:
    """Authentic? Store. Commit. 200. Everything else happens later."""
    provider = providers.BY_NAME.get(provider_name)
    if provider is None or not provider.reports:
        abort(404)
    try:
        with reading():  # a stranger does not take SQLite's only lock for writing
            return _answer(provider, hook_token)
    except (SQLAlchemyError, CannotTell):
        db.session.rollback()
        current_app.logger.exception("a hook could not be stored")
        return Response("try later", provider.try_later, {"Retry-After": "30"})


def _answer(provider: Provider, hook_token: str) -> Response:
    listener = intake.find_listener(provider, hook_token)
    if listener is None:
        abort(404)
    if request.method == "HEAD":  # some providers ask first whether anybody is here
        return Response("", 200)
    body = _body()
    if not body:
        return Response("empty", 400)

    headers = {name.lower(): value for name, value in request.headers.items()}
    received = intake.receive(listener, provider, body, headers)
    if received is intake.Received.NOT_AUTHENTIC:
        return Response("the key does not match", provider.refused)
    queue.wake(jobs.digest)
    if received is intake.Received.STORED and provider.confirmation_url(body):
        queue.wake(jobs.confirm, listener.id)
    return Response("stored", 200)


def _body() -> bytes:
    """The raw bytes, within the cap; never inflated."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        abort(415)
    if (request.content_length or 0) > intake.MAX_BYTES:
        abort(413)
    request.max_content_length = intake.MAX_BYTES
    return request.get_data(cache=False)
