"""The map of the house, checked: which room may know which, and what each kind of file may know.

Sizes are an aim (functions ≤ 40 lines, files ≤ 250): `pytest -s` on this file prints the largest.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "webapp"

# room → the rooms it may import from; itself, and those of EVERYONE, always
ARROWS = {
    "lib": set(),
    "mail": set(),
    "providers": {"mail"},
    "accounts": {"mail"},
    "plugins": {"accounts", "mail"},
    "forms": {"plugins", "accounts"},
    "delivery": {"accounts", "mail"},
    "sandbox": {"accounts", "mail"},
    "bulk_email": {"delivery", "providers", "forms", "plugins", "accounts", "mail"},
    "email_tracker": {
        "bulk_email", "delivery", "providers", "forms", "plugins", "accounts", "mail",
    },
    "running": {
        "email_tracker", "bulk_email", "sandbox", "delivery", "providers", "forms", "plugins",
        "accounts", "mail",
    },
}  # fmt: skip
EVERYONE = {"lib", "settings", "extensions", "columns"}
SURFACE = {"web"}  # for routes, and what they draw with
PURE_ROOMS = {"lib", "mail", "providers"}  # neither Flask nor a database
OUTSIDE_GERUNDS = {"flask", "flask_security", "rq", "redis"}


@dataclass(frozen=True)
class Import:
    """One import of one module: `module` is absolute, `depth` 0 outside of functions."""

    path: Path
    line: int
    module: str
    function: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"

    @property
    def room(self) -> str:
        """The room that is imported from; a top-level file's own name, or "" outside webapp."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "webapp" and len(parts) > 1 else ""


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts]


def imports(path: Path) -> Iterator[Import]:
    def walk(node: ast.AST, function: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inside = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = function or child.name
            for module in modules(child):
                yield Import(path, child.lineno, module, function)
            yield from walk(child, inside)

    yield from walk(ast.parse(path.read_text()), "")


def modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{name.name}" for name in node.names]
    return []


ALL = [found for path in files() for found in imports(path)]


def kind_of(path: Path) -> str:
    name = path.stem
    for kind in ("routes", "jobs", "plugin", "models"):
        if name == kind or name.startswith(f"{kind}_") or name.endswith(f"_{kind}"):
            return kind
    return "gerund" if name.endswith("ing") else name


def test_arrows_point_downwards_only():
    wrong = [
        found.place
        for found in ALL
        if (here := room_of(found.path)) in ARROWS
        and found.room in ARROWS
        and found.room not in ARROWS[here] | EVERYONE | {here}
    ]
    assert wrong == []


def test_every_room_is_on_the_map():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(ARROWS)


def test_the_files_beside_the_rooms_know_no_room():
    beside = {"settings", "extensions", "columns", "queue", "web"}
    wrong = [f.place for f in ALL if room_of(f.path) in beside and f.room in set(ARROWS) - {"lib"}]
    assert wrong == []


def test_models_and_gerunds_know_neither_flask_nor_rq():
    """People who sign in aside: Flask-Security asks for its mixins and hashes its passwords."""
    wrong = [
        found.place
        for found in ALL
        if kind_of(found.path) in ("models", "gerund")
        and room_of(found.path) != "running"
        and found.module.split(".")[0] in OUTSIDE_GERUNDS
        and not (room_of(found.path) == "accounts" and found.module.startswith("flask_security."))
    ]
    assert wrong == []


def test_pure_rooms_know_no_database_and_no_request():
    wrong = [
        found.place
        for found in ALL
        if room_of(found.path) in PURE_ROOMS
        and (
            found.module.split(".")[0] in OUTSIDE_GERUNDS | {"sqlalchemy"}
            or found.room in {"extensions", "queue", "web"}
        )
    ]
    assert wrong == []


def test_jobs_draw_no_pages():
    drawing = {"flask.render_template", "flask.request"}
    wrong = [
        found.place
        for found in ALL
        if kind_of(found.path) == "jobs" and (found.module in drawing or found.room in SURFACE)
    ]
    assert wrong == []


def test_routes_know_no_provider_by_name():
    wrong = [
        found.place
        for found in ALL
        if kind_of(found.path) == "routes"
        and found.module.count(".") > 2
        and found.room == "providers"
    ]
    assert wrong == []


def test_the_package_is_imported_at_the_top_of_a_file():
    """Wiring aside: init_app and create_app's helpers bind the rooms late."""
    wiring = {"init_app", "_open_rooms", "navigation"}
    wrong = [f.place for f in ALL if f.function and f.room and f.function not in wiring]
    assert wrong == []


def test_sizes_are_reported():
    """An aim, not a gate."""
    sizes = [(len(path.read_text().splitlines()), 250, str(path)) for path in files()]
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.lineno + 1
                sizes.append((length, 40, f"{path}:{node.name}"))
    for length, aim, name in sorted(sizes, reverse=True):
        if length > aim:
            print(f"{length} lines (aim {aim}): {name.removeprefix(str(ROOT))}")
