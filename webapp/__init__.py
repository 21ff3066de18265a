"""Email Tracker: a workspace whose emails can be followed, every single copy."""

import base64
from pathlib import Path

from flask import Flask, g, request
from flask_security.core import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import extensions, queue, settings, static_files, web
from webapp.lib import signing

PACKAGE = Path(__file__).resolve().parent
# templates/ and static/ lie beside the package in the repository, inside it in a wheel
HOME = PACKAGE if (PACKAGE / "templates").is_dir() else PACKAGE.parent


def create_app(config: settings.Settings | None = None) -> Flask:
    """The only wiring: settings, extensions, rooms, in that order."""
    config = config or settings.read()
    app = Flask(
        "webapp", template_folder=str(HOME / "templates"), static_folder=str(HOME / "static")
    )
    app.config.update(_flask_config(config))
    app.config["SETTINGS"] = config
    app.url_map.converters["int"] = web.RowId
    static_files.init_app(app, changing=config.sandbox)
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)

    extensions.db.init_app(app)
    extensions.csrf.init_app(app)
    extensions.htmx.init_app(app)
    extensions.limiter.init_app(app)
    queue.init_app(app)
    app.before_request(_note_whether_reading)

    _open_rooms(app)
    web.init_app(app, navigation)
    return app


def _open_rooms(app: Flask) -> None:
    """Each room binds its blueprints and fills its slots: the rooms below first."""
    from webapp import accounts, bulk_email, delivery, email_tracker, forms, plugins, sandbox
    from webapp.delivery import connections
    from webapp.plugins import slots

    for room in (accounts, plugins, forms, delivery, bulk_email, email_tracker, sandbox):
        room.init_app(app)
    app.extensions["sandbox_tokens"] = connections.hook_tokens
    tab = slots.Tab("Sandbox", "flask", sandbox.address, order=90, is_shown=sandbox.is_shown)
    slots.fill(slots.navigation_tabs, tab)


def navigation() -> dict:
    """What the base page shows: the tabs of the workspace that this request entered."""
    from webapp.accounts import routes_telling
    from webapp.plugins import installing, slots

    member = g.get("member")
    on = installing.installed(member.workspace) if member else set()

    def shown(slot: list[slots.Tab]) -> list[slots.Tab]:
        return [tab for tab in slot if (tab.plugin is None or tab.plugin in on) and tab.is_shown()]

    return {
        "member": member,
        "tabs": shown(slots.navigation_tabs) if member else [],
        "tools": shown(slots.navigation_tools) if member else [],
        "signed_in": current_user,
        "unread": routes_telling.unread,
    }


def _note_whether_reading() -> None:
    extensions.mark_reading(request.method in ("GET", "HEAD", "OPTIONS"))


def _flask_config(config: settings.Settings) -> dict:
    """The settings in the words of Flask and its extensions."""
    keys = [base64.urlsafe_b64encode(signing.derive_key(config.secret_key, "fernet")).decode()]
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "REDIS_URL": config.redis_url,
        "FERNET_KEYS": [*config.encryption_keys, *keys],
        "TOKEN_KEY": signing.derive_key(config.secret_key, "tokens"),
        "PREFERRED_URL_SCHEME": config.base_url.split(":")[0],
        "MAX_CONTENT_LENGTH": 60 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": config.secure_cookies,
        "WTF_CSRF_TIME_LIMIT": None,
        "RATELIMIT_STORAGE_URI": config.limits_url,
        "RATELIMIT_HEADERS_ENABLED": True,
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,  # without Redis each process counts alone
    }
