"""Does the model find faults? Each of `faults.py` is made in a copy of the core, and the histories of `make test` are
played against it: one of them has to part.

    python -m tests.core.model.mutants

Exit code 1 when a fault survives, or is none any more: its text is gone from the file.
"""

import argparse
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.core.model.faults import FAULTS, Fault
from tests.core.model.hunt import BOUNDED

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 300
"""The most of the processor that one fault may take, several times what is needed; a loop that does not end is found,
too. (Time on the clock would tell how busy the machine is.)"""

NEEDED = (
    *("trading/__init__.py", "trading/compiled", "tests/__init__.py", "tests/core/__init__.py"),
    *("trading/core", "tests/core/model"),
)
"""What the histories need, and nothing else."""


NO_FAULT = Fault("__init__.py", "", "")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=[""], help="faults whose file or text has one of these in it")
    only = parser.parse_args().only
    chosen = [fault for fault in FAULTS if any(each in fault.file or each in fault.old for each in only)]
    if tried(NO_FAULT) != "SURVIVED":
        print("The histories part without any fault: mend that first.")
        return 1
    bad = 0
    for fault in chosen:
        how = tried(fault)
        bad += not how.startswith("found")
        print(f"{how:<40} {fault.file}: {fault.new.strip()[:70]!r}", flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} faults were found")
    return min(bad, 1)


def tried(fault: Fault) -> str:
    """Make the fault in a copy, and play. In one line, what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in NEEDED:
            copied(ROOT / name, Path(folder) / name)
        path = Path(folder) / "trading/core" / fault.file
        text = path.read_text()
        if fault is not NO_FAULT and text.count(fault.old) != 1:
            return f"NO FAULT: its text is there {text.count(fault.old)} times"
        path.write_text(text.replace(fault.old, fault.new))
        command = [sys.executable, "-m", "tests.core.model.hunt", "--brief", "--histories", str(BOUNDED)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, preexec_fn=bounded)
    if done.returncode == -signal.SIGXCPU:
        return "found: no end"
    if done.returncode == 0:
        return "SURVIVED"
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if not done.stdout.startswith("history"):
        return f"NO FAULT: {said[-1][:60]}"
    return "found in " + said[0].split(":")[0]


def bounded() -> None:
    """For the process that plays."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))


def copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    raise SystemExit(main())
