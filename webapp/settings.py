"""Every environment variable of the program: read once, typed, loud when wrong."""

import difflib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

SAMPLE_SECRET_KEY = "change-me"
PREFIX = "EMAIL_TRACKER_"


class SettingError(Exception):
    """A setting is missing, unknown or malformed; the text is one sentence for the operator."""


@dataclass(frozen=True)
class Settings:
    """The settings, as attributes; `VARIABLES` has their names in the environment."""

    secret_key: str
    data_dir: Path
    database_url: str
    redis_url: str
    base_url: str
    product_name: str
    host: str
    port: int
    sandbox: bool
    sandbox_smtp_port: int
    bounce_host: str
    bounce_port: int
    bounce_lmtp: bool
    secure_cookies: bool
    allow_private_smtp: bool
    allow_private_webhooks: bool
    trusted_proxies: int
    mail_url: str | None
    mail_from: str
    lease_seconds: int
    log_level: str
    encryption_keys: tuple[str, ...]

    @property
    def limits_url(self) -> str:
        """The same Redis, in the words of the rate limiter."""
        return "redis+" + self.redis_url if self.redis_url.startswith("unix:") else self.redis_url


class Variable(NamedTuple):
    """A setting's name in the environment; its default in words for the README."""

    name: str
    default: str | None
    read: Callable
    help: str


def _text(name: str, value: str) -> str:
    return value


def _text_or_none(name: str, value: str) -> str | None:
    return value or None


