"""What plugins exist. Each registers itself when its room is opened."""

from collections.abc import Callable
from dataclasses import dataclass

from webapp.accounts.models import User, Workspace


@dataclass(frozen=True)
class AfterInstall:
    """The notice shown once a plugin is on: a sentence and where to go from it."""

    text: str
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True)
class Plugin:
    """A feature on offer. `abilities` say what it will be able to do, in plain words; the hooks
    run inside the transaction that installs or removes. `refuse_removal` gives the sentence why it
    cannot go now, or None. `before_removal` says what removing does."""

    name: str
    title: str
    icon: str
    summary: str
    abilities: tuple[str, ...]
    requires: tuple[str, ...] = ()
    before_removal: str = ""
    on_install: Callable[[Workspace, User], None] = lambda workspace, by: None
    on_remove: Callable[[Workspace, User], None] = lambda workspace, by: None
    refuse_removal: Callable[[Workspace], str | None] = lambda workspace: None
    after_install: Callable[[Workspace], AfterInstall] | None = None


_plugins: dict[str, Plugin] = {}


def register(plugin: Plugin) -> None:
    """Put `plugin` on offer; again replaces it (create_app may run often in one process)."""
    _plugins[plugin.name] = plugin


def all_plugins() -> list[Plugin]:
    """In the order in which they can be installed."""
    return sorted(_plugins.values(), key=lambda plugin: (len(plugin.requires), plugin.title))


def find(name: str) -> Plugin | None:
    return _plugins.get(name)


def needed_by(name: str) -> list[Plugin]:
    """The plugins that require `name`."""
    return [plugin for plugin in _plugins.values() if name in plugin.requires]
