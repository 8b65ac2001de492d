"""The programs of the tests that `make` calls begin by themselves, without pytest and what it sets up."""

import os
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from exchange_site.port import Unusable, hold_free

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = sorted(set(re.findall(r"-m (tests[\w.]*)", (ROOT / "Makefile").read_text())))


def test_there_are_some() -> None:
    assert {"tests.bench", "tests.chaos.kill", "tests.attack"} <= set(PROGRAMS)


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_can_be_begun(program: str) -> None:
    spec = find_spec(program)
    assert spec is not None
    module = f"{program}.__main__" if spec.submodule_search_locations else program
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    begun = subprocess.run(
        [sys.executable, "-c", f"import importlib; importlib.import_module({module!r})"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert begun.returncode == 0, begun.stderr


@pytest.mark.parametrize("target", ["run", "cluster"])
@pytest.mark.parametrize("port", ["abc", "99999", "0", "-1", "", "80 81", "٣٤"])
def test_a_port_that_is_none_is_one_plain_line(tmp_path: Path, target: str, port: str) -> None:
    without_make = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS")}
    begun = subprocess.run(
        ["make", "-o", "setup", target, f"PORT={port}"],
        cwd=ROOT,
        env={**without_make, "DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert begun.returncode != 0 and not (tmp_path / "data").exists()
    said, made = begun.stderr.strip().splitlines()
    assert said == f"PORT={port} is no port: choose a number from 1 to 65535, as in make run PORT=9000"
    assert made.startswith("make: ***")


def test_a_second_market_on_one_port_touches_nothing(tmp_path: Path) -> None:
    """Its tokens would take the place of the first one's, and its bots their connections."""
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        begun = subprocess.run(
            ["make", "-o", "setup", "run", f"PORT={port}"],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(data)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert begun.returncode != 0 and f"Something serves on port {port} already" in begun.stderr
    assert not data.exists() and "token" not in begun.stdout.lower()


@pytest.mark.parametrize("command", ["make run", "make cluster"])
@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")],
)
def test_a_port_is_taken_over_ipv4_and_over_ipv6(command: str, family: int, address: str) -> None:
    """A browser that is told `localhost` may try either."""
    try:
        other = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with other:
        port = other.getsockname()[1]
        with pytest.raises(Unusable, match=f"Something serves on port {port} already.*{command} PORT="):
            hold_free(port, command)
    hold_free(port, command)


def test_a_port_that_somebody_holds_is_not_ours() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(Unusable, match="Something holds port"):
            hold_free(other.getsockname()[1], "make run")
