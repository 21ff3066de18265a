"""Settings are typed, and loud when wrong."""

import stat
from pathlib import Path

import pytest

from webapp import settings

KEY = {"SECRET_KEY": "a secret of the tests"}


def test_what_is_not_set_follows_from_what_is(tmp_path: Path):
    read = settings.read(KEY | {"DATA_DIR": str(tmp_path), "PORT": "8123"})

    assert read.base_url == "http://127.0.0.1:8123"
    assert read.database_url == f"sqlite:///{tmp_path}/email-tracker.db"
    assert read.redis_url == f"unix://{settings.redis_socket(tmp_path)}"
    assert not read.secure_cookies


def test_cookies_are_secure_behind_https():
    assert settings.read(KEY | {"BASE_URL": "https://mail.example.org"}).secure_cookies


@pytest.mark.parametrize("url", ["postgres://u:p@h/n", "postgresql://u:p@h/n"])
def test_postgresql_gets_its_driver(url: str):
    read = settings.read(KEY | {"DATABASE_URL": url})
    assert read.database_url == "postgresql+psycopg://u:p@h/n"


def test_the_limiter_hears_of_the_same_redis():
    assert settings.read(KEY | {"REDIS_URL": "unix:///r.sock"}).limits_url == "redis+unix:///r.sock"
    assert settings.read(KEY | {"REDIS_URL": "redis://h:1/2"}).limits_url == "redis://h:1/2"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "many", "PORT must be a whole number from 1 to 65535, not 'many'"),
        ("PORT", "70000", "PORT must be a whole number from 1 to 65535"),
        ("SANDBOX", "perhaps", "SANDBOX must be yes or no, not 'perhaps'"),
        ("SECURE_COOKIES", "perhaps", "SECURE_COOKIES must be yes or no"),
        ("DATABASE_URL", "mysql://h/n", "DATABASE_URL must begin with sqlite:/// or postgresql://"),
        ("DATABASE_URL", "postgresql://h:port/n", "DATABASE_URL is not an address of a database"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL must begin with redis://"),
        ("BASE_URL", "mail.example.org", "BASE_URL must begin with http:// or https://"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be one of debug, info"),
        ("SECRET_KEY", "change-me", "SECRET_KEY is still 'change-me'"),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(name: str, value: str, said: str):
    with pytest.raises(settings.SettingError, match="^" + said.replace("(", r"\(")):
        settings.read(KEY | {name: value})


def test_a_misspelt_setting_is_refused_with_the_right_one():
    with pytest.raises(settings.SettingError, match="Did you mean EMAIL_TRACKER_DATABASE_URL"):
        settings.read(KEY | {"EMAIL_TRACKER_DATABSE_URL": "sqlite:///x"})


def test_names_may_carry_the_prefix():
    assert settings.read(KEY | {"PORT": "1", "EMAIL_TRACKER_PORT": "2"}).port == 2


def test_without_a_secret_nothing_starts(tmp_path: Path):
    with pytest.raises(settings.SettingError, match="SECRET_KEY is not set"):
        settings.read({"DATA_DIR": str(tmp_path)})


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path):
    settings.make_secret_key(tmp_path)
    first = settings.read({"DATA_DIR": str(tmp_path)}).secret_key
    settings.make_secret_key(tmp_path)

    assert settings.read({"DATA_DIR": str(tmp_path)}).secret_key == first
    assert len(first) > 40
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600


def test_a_socket_path_never_grows_too_long(tmp_path: Path):
    deep = tmp_path / ("deep" * 40)
    assert len(str(settings.redis_socket(deep))) < 107
    assert settings.redis_socket(deep) != settings.redis_socket(deep / "er")
