"""The examples of the documents run as they stand there, against a live server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import PATIENCE, ROOT, Server

pytestmark = pytest.mark.long

README = ROOT / "clients/ccxt_bourse/README.md"
GUIDE = ROOT / "docs/ccxt.md"
SAID = {
    README: [
        "open True canceled",
        "{'CNY': 10000000.0} ['IX2301/CNY:CNY']",
        "10000000.0 open canceled",
        "ok",
    ],
    GUIDE: ["open 110.0 2.0 [[110.0, 2.0]] canceled"],
}


def examples(document: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("document", "number"), [(document, number) for document in SAID for number in range(len(SAID[document]))]
)
def test_an_example_runs(server: Server, tmp_path: Path, document: Path, number: int) -> None:
    assert len(examples(document)) == len(SAID[document])
    program = examples(document)[number].replace("localhost:8081", server.http.removeprefix("http://"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program.replace("TOKEN", server.token("user001"))],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(README.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert " ".join(done.stdout.split()) == SAID[document][number]
