"""In which form the core runs: from its source, or as the machine code that `make compiled` has made of it.

The source is what counts, always. mypyc makes a library of the modules of `trading.core` that an order passes; it lies
in a folder named by a hash of all the source of the core, of how it is compiled (`build.py`), of this Python and of
this machine. So what was made of other source, or for another Python, is never found, and the source itself is taken.
`COMPILED` (environment): `auto` takes the library if it is there, `off` never; with `on` nothing starts without it.
"""

import hashlib
import os
import platform
import sys
import sysconfig
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "trading" / "core"
RECIPE = (ROOT / "trading" / "compiled" / "build.py", ROOT / "requirements-compile.txt")
"""How it is compiled, and by what."""
MADE = ROOT / ".compiled"
SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX")
PYTHON = f"{sys.version} {SUFFIX} {platform.libc_ver()}"


def key(core: Path = CORE, recipe: Sequence[Path] = RECIPE, python: str = PYTHON) -> str:
    """The name of what this Python, on such a machine, makes of this source in this way."""
    name = hashlib.sha256(python.encode())
    sources = [(path.relative_to(core).as_posix(), path) for path in sorted(core.rglob("*.py"))]
    for place, path in (*((path.name, path) for path in recipe), *sources):
        text = path.read_bytes()
        name.update(f"{place} {len(text)} ".encode() + text)
    return name.hexdigest()[:16]


class Finder(MetaPathFinder):
    """Finds the compiled modules in a folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.files = {
            ".".join(path.relative_to(folder).parts).removesuffix(SUFFIX): path for path in folder.rglob(f"*{SUFFIX}")
        }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = self.files.get(fullname)
        return None if found is None else spec_from_file_location(fullname, found)


def choose(wanted: str, made: Path = MADE, core: Path = CORE) -> tuple[Finder | None, str]:
    """What finds the compiled modules, if they are wanted and there; and a sentence for the log. SystemExit: they are
    wanted and are not there, or nobody knows what is wanted."""
    if wanted not in ("auto", "on", "off"):
        sys.exit(f"COMPILED must be auto, on or off, not {wanted!r}")
    if wanted == "off":
        return None, "the core runs from its source, as COMPILED=off says"
    folder = made / key(core) if made.is_dir() else made / "nothing"
    if folder.is_dir():
        return Finder(folder), f"the core runs compiled, {folder.name}"
    if wanted == "on":
        sys.exit("COMPILED=on, and there is no compiled core of this source for this Python: `make compiled` makes it")
    if made.is_dir():
        return None, "the core runs from its source: what is compiled is of other source or for another Python"
    return None, "the core runs from its source"


FINDER, SENTENCE = choose(os.environ.get("COMPILED") or "auto")
"""Of this process: None where the source is taken; and what the log says."""
if FINDER is not None:
    sys.meta_path.insert(0, FINDER)