def _flag(name: str, value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise SettingError(f"{name} must be yes or no, not {value!r}.")


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    def read_whole(name: str, value: str) -> int:
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            raise SettingError(
                f"{name} must be a whole number from {least} to {most}, not {value!r}."
            )
        return int(value)

    return read_whole


def _web_address(name: str, value: str) -> str:
    if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
        raise SettingError(f"{name} must begin with http:// or https://, not {value!r}.")
    return value.rstrip("/")


def _redis_address(name: str, value: str) -> str:
    if value and not value.startswith(("redis://", "rediss://", "unix://")):
        raise SettingError(
            f"{name} must begin with redis://, rediss:// or unix://, not {value.split(':')[0]!r}."
        )
    return value


def _level(name: str, value: str) -> str:
    levels = ("debug", "info", "warning", "error")
    if value.lower() not in levels:
        raise SettingError(f"{name} must be one of {', '.join(levels)}, not {value!r}.")
    return value.lower()


def _keys(name: str, value: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in value.split(",") if key.strip())


def _folder(name: str, value: str) -> Path:
    return Path(value).expanduser().resolve()


def _database_address(name: str, value: str) -> str:
    """With the driver named; "" as it is."""
    for prefix in ("postgres://", "postgresql://"):
        if value.startswith(prefix):
            value = "postgresql+psycopg://" + value.removeprefix(prefix)
    if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingError(
            f"{name} must begin with sqlite:/// or postgresql://, not {value.split(':')[0]!r}."
        )
    try:
        return value and make_url(value).render_as_string(hide_password=False)
    except (ArgumentError, ValueError):
        raise SettingError(f"{name} is not an address of a database.") from None


VARIABLES: dict[str, Variable] = {
    "secret_key": Variable(
        "SECRET_KEY",
        "",
        _text,
        "Signs sessions and tokens, and encrypts stored passwords. Where it is not set, the file"
        " `secret-key` in `DATA_DIR` is used, which `make run` and `email-tracker init` write once."
        " All hosts of an installation need the same one; losing it makes every"
        " password invalid (see *Backup*)",
    ),
    "data_dir": Variable(
        "DATA_DIR", "var", _folder, "Folder of everything that is kept in files; back it up"
    ),
    "database_url": Variable(
        "DATABASE_URL",
        "",
        _database_address,
        "`postgresql://user:password@host/name`, or `sqlite:////path`. Not set: an SQLite file in"
        " `DATA_DIR`",
    ),
    "redis_url": Variable(
        "REDIS_URL",
        "",
        _redis_address,
        "`redis://host:6379/0`, `rediss://…` or `unix:///path`. Not set: a Redis of our own, which"
        " `email-tracker up` starts on a socket",
    ),
    "base_url": Variable(
        "BASE_URL",
        "",
        _web_address,
        "The address people use, as it stands in mails and hooks. Not set: `http://HOST:PORT`",
    ),
    "product_name": Variable(
        "PRODUCT_NAME", "Zengine", _text, "The name in the status “Not Sent (… Failure)”"
    ),
    "host": Variable(
        "LISTEN_HOST", "127.0.0.1", _text, "Where the web server listens; `0.0.0.0` is everywhere"
    ),
    "port": Variable("PORT", "5000", _whole(1, 65535), "The web server's port"),
    "sandbox": Variable(
        "SANDBOX",
        "no",
        _flag,
        "The sandbox mail server and its pages; `make run` switches it on. Not for real use",
    ),
    "sandbox_smtp_port": Variable(
        "SANDBOX_SMTP_PORT", "5025", _whole(1, 65535), "The sandbox's SMTP port, on 127.0.0.1"
    ),
    "bounce_host": Variable("BOUNCE_HOST", "127.0.0.1", _text, "Where the bounce receiver listens"),
    "bounce_port": Variable(
        "BOUNCE_PORT",
        "0",
        _whole(0, 65535),
        "Its port: mail servers hand in there what comes back to a bounce address. 0: no receiver",
    ),
    "bounce_lmtp": Variable(
        "BOUNCE_LMTP", "no", _flag, "Whether it speaks LMTP (RFC 2033) in place of SMTP"
    ),
    "secure_cookies": Variable(
        "SECURE_COOKIES",
        "",
        _text,
        "Cookies travel by https only. Not set: yes where `BASE_URL` is https",
    ),
    "allow_private_smtp": Variable(
        "ALLOW_PRIVATE_SMTP",
        "no",
        _flag,
        "Whether a Connection may name a mail server in a private network or on this host",
    ),
    "allow_private_webhooks": Variable(
        "ALLOW_PRIVATE_WEBHOOKS",
        "no",
        _flag,
        "Whether a webhook may go to an address in a private network or on this host, and by http",
    ),
    "trusted_proxies": Variable(
        "TRUSTED_PROXIES",
        "0",
        _whole(0, 9),
        "How many proxies stand in front and set `X-Forwarded-For`, `-Proto` and `-Host`",
    ),
    "mail_url": Variable(
        "MAIL_URL",
        "",
        _text_or_none,
        "Where invitations, password resets and what people are told of their emails go out:"
        " `smtp+starttls://user:password@host:587`,"
        " `smtps://…:465`, or `smtp://…:25` without encryption. Of `make run`: the sandbox",
    ),
    "mail_from": Variable(
        "MAIL_FROM",
        "Email Tracker <email-tracker@localhost>",
        _text,
        "Their sender",
    ),
    "lease_seconds": Variable(
        "LEASE_SECONDS",
        "120",
        _whole(1, 3600),
        "How long copies in hand stay with a worker that went silent",
    ),
    "log_level": Variable("LOG_LEVEL", "info", _level, "debug, info, warning or error"),
    "encryption_keys": Variable(
        "ENCRYPTION_KEYS",
        "",
        _keys,
        "Fernet keys for stored passwords, separated by commas: the first writes, all read",
    ),
}


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment` (the process's own by default).

    Every name may be written with the prefix EMAIL_TRACKER_ too; an unknown name with that prefix
    raises SettingError, so that a misspelling is never silently ignored.
    """
    environment = os.environ if environment is None else environment
    _refuse_unknown(environment)
    values = {field.name: _value(field.name, environment) for field in fields(Settings)}

    address = "127.0.0.1" if values["host"] in ("0.0.0.0", "::") else values["host"]
    data_dir = values["data_dir"]
    values["base_url"] = values["base_url"] or f"http://{address}:{values['port']}"
    values["database_url"] = values["database_url"] or f"sqlite:///{data_dir / 'email-tracker.db'}"
    values["redis_url"] = values["redis_url"] or f"unix://{redis_socket(data_dir)}"
    is_https = values["base_url"].startswith("https:")
    values["secure_cookies"] = _flag(
        "SECURE_COOKIES", values["secure_cookies"] or ("yes" if is_https else "no")
    )
    values["secret_key"] = values["secret_key"] or _stored_secret_key(data_dir)
    _refuse_sample_key(values["secret_key"])
    return Settings(**values)


def names_redis(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the operator named a Redis; if not, `email-tracker up` starts one of our own."""
    environment = os.environ if environment is None else environment
    return bool(_value("redis_url", environment))


def data_dir(environment: Mapping[str, str] | None = None) -> Path:
    """The data folder alone: needed before there is a secret key to read everything else."""
    return _value("data_dir", os.environ if environment is None else environment)


def log_level(environment: Mapping[str, str] | None = None) -> str:
    """The log level alone, for the same reason."""
    return _value("log_level", os.environ if environment is None else environment)


def make_secret_key(folder: Path) -> None:
    """Write the installation's secret into `folder` (for its owner's eyes), unless it is there."""
    path = folder / "secret-key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
        file.flush()
        os.fsync(handle)


def redis_socket(data_dir: Path) -> Path:
    """Where our own Redis listens: in the data folder, or where its path would be too long for a
    socket (107 bytes on Linux, 103 on macOS), in a folder of the system's for temporary files."""
    path = data_dir / "redis.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"email-tracker-{os.getuid()}-{digest}" / "redis.sock"


def _value(attribute: str, environment: Mapping[str, str]) -> Any:
    variable = VARIABLES[attribute]
    raw = environment.get(PREFIX + variable.name, environment.get(variable.name))
    return variable.read(variable.name, variable.default if raw is None else raw)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = [variable.name for variable in VARIABLES.values()]
    for name in environment:
        if not name.startswith(PREFIX) or name.removeprefix(PREFIX) in known:
            continue
        near = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)
        hint = f"Did you mean {PREFIX}{near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
        raise SettingError(f"There is no setting {name}. {hint}")


def _stored_secret_key(folder: Path) -> str:
    try:
        return (folder / "secret-key").read_text().strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingError(
            f"The secret in {folder / 'secret-key'} cannot be read: {error.strerror}."
        ) from None


def _refuse_sample_key(key: str) -> None:
    if not key:
        raise SettingError(
            "SECRET_KEY is not set, and there is no file secret-key in DATA_DIR: `email-tracker"
            " init` writes one."
        )
    if key == SAMPLE_SECRET_KEY:
        raise SettingError(f"SECRET_KEY is still {SAMPLE_SECRET_KEY!r}: put a long random text.")
