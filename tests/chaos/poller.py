"""A process that looks into one mailbox until it is empty: `python -m tests.chaos.poller ID`."""

import sys

from webapp import create_app, settings
from webapp.email_tracker import polling


def main() -> None:
    app = create_app(settings.read())
    with app.app_context():
        while polling.look(int(sys.argv[1]), verify=False):
            pass


if __name__ == "__main__":
    main()
