"""`make compiled`: machine code of the core, by mypyc, into the folder where `trading.compiled.form` looks for it.

Needs a C compiler, Python's headers, and what requirements-compile.txt names. Without them it says what is missing,
ends with status 1, and nothing is different.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from trading.compiled.form import MADE, ROOT, key

MODULES = (
    *("engine", "state", "orders", "instruments", "accounts", "money", "matching/book", "matching/stops"),
    *("rules/orders", "rules/checks", "rules/foresight", "rules/execution"),
)
"""What an order passes. Compiled code holds the interpreter until it calls some of Python: so the rules that go through
all accounts or all orders at once stay as they are, and other threads get their turn there. As they are stay modules
that define a `Struct`, too: msgspec looks at annotations and options that mypyc does not keep."""
LIBRARY = "bourse_core"
"""Begins the name of the module that all compiled ones share."""


def missing(packages: Sequence[str] = ("mypyc", "setuptools")) -> str | None:
    """What this machine lacks to compile, and where it is to be had."""
    if lacking := [name for name in packages if find_spec(name) is None]:
        return f"there is no {' and no '.join(lacking)} (pip install -r requirements-compile.txt)"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))
    if shutil.which(compiler[0]) is None:
        return f"there is no C compiler, {compiler[0]} (on Debian: apt-get install gcc libc6-dev python3-dev)"
    folders = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
    looked = subprocess.run(
        [*compiler, *(f"-I{folder}" for folder in folders), "-E", "-"],
        input=b"#include <Python.h>",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if looked.returncode:
        return "there are no headers of Python or of C (on Debian: apt-get install libc6-dev python3-dev)"
    return None


def build(scratch: Path) -> Path:
    """The folder with the libraries. CalledProcessError: the compiler does not like the source, and has said why."""
    names = [f"trading/core/{name}.py" for name in MODULES]
    program = (
        "from setuptools import setup; from mypyc.build import mypycify; "
        f"setup(name='bourse-core', packages=[], py_modules=[], ext_modules=mypycify({['--config-file=', *names]!r}, "
        f"group_name={LIBRARY!r}, target_dir={str(scratch / 'c')!r}))"
    )
    made = scratch / "made"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, "-q", "build_ext", "-b", str(made), "-t", str(scratch / "o")],
        cwd=ROOT,
        env={**os.environ, "COMPILED": "off"},
        check=True,
    )
    return made


def main(shelf: Path = MADE) -> str | None:
    """Compile, and forget what was made before. What went wrong, if anything did."""
    folder = shelf / key()
    if folder.is_dir():
        print(f"The core is compiled already, in {folder}")
        return None
    if lacking := missing():
        return f"The core is not compiled, and runs from its source: {lacking}."
    print("Compiling the core; this takes a minute ...", flush=True)
    shelf.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shelf) as scratch:
        try:
            made = build(Path(scratch))
        except subprocess.CalledProcessError:
            return "The core could not be compiled, for the reason above; it runs from its source."
        if key() != folder.name:
            return "The core's source has changed meanwhile: what was made of it is not kept."
        for other in shelf.iterdir():
            if other != Path(scratch):
                shutil.rmtree(other)
        made.rename(folder)
    print(f"The compiled core is in {folder}")
    return None


if __name__ == "__main__":
    sys.exit(main())
