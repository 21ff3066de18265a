"""What is said to the database, for tests that count."""

from collections.abc import Callable

from sqlalchemy import event

from webapp.extensions import db


def said_while(work: Callable[[], object]) -> list[str]:
    """The statements that `work()` takes, without BEGIN and COMMIT."""
    said: list[str] = []

    def note(connection, cursor, statement, *_) -> None:
        if not statement.startswith("BEGIN"):  # which on SQLite is ours to say
            said.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return said
