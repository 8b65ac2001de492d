"""The examples of the package's README run as they stand there, against a live server."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.e2e.server import PATIENCE, ROOT, Server

pytestmark = pytest.mark.slow

PACKAGE = ROOT / "clients/python"
EXAMPLES = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
SAYS = [
    r"O\d{20} Submitted\nCancelled\n",
    r"[\d.]+ \{\}\n1 cancelled\n",
    r"(None|[\d.]+) (None|[\d.]+) \[.*\] \[.*\]\n",
    r"Submitted [\d.]+\nCancelled\n",
    r"choose another price: .*\n",
]


@pytest.mark.parametrize(("text", "says"), list(zip(EXAMPLES, SAYS, strict=True)))
def test_an_example_runs(server: Server, text: str, says: str) -> None:
    assert len(list(filter(None, text.splitlines()))) <= 10
    program = text.replace("http://localhost:8081", server.http).replace("TOKEN", server.token("user001"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0 and re.fullmatch(says, done.stdout), done.stdout + done.stderr
