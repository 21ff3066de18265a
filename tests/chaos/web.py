"""`python -m tests.chaos.web`: the real web server, which can be made to die at a point and is
there again at once."""

import os

from tests.chaos import points
from webapp import create_app, settings
from webapp.extensions import db
from webapp.running import serving, tying


def main() -> None:
    config = settings.read()
    app = create_app(config)
    listening = serving.bind(config.host, config.port, "PORT")
    with app.app_context():
        engine = db.engine
        points.install(engine, points.striker(app.extensions["redis"], engine.dialect.name))
        engine.dispose()
    parent = os.getpid()
    while True:
        child = os.fork()
        if child == 0:
            tying.tie_to(parent)
            serving.serve(app, listening)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
