"""Static files carry a version in their address and may be kept for long."""

import pytest
from flask import Flask, url_for

from webapp import create_app, settings


@pytest.fixture
def real(tmp_path) -> Flask:
    """An app as it runs for real, without the sandbox."""
    return create_app(settings.read({"SECRET_KEY": "a secret", "DATA_DIR": str(tmp_path)}))


def test_a_file_is_kept_under_its_version(real: Flask):
    with real.test_request_context():
        address = url_for("static", filename="app.css")
    answer = real.test_client().get(address)

    assert "?v=" in address
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()


def test_in_the_demo_nothing_is_kept(app: Flask):
    answer = app.test_client().get("/static/app.css")
    assert "max-age=0" in answer.headers["Cache-Control"]
    answer.close()


def test_only_the_offline_page_answers_for_the_whole_site(real: Flask):
    client = real.test_client()
    with client.get("/static/offline.js") as worker, client.get("/static/app.js") as script:
        assert worker.headers["Service-Worker-Allowed"] == "/"
        assert "Service-Worker-Allowed" not in script.headers


def test_nothing_outside_of_the_folder_is_served(real: Flask):
    assert real.test_client().get("/static/../pyproject.toml").status_code == 404
