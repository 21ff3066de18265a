"""Freezing an audience, to the bare INSERT … SELECT of the same rows into the same table."""

import sys
import time
from argparse import Namespace

from sqlalchemy import func, select, text

from tests.bench import ours, processes, reporting
from tests.bench.places import Place
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Recipient
from webapp.extensions import db
from webapp.forms.models import Record, RecordAddress

UNIT = "records/s"
BY_OBJECTS = 20_000  # a hundredth of a million takes long enough


def run(place: Place, args: Namespace) -> list[reporting.Result]:
    people = args.mails or 1_000_000
    results = []
    for database in ("SQLite", "PostgreSQL"):
        bare = _result(f"bare INSERT … SELECT, {database}")
        whole = _result(f"email-tracker, {database}, {people:,} records")
        objects = _result(f"ORM objects, {database}")
        bare.limit = whole.limit = objects.limit = bare
        for number in range(1, args.rounds + 1):
            with ours.ours(place, database, "starting") as app:
                _play(app, people, number, (bare, whole, objects))
            print(f"round {number}  {database}: {whole.ratio:.2f}", file=sys.stderr, flush=True)
        results += [bare, whole, objects]
    return results


def _result(who: str) -> reporting.Result:
    return reporting.Result("starting", who, UNIT)


def _play(app: ours.Ours, people: int, number: int, results: tuple) -> None:
    bare, whole, objects = results
    workspace, form = ours.make_people(people)
    _analyze()
    email = ours.make_email(workspace, form, 25)
    ours.start(email, paused=True)
    before = processes.own_peak_mb()
    whole.rates[number] = people / ours.prepare(email)
    whole.extra["memory_growth_mb"] = round(processes.own_peak_mb() - before, 1)
    frozen = db.session.scalar(select(func.count()).select_from(Recipient))
    if frozen != people:
        raise SystemExit(f"{frozen:,} copies of {people:,} were frozen")
    bare.rates[number] = people / _insert_select()
    objects.rates[number] = min(people, BY_OBJECTS) / _by_objects(email, min(people, BY_OBJECTS))


def _analyze() -> None:
    """As the database does by itself some time after an import."""
    db.session.execute(text("ANALYZE"))
    db.session.commit()


def _insert_select() -> float:
    """Seconds for the rows that were frozen, once more, out of a table without any index."""
    db.session.execute(text("CREATE TABLE frozen AS SELECT * FROM recipients"))
    db.session.execute(text("DELETE FROM recipients"))
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("VACUUM recipients"))
            connection.execute(text("CHECKPOINT"))
    begin = time.perf_counter()
    db.session.execute(text("INSERT INTO recipients SELECT * FROM frozen ORDER BY id"))
    db.session.commit()
    return time.perf_counter() - begin


def _by_objects(email: BulkEmail, people: int) -> float:
    """What a first version does: read the records, make an object for each, commit."""
    db.session.execute(text("DELETE FROM recipients"))
    db.session.commit()
    begin = time.perf_counter()
    rows = db.session.execute(
        select(Record, RecordAddress)
        .join(RecordAddress, RecordAddress.record_id == Record.id)
        .order_by(Record.id)
        .limit(people)
    )
    db.session.add_all(
        [
            Recipient(
                bulk_email_id=email.id,
                workspace_id=email.workspace_id,
                record_id=record.id,
                name=record.values["first_name"],
                address=address.address,
                address_key=address.address_key,
                merge_values=record.values,
            )
            for record, address in rows
        ]
    )
    db.session.commit()
    return time.perf_counter() - begin
