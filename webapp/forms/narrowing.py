"""Which records of a large form a search can find: told by the index of their texts."""

from collections.abc import Sequence

from sqlalchemy import Select, bindparam, select

from webapp import trigrams
from webapp.columns import Ids, is_among
from webapp.extensions import db
from webapp.forms import filtering, indexing
from webapp.forms.models import Form, Record, RecordText

MOST = 3_000


def narrow(form: Form, search: str) -> list[int] | None:
    """The ids of the records that can have the words of `search` in them, and some others. None:
    nobody knows. No word is long enough for the index, more than MOST records of all forms have
    them, or too many of this form came in since the index was brought up to date."""
    words = filtering.words_of(search)
    if not trigrams.know(words):
        return None
    stale = indexing.stale_ids(form.id, MOST)
    if stale is None:
        return None
    texts = trigrams.with_words(select(RecordText.id, RecordText.form_id), RecordText, words)
    found = db.session.execute(texts.limit(MOST + 1)).all()
    if len(found) > MOST:
        return None
    return [*stale, *(row.id for row in found if row.form_id == form.id)]


def is_behind(form: Form, search: str) -> bool:
    """Whether it will be told once the index is brought up to date."""
    knows = trigrams.know(filtering.words_of(search))
    return knows and indexing.stale_ids(form.id, MOST) is None


def only(statement: Select, ids: Sequence[int] | None) -> Select:
    """`statement` over records, for those that narrow() told."""
    if ids is None:
        return statement
    told = bindparam("narrowed", ids, Ids, unique=True)
    # first these: with the order of a page PostgreSQL may think another index better
    found = select(Record.id).where(is_among(Record.id, told)).cte("told")
    return statement.join(found.prefix_with("MATERIALIZED"), found.c.id == Record.id)
