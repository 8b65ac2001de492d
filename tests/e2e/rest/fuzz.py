"""REST tried by its OpenAPI document: every operation with what it should take and what it should not, and one after
another by their links. `python -m tests.e2e.rest.fuzz --seed 7 --examples 200` for as long as that takes."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.server import Market, Server

CONFIG = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")


def try_rest(server: Server, folder: Path, *options: str, timeout: float | None = None) -> tuple[bool, str]:
    """Whether nothing was found, and what the program said. It writes into the folder."""
    command = [str(PROGRAM), "--config-file", str(CONFIG), "run", f"{server.http}/api/schema/?format=json"]
    token = server.market.tokens["user001"]
    done = subprocess.run(
        [*command, "--header", f"Authorization: Bearer {token}", "--no-color", *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bourse-rest-") as name:
        server = Server(Market.seeded(Path(name) / "market"))
        server.start()
        try:
            options = ("--seed", str(arguments.seed), "--max-examples", str(arguments.examples))
            fine, said = try_rest(server, Path(name), *options)
        finally:
            server.stop()
    print(said)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
