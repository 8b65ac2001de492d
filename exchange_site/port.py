"""`python -m exchange_site.port PORT make run`: whether a server may listen there. One rule for `make run` and
`make cluster`: nobody serves on that port of this machine, neither over IPv4 nor over IPv6 (a browser that is told
`localhost` may try either), and the system lets us listen. Needs no settings.
"""

import errno
import socket
import sys

HIGHEST = 65_535
BOTH = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
"""What localhost is."""


class Unusable(Exception):
    """A port is none, or is not ours to listen on; says why, and what to do."""


def number_of(text: str) -> int:
    """Raises Unusable."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST)) and 0 < int(text) <= HIGHEST:
        return int(text)
    raise Unusable(f"PORT={text} is no port: choose a number from 1 to {HIGHEST}, as in make run PORT=9000")


def hold_free(port: int, command: str) -> None:
    """Raises Unusable unless we may listen there. `command`: of whom another port is to be chosen."""
    advice = f"choose another port, as in {command} PORT=9000"
    if any(_serves(family, address, port) for family, address in BOTH):
        raise Unusable(f"Something serves on port {port} already: end it, or {advice}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one of before that has ended is no listener
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Unusable(f"Something holds port {port} already: end it, or {advice}") from error
            raise Unusable(f"Port {port} cannot be used ({error.strerror}): {advice}") from error


def _serves(family: int, address: str, port: int) -> bool:
    """Where a machine has no such family, nobody does."""
    try:
        with socket.socket(family) as caller:
            return caller.connect_ex((address, port)) == 0
    except OSError:
        return False


if __name__ == "__main__":
    try:
        hold_free(number_of(sys.argv[1]), " ".join(sys.argv[2:]))
    except Unusable as unusable:
        sys.exit(str(unusable))
