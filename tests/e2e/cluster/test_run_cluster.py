"""`manage.py run_cluster`: one command starts all of it, and Ctrl-C ends all of it."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.core.management import CommandError, call_command

from exchange_site.cluster import services
from exchange_site.cluster.management.commands.run_cluster import ENDING, _interrupt
from exchange_site.cluster.management.commands.run_cluster import Cluster as RunCluster
from tests.e2e.client import Client
from tests.e2e.server import PATIENCE, ROOT, environment_of
from tests.processes import end_with_parent, free_port
from tests.services import Postgres, Redis


def with_a_terminal() -> None:
    """What it would do at one, wherever the suite runs: `nohup` has all ignore SIGHUP."""
    end_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
        preexec_fn=with_a_terminal,
    )
    yield process, port
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.long
@pytest.mark.parametrize(("further", "ending"), [([], (signal.SIGINT, signal.SIGINT)), (["CFFEX"], (signal.SIGHUP,))])
def test_people_trade_on_it_and_nothing_is_left_of_it(
    running: tuple[subprocess.Popen[str], int], folder: Path, further: list[str], ending: tuple[signal.Signals, ...]
) -> None:
    """Who presses Ctrl-C twice, or closes the terminal, leaves nothing behind, too."""
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
    for wish in ending:
        process.send_signal(wish)
    assert process.stdout.read() == "Ending everything ...\n"
    assert process.wait(PATIENCE) == 0
    assert not list(folder.glob("bourse-cluster-*"))
    bots = 0 if further else 1
    assert len(children) == 7 + 2 * len(further) + bots
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    """Or the addresses that it prints would be those of another program."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Something serves on port {port} already"):
            call_command("run_cluster", port=port)
    with pytest.raises(CommandError, match="PORT=65536 is no port"):
        call_command("run_cluster", port=65_536)


def test_who_cannot_wait_for_a_program_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else would: it is not yet among those that are ended."""
    monkeypatch.setattr(services, "PATIENCE", 0.0)
    child = services.Child("deaf", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path)
    with pytest.raises(RuntimeError, match="deaf does not start"):
        child.wait_for(free_port())
    assert child.has_ended


class Slow:
    """A program that Ctrl-C is pressed again for while it ends."""

    name = "postgres"
    is_there = True

    def end(self, wish: signal.Signals) -> None:
        for wish in ENDING:
            signal.raise_signal(wish)
        self.is_there = False


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "failed"])
def test_who_asks_again_while_it_ends_leaves_nothing_behind(tmp_path: Path, asked: bool) -> None:
    before = {wish: signal.getsignal(wish) for wish in ENDING}
    cluster, children = RunCluster(tmp_path, 1, print), [Slow(), Slow()]
    cluster._children += children  # type: ignore[arg-type]  # what ends like one
    for wish in ENDING:
        signal.signal(wish, _interrupt)
    try:
        if asked:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        cluster.end()
    finally:
        for wish, handler in before.items():
            signal.signal(wish, handler)
    assert not any(child.is_there for child in children)
