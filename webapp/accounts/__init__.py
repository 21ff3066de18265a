"""Workspace, Member, signing in, who may do what, the audit log."""

from datetime import timedelta

from flask import Flask
from flask_security.datastore import SQLAlchemyUserDatastore

from webapp import queue
from webapp.accounts import audit_trigger, jobs, signing_in
from webapp.accounts.models import SignInRole, User
from webapp.accounts.routes import accounts
from webapp.accounts.routes_people import people
from webapp.extensions import db, limiter, security

__all__ = ["audit_trigger", "init_app"]


def init_app(app: Flask) -> None:
    """Bind signing in and the pages of workspaces and people to `app`."""
    app.config.update(_security_config(app))
    security.init_app(
        app,
        SQLAlchemyUserDatastore(db, User, SignInRole),
        mail_util_cls=signing_in.OwnMail,
    )
    security.unauthn_handler(signing_in.answer_stranger)
    for view in ("security.login", "security.forgot_password", "security.reset_password"):
        app.view_functions[view] = limiter.limit("10 per minute;60 per hour", methods=["POST"])(
            app.view_functions[view]
        )
    signing_in.init_app(app)
    app.register_blueprint(accounts)
    app.register_blueprint(people)
    queue.add_clock_task(jobs.tick)


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
        "SECURITY_RESET_PASSWORD_WITHIN": timedelta(hours=4),
        "SECURITY_EMAIL_SUBJECT_PASSWORD_RESET": "Reset your password",
        "SECURITY_EMAIL_SUBJECT_PASSWORD_NOTICE": "Your password was reset",
        "SECURITY_EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE": "Your password was changed",
        "SECURITY_EMAIL_SENDER": app.config["SETTINGS"].mail_from,
        "SECURITY_EMAIL_HTML": False,
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/sign-in",
        "SECURITY_POST_CHANGE_VIEW": "/account",
        "SECURITY_POST_RESET_VIEW": "/sign-in",
        "SECURITY_PASSWORD_LENGTH_MIN": 10,
        "SECURITY_REDIRECT_VALIDATE_MODE": ["absolute", "regex"],
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        "SECURITY_USE_REGISTER_V2": True,
        "REMEMBER_COOKIE_DURATION": timedelta(days=14),
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SECURE": app.config["SESSION_COOKIE_SECURE"],
    }
