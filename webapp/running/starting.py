"""A whole installation on this host: database, Redis, web server, workers, sandbox."""

import os
from collections.abc import Callable
from functools import partial

from flask import Flask

from webapp import create_app, settings
from webapp.extensions import db
from webapp.queue import Lane
from webapp.running import checking, embedding, migrating, receiving, serving, working
from webapp.running.supervising import Part, supervise
from webapp.sandbox import serving as sandbox

DEMO = {"SANDBOX": "yes", "ALLOW_PRIVATE_SMTP": "yes"}


def up(*, demo: Callable[[Flask], object] | None, say: Callable[[str], object]) -> None:
    """Start everything that is not named elsewhere, and run until Ctrl-C or SIGTERM.

    `demo(app)` fills an empty database before the first start, and switches the sandbox on. Raises
    SettingError, before anything has started, when something is not right.
    """
    folder = settings.data_dir()
    checking.check_folder(folder)
    with checking.only_one(folder):
        settings.make_secret_key(folder)
        if demo:
            _set_demo()
        _run(settings.read(), demo, say)


def _set_demo() -> None:
    """What the demo differs in, where the operator says nothing else."""
    for name, value in DEMO.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MAIL_URL", f"smtp://127.0.0.1:{settings.read().sandbox_smtp_port}")


def _run(config: settings.Settings, demo: Callable[[Flask], object] | None, say: Callable) -> None:
    listening = serving.bind(config.host, config.port, "PORT")
    port = config.bounce_port
    returned = serving.bind(config.bounce_host, port, "BOUNCE_PORT") if port else None
    if config.sandbox:
        serving.bind("127.0.0.1", config.sandbox_smtp_port, "SANDBOX_SMTP_PORT").close()
    app = create_app(config)
    checking.check_database(app)
    redis_parts = _redis_parts(config)

    migrating.upgrade(app)
    if demo:
        demo(app)
    with app.app_context():
        db.engine.dispose()  # the parts are forks of this process, with connections of their own

    parts = [
        *redis_parts,
        Part("web", partial(serving.serve, app, listening)),
        Part("workers", partial(working.run, app, list(Lane)), patience=15),
    ]
    if returned:
        parts.append(
            Part("bounces", partial(receiving.serve, app, returned, is_lmtp=config.bounce_lmtp))
        )
    if config.sandbox:
        parts.append(Part("sandbox", partial(sandbox.serve, config)))
    supervise(parts, on_start=partial(say, config.base_url))


def _redis_parts(config: settings.Settings) -> list[Part]:
    """Our own Redis, unless the operator named one, which then must answer."""
    if settings.names_redis():
        checking.check_redis(config.redis_url)
        return []
    server = embedding.find_server()
    run = partial(embedding.run, server, config.data_dir)
    ready = partial(embedding.wait_until_ready, config.redis_url)
    return [Part("redis", run, layer=0, wait=ready)]
