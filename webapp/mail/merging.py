"""The merge language: Liquid, on plain values only, with limits.

`{{ first_name | default: "friend" }}`; a blank value without a fall-back fails that one copy, so
that nobody reads "Dear ,".
"""

import functools
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from liquid import BoundTemplate, Environment, FalsyStrictUndefined
from liquid.exceptions import LiquidError

MAX_SOURCE = 1_000_000  # what people write is far shorter; as HTML with its styles it grows
MAX_OUTPUT = 2_000_000
MAX_TAGS = 500
MAX_TAG = 1_000  # characters of one tag
MAX_VALUE = 20_000  # characters that a filter takes or gives
MAX_WORK = 300_000  # characters that all filters of one merge make together
MAX_NUMBER = 10**15
_TAGS = ("assign", "break", "capture", "case", "comment", "continue", "echo", "for", "if", "raw")
_TAGS += ("unless", "#", "content", "illegal", "output", "doc")  # the last are the parser's own
_FILTERS = ("abs", "append", "at_least", "at_most", "capitalize", "ceil", "date", "default")
_FILTERS += ("divided_by", "downcase", "escape", "first", "floor", "join", "last", "lstrip")
_FILTERS += ("minus", "modulo", "plus", "prepend", "remove", "remove_first", "replace")
_FILTERS += ("replace_first", "round", "rstrip", "size", "slice", "split", "strip", "times")
_FILTERS += ("truncate", "truncatewords", "upcase", "url_encode")
_OPENING = re.compile(r"\{[{%]")
_CLOSING = re.compile(r"[}%]\}")
_SIMPLE = re.compile(r"\{\{-?\s*([a-z_][a-z0-9_]*)\s*(?:\|\s*default:\s*\"([^\"{}]*)\"\s*)?-?\}\}")


_work: ContextVar[int] = ContextVar("work", default=0)  # of the filters of one merge so far


class MergeError(ValueError):
    """A text cannot be merged; the message is one sentence for the sender."""


class _Missing(FalsyStrictUndefined):
    """Absent values are false in `if`, take their default, and fail when they are to be shown."""

    force_liquid_default = True
    allowed_properties = FalsyStrictUndefined.allowed_properties | {"force_liquid_default"}


class _Limited(Environment):
    output_stream_limit = MAX_OUTPUT
    loop_iteration_limit = 15  # times 500 tags: still under 50 ms
    local_namespace_limit = 100_000
    block_nesting_limit = 12
    context_depth_limit = 12


def _environment(autoescape: bool) -> Environment:
    """Only the tags and filters that are named above; what a value may grow to is bounded."""
    environment = _Limited(undefined=_Missing, autoescape=autoescape)
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in _TAGS}
    environment.filters = {name: _bounded(environment.filters[name]) for name in _FILTERS}
    environment.add_filter("safe_link", safe_link)
    environment.add_filter("followed", followed)
    return environment


def _bounded(function: Callable) -> Callable:
    @functools.wraps(function)
    def filtered(*args, **kwargs):
        for value in args:
            _refuse_large(value)
        result = function(*args, **kwargs)
        _refuse_large(result)
        _spend(len(result) if isinstance(result, (str, list)) else 1)
        return result

    return filtered


def _refuse_large(value: object) -> None:
    if isinstance(value, range):
        raise MergeError("A range like (1..9) can only be looped over.")
    if isinstance(value, (str, list, tuple)) and len(value) > MAX_VALUE:
        raise MergeError(f"A filter makes more than {MAX_VALUE:,} characters of a value.")
    if isinstance(value, (int, float, Decimal)) and not abs(value) <= MAX_NUMBER:
        raise MergeError("A filter makes a number that is too large.")


def _spend(characters: int) -> None:
    _work.set(_work.get() + 20 + characters)
    if _work.get() > MAX_WORK:
        raise MergeError("The text needs too much work to merge.")


def safe_link(value: object) -> str:
    """The address of a link, or "#": a record must not bring a script into a mail."""
    text = str(value).strip()
    return text if re.match(r"(https?://|mailto:)", text, re.IGNORECASE) else "#"


def followed(value: object, address: object) -> str:
    """`address`, which leads over us, in place of a link to the web; any other link stays."""
    is_web = re.match(r"https?://", str(value), re.IGNORECASE)
    return str(address) if is_web else str(value)


