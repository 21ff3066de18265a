"""Workspace, Member, signing in, who may do what, the audit log."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from flask_security.core import Security
from flask_security.datastore import SQLAlchemyUserDatastore

from webapp import queue
from webapp.accounts import audit_trigger, jobs, signing_in
from webapp.accounts.models import SignInRole, User
from webapp.accounts.routes import accounts
from webapp.accounts.routes_people import people
from webapp.accounts.routes_telling import tidings
from webapp.extensions import db, limiter

# whatever a password, or who has an account, could be guessed at
THROTTLED = (
    "security.login",
    "security.forgot_password",
    "security.reset_password",
    "security.change_password",
)
__all__ = ["audit_trigger", "init_app"]


def init_app(app: Flask) -> None:
    """Bind signing in and the pages of workspaces and people to `app`."""
    app.config.update(_security_config(app))
    datastore = SQLAlchemyUserDatastore(db, User, SignInRole)
    security = Security(app, datastore, mail_util_cls=signing_in.OwnMail)
    security.unauthn_handler(signing_in.answer_stranger)
    # nobody signs in by a token: it would be looked for in every stranger's JSON, however long
    app.login_manager.request_loader(lambda request: None)
    for view in THROTTLED:
        app.view_functions[view] = _throttled(app.view_functions[view])
    signing_in.init_app(app)
    app.register_blueprint(accounts)
    app.register_blueprint(people)
    app.register_blueprint(tidings)
    queue.add_clock_task(jobs.tick)


def _throttled(view: Callable) -> Callable:
    """A guesser comes from one place, or at one account from many."""
    by_place = limiter.limit("10 per minute;60 per hour", methods=["POST"])
    by_account = limiter.limit(
        "100 per hour", key_func=signing_in.account_in_question, methods=["POST"]
    )
    return by_account(by_place(view))


def _security_config(app: Flask) -> dict:
    """Flask-Security's settings: own addresses and pages, generic answers, mails by us."""
    return {
        "SECURITY_PASSWORD_SALT": app.config["SECRET_KEY"],
        "SECURITY_LOGIN_URL": "/sign-in",
        "SECURITY_LOGOUT_URL": "/sign-out",
        "SECURITY_RESET_URL": "/reset",
        "SECURITY_CHANGE_URL": "/change-password",
        "SECURITY_LOGIN_USER_TEMPLATE": "accounts/sign_in.html",
        "SECURITY_FORGOT_PASSWORD_TEMPLATE": "accounts/forgot_password.html",
        "SECURITY_RESET_PASSWORD_TEMPLATE": "accounts/reset_password.html",
        "SECURITY_CHANGE_PASSWORD_TEMPLATE": "accounts/change_password.html",
        "SECURITY_RECOVERABLE": True,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": (
            "That address and that password do not belong together.",
            "error",
        ),
        "SECURITY_MSG_PASSWORD_RESET_REQUEST": (
            "If %(email)s has an account here, a mail with a link is on its way to it.",
            "info",
        ),
        "SECURITY_RESET_PASSWORD_WITHIN": timedelta(hours=4),
        "SECURITY_EMAIL_SUBJECT_PASSWORD_RESET": "Reset your password",
        "SECURITY_EMAIL_SUBJECT_PASSWORD_NOTICE": "Your password was reset",
        "SECURITY_EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE": "Your password was changed",
        "SECURITY_EMAIL_SENDER": app.config["SETTINGS"].mail_from,
        "SECURITY_EMAIL_HTML": False,
        # no question to the network: an account's address was judged when it was made
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
        "SECURITY_FRESHNESS": timedelta(seconds=-1),  # see signing_in.confirm
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/sign-in",
        "SECURITY_POST_CHANGE_VIEW": "/account",
        "SECURITY_POST_RESET_VIEW": "/sign-in",
        "SECURITY_PASSWORD_LENGTH_MIN": 10,
        "SECURITY_REDIRECT_VALIDATE_MODE": ["absolute", "regex"],
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        "SECURITY_USE_REGISTER_V2": True,
        "PERMANENT_SESSION_LIFETIME": timedelta(days=14),  # see signing_in: no second cookie
    }
