"""What every program that a test starts needs: a port of its own, and an end when the test ends."""

import ctypes
import signal
import socket

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent() -> None:
    """Runs in the child: the kernel kills it when its parent dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
