"""The example of the README runs as it stands there, against a live server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import PATIENCE, ROOT, Server

pytestmark = pytest.mark.slow

PACKAGES = (ROOT / "clients/vnpy_bourse", ROOT / "clients/python")
CANCEL = """
def waits(*statuses):
    orders = main.get_all_orders()
    return not orders or orders[-1].status.name in statuses
while waits("SUBMITTING"): time.sleep(0.01)
main.cancel_order(main.get_all_orders()[-1].create_cancel_request(), "BOURSE")
while waits("NOTTRADED"): time.sleep(0.01)
main.close()
"""
"""It runs until somebody ends it; here it takes its order back and ends."""


def test_the_example_runs(new_server: Callable[..., Server], tmp_path: Path) -> None:
    server = new_server()
    text = (PACKAGES[0] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(list(filter(None, example.splitlines()))) <= 12
    program = example.replace("http://localhost:8081", server.http).replace("TOKEN", server.token("user001"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program + CANCEL],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(map(str, PACKAGES))},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^[A-Z]+$", done.stdout, flags=re.MULTILINE) == ["SUBMITTING", "NOTTRADED", "CANCELLED"]