_ENVIRONMENTS = {escaped: _environment(escaped) for escaped in (False, True)}


@dataclass(frozen=True)
class Slot:
    """A place for one value: its field and what stands there when the value is blank."""

    field: str
    fallback: str | None


@lru_cache(maxsize=256)
def parse(source: str, escaped: bool = False) -> BoundTemplate:
    """Compile `source`. Raises MergeError with a sentence that says where it is wrong."""
    refuse_size(source)
    try:
        return _ENVIRONMENTS[escaped].from_string(source)
    except LiquidError as error:
        raise MergeError(_sentence(error)) from None
    except RecursionError:
        raise MergeError("The text has merge tags nested too deeply.") from None


def refuse_size(source: str) -> None:
    """Raises MergeError for too long a text, too many tags and too long tags, before any of the
    slower readers sees them."""
    if len(source) > MAX_SOURCE:
        raise MergeError(f"The text is too long: at most {MAX_SOURCE:,} characters.")
    end, count = 0, 0
    while opening := _OPENING.search(source, end):
        count += 1
        if count > MAX_TAGS:
            raise MergeError(f"The text has too many merge tags: at most {MAX_TAGS}.")
        closing = _CLOSING.search(source, opening.end(), opening.end() + MAX_TAG)
        if closing is None:
            shown = source[opening.start() : opening.start() + 20]
            raise MergeError(f"The merge tag beginning with {shown!r} has no end, or is too long.")
        end = closing.end()


def split(source: str) -> list[str | Slot] | None:
    """`source` as static texts and slots where it has nothing but plain merge fields, else None."""
    parts: list[str | Slot] = []
    end = 0
    for match in _SIMPLE.finditer(source):
        parts += [source[end : match.start()], Slot(match[1], match[2])]
        end = match.end()
    parts.append(source[end:])
    is_plain = not any("{{" in part or "{%" in part for part in parts if isinstance(part, str))
    return parts if is_plain and "{{-" not in source and "-}}" not in source else None


def render(source: str, values: Mapping[str, object], *, escaped: bool = False) -> str:
    """`source` with `values`. Raises MergeError: a blank value without fall-back, or a limit."""
    _work.set(0)
    try:
        return parse(source, escaped).render(**values)
    except LiquidError as error:
        raise MergeError(_sentence(error)) from None
    except MergeError:
        raise
    except (RecursionError, MemoryError):
        raise MergeError("The text needs too much work to merge.") from None
    except (ArithmeticError, TypeError, ValueError) as error:
        raise MergeError(f"The merge tags cannot be worked out: {str(error)[:200]}.") from None


def fields_in(source: str) -> set[str]:
    """The names of the merge fields that `source` uses. Raises MergeError."""
    return set(parse(source).global_variables())


def problems(sources: Mapping[str, str], known: set[str]) -> dict[str, str]:
    """What is wrong with texts before anybody's values are looked at: {name of text: sentence}."""
    found = {}
    for name, source in sources.items():
        try:
            unknown = sorted(fields_in(source) - known)
        except MergeError as error:
            found[name] = str(error)
            continue
        if unknown:
            found[name] = (
                f"There is no field called {', '.join(unknown)} in this form. Pick the merge"
                " field from the list."
            )
    return found


def merge_values(values: Mapping[str, object]) -> dict[str, object]:
    """A record's values as merge values: plain, blanks left out so that fall-backs apply."""
    merged: dict[str, object] = {}
    for key, value in values.items():
        if type(value) is str:  # nearly always
            if value and not value.isspace():
                merged[key] = value
        elif isinstance(value, bool):
            merged[key] = "yes" if value else "no"
        elif value is not None:
            merged[key] = value if isinstance(value, (int, float)) else str(value)
    return merged


def _sentence(error: LiquidError) -> str:
    text = str(error.args[0] if error.args else error).splitlines()[0]
    if match := re.search(r"'(\w+)' is undefined", text):
        return f"The field {match[1]} is empty and has no fall-back."
    if "limit" in text:
        return "The text needs too much work to merge: it loops too often or grows too large."
    return f"The merge tags cannot be read: {text[:200].rstrip('.')}."
