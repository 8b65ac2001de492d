"""The command `bourse`: the client, for a terminal and for scripts. It knows the exchange through the client alone."""

import sys


def run() -> None:
    """What the installed command does."""
    try:
        from bourse_client.command_line.main import main
    except ModuleNotFoundError as missing:
        sys.exit(f"bourse: {missing.name} is missing: install bourse-client[cli]")
    sys.exit(main())
