"""Places on pages that plugins fill, so that no room below needs to know the ones above it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tab:
    """A tab of the navigation bar. `address(workspace)` is its URL; `plugin` must be on, if named;
    `is_shown()` says whether it is for the member whose request this is."""

    label: str
    icon: str
    address: Callable[[Any], str]
    plugin: str | None = None
    order: int = 50
    is_shown: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Panel:
    """A part of a page. `render(subject)` gives safe HTML, "" to show nothing; `plugin` as in Tab.

    `name` is the last piece of its URL where the panel is a tab of its own.
    """

    name: str
    label: str
    render: Callable[[Any], str]
    plugin: str | None = None
    order: int = 50


navigation_tabs: list[Tab] = []
navigation_tools: list[Tab] = []  # an icon each, at the end of the bar
bulk_emails_links: list[Tab] = []  # beside the heading of the list of emails
bulk_emails_banners: list[Panel] = []  # above the list of emails; subject: Workspace
bulk_email_panels: list[Panel] = []  # tabs of one email; subject: BulkEmail
connection_panels: list[Panel] = []  # on the page of a Connection; subject: Connection
suppression_panels: list[Panel] = []  # beside a suppressed address; subject: Suppression
record_panels: list[Panel] = []  # beside a record; subject: Record
# what a workspace holds, for who is about to delete it: (number, words) of each kind
stocks: list[Callable[[Any], list[tuple[int, str]]]] = []
search_panels: list[Panel] = []  # people found; subject: (Workspace, the words looked for)


def add_stock(count: Callable[[Any], list[tuple[int, str]]]) -> None:
    """`count(workspace)`; twice is once."""
    if count not in stocks:
        stocks.append(count)


def fill(slot: list, filling: Tab | Panel) -> None:
    """Put `filling` in its place; twice is once (create_app may run often in one process)."""
    if not any(present.label == filling.label for present in slot):
        slot.append(filling)
        slot.sort(key=lambda present: present.order)
