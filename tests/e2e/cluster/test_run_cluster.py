"""`manage.py run_cluster`: one command starts all of it, and Ctrl-C ends all of it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.e2e.client import Client
from tests.e2e.server import PATIENCE, ROOT, environment_of
from tests.processes import end_with_parent, free_port
from tests.services import Postgres, Redis

pytestmark = pytest.mark.long


@pytest.fixture
def folder() -> Iterator[Path]:
    """PostgreSQL, which does not run as root, must get through it."""
    made = Path(tempfile.mkdtemp(prefix="bourse-tests-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def running(
    folder: Path, tmp_path: Path, postgres: Postgres, redis: Redis, further: list[str]
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`postgres` and `redis`: only where they are installed."""
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "manage.py",
            "run_cluster",
            "--port",
            str(port),
            *(word for code in further for word in ("--market", code)),
            *([] if further else ["--bots"]),
        ],
        cwd=ROOT,
        env=environment_of(tmp_path, {"TMPDIR": str(folder)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=end_with_parent,
    )
    yield process, port
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("further", [[], ["CFFEX"]])
def test_people_trade_on_it_and_nothing_is_left_of_it(
    running: tuple[subprocess.Popen[str], int], folder: Path, further: list[str]
) -> None:
    process, port = running
    assert process.stdout is not None
    heard = ""
    while "Ctrl-C ends everything" not in heard:
        line = process.stdout.readline()
        assert line, heard
        heard += line
    tokens = dict(re.findall(r"(user\d+)   (\w+)", heard))
    url = f"ws://127.0.0.1:{port}/ws"
    with Client(url, "user001", tokens["user001"]) as one, Client(url, "user002", tokens["user002"]) as two:
        if further:
            assert one.order("BUY", 1, 115)["success"] and two.order("SELL", 1, 115)["success"]
            assert one.until("trade")["trade_id"] == two.until("trade")["trade_id"]
        else:  # with bots, who have traded before and trade now
            assert one.ask("query_bars", instrument_id="IX2301")["data"]["bars"]
            one.ask("subscribe", channels=["ticker"], instruments=["IX2301"])
            one.until("ticker")
        for code in further:
            name = f"{code}2301"
            assert one.order("BUY", 1, 5_000, instrument_id=name)["success"]
            assert two.order("SELL", 1, 5_000, instrument_id=name)["success"]
            office = f"http://127.0.0.1:{port}/at/{code}/admin/login/"
            assert office.replace("127.0.0.1", "localhost").removesuffix("login/") in heard
            with urlopen(office, timeout=PATIENCE) as answer:
                assert f'class="market">{code}' in answer.read().decode()
    told = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    children = told.split()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert not list(folder.glob("bourse-cluster-*"))
    bots = 0 if further else 1
    assert len(children) == 7 + 2 * len(further) + bots
    assert not any(Path(f"/proc/{child}").exists() for child in children)
