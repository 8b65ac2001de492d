"""`python -m bourse_client` is the command `bourse`."""

from bourse_client.command_line import run

run()
