"""Every environment variable of the program: read once, typed, loud when wrong."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

SAMPLE_SECRET_KEY = "change-me"
PREFIX = "EMAIL_TRACKER_"


class SettingError(Exception):
    """A setting is missing, unknown or malformed; the text is one sentence for the operator."""


@dataclass(frozen=True)
class Settings:
    """The settings, as attributes. Names in the environment are the upper-case ones of `VARIABLES`."""

    secret_key: str
    data_dir: Path
    database_url: str
    redis_url: str | None
    base_url: str
    product_name: str
    host: str
    port: int
    sandbox: bool
    sandbox_smtp_port: int
    secure_cookies: bool
    allow_private_smtp: bool
    trusted_proxies: int
    mail_url: str | None
    mail_from: str
    lease_seconds: int
    log_level: str
    encryption_keys: tuple[str, ...]


def _flag(name: str, value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise SettingError(f"{name} must be yes or no, not {value!r}.")


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise SettingError(f"{name} must be a whole number, not {value!r}.") from None


def _text(name: str, value: str) -> str:
    return value


# attribute: (environment variable, default, reader)
VARIABLES: dict[str, tuple[str, str | None, Callable]] = {
    "secret_key": ("SECRET_KEY", SAMPLE_SECRET_KEY, _text),
    "data_dir": ("DATA_DIR", "var", lambda name, value: Path(value).resolve()),
    "database_url": ("DATABASE_URL", "", _text),
    "redis_url": ("REDIS_URL", "", lambda name, value: value or None),
    "base_url": ("BASE_URL", "http://127.0.0.1:5000", lambda name, value: value.rstrip("/")),
    "product_name": ("PRODUCT_NAME", "Zengine", _text),
    "host": ("HOST", "127.0.0.1", _text),
    "port": ("PORT", "5000", _integer),
    "sandbox": ("SANDBOX", "no", _flag),
    "sandbox_smtp_port": ("SANDBOX_SMTP_PORT", "5025", _integer),
    "secure_cookies": ("SECURE_COOKIES", "yes", _flag),
    "allow_private_smtp": ("ALLOW_PRIVATE_SMTP", "no", _flag),
    "trusted_proxies": ("TRUSTED_PROXIES", "0", _integer),
    "mail_url": ("MAIL_URL", "", lambda name, value: value or None),
    "mail_from": ("MAIL_FROM", "Email Tracker <email-tracker@localhost>", _text),
    "lease_seconds": ("LEASE_SECONDS", "120", _integer),
    "log_level": ("LOG_LEVEL", "info", _text),
    "encryption_keys": (
        "ENCRYPTION_KEYS",
        "",
        lambda name, value: tuple(key for key in value.split(",") if key),
    ),
}


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment` (the process's own by default).

    The program's own variables may be written with the prefix EMAIL_TRACKER_ too; an unknown name
    with that prefix raises SettingError, so that a misspelling is never silently ignored.
    """
    environment = os.environ if environment is None else environment
    known = {name for name, _, _ in VARIABLES.values()}
    for name in environment:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known:
            raise SettingError(f"Unknown setting {name}. Known: {', '.join(sorted(known))}.")

    values = {}
    for field in fields(Settings):
        name, default, reader = VARIABLES[field.name]
        raw = environment.get(PREFIX + name, environment.get(name, default))
        values[field.name] = reader(name, raw)
    if not values["database_url"]:
        values["database_url"] = f"sqlite:///{values['data_dir'] / 'email-tracker.db'}"
    values["database_url"] = _with_driver(values["database_url"])
    return Settings(**values)


def _with_driver(url: str) -> str:
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    if url.startswith(("sqlite:///", "postgresql+psycopg://")):
        return url
    raise SettingError(
        f"DATABASE_URL must begin with sqlite:/// or postgresql://, not {url.split(':')[0]}:."
    )
