"""Static files: answered before the app is asked, kept by browsers under versioned addresses."""

from pathlib import Path

from flask import Flask
from whitenoise import WhiteNoise

LONG_SECONDS = 365 * 24 * 3600
HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'self'"}


def init_app(app: Flask, *, changing: bool) -> None:
    """Serve the static folder. `changing`: files are edited while we run, so nothing is kept."""
    folder = Path(app.static_folder or "")
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(folder),
        prefix="static/",
        max_age=0 if changing else LONG_SECONDS,
        autorefresh=changing,
        allow_all_origins=False,
        add_headers_function=_add_headers,
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    versions = {str(path.relative_to(folder)): int(path.stat().st_mtime) for path in files}

    @app.url_defaults
    def add_version(endpoint: str, values: dict) -> None:
        if endpoint == "static" and values.get("filename") in versions:
            values["v"] = versions[values["filename"]]


def _add_headers(headers, path: str, url: str) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    if path.endswith("/offline.js"):
        headers["Service-Worker-Allowed"] = "/"  # it answers for pages outside its folder
