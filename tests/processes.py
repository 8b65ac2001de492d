"""What every program that a test starts needs: a port of its own, and an end when the test ends."""

import ctypes
import fcntl
import os
import signal
import socket
import tempfile
from pathlib import Path

PORTS = range(18_000, 32_000)
PORTS_FILE = Path(tempfile.gettempdir()) / f"bourse-ports-{os.getuid()}"
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """A loopback port that nobody listens on. All tests of this machine's user take turns in one range, below the ports
    that the system gives to outgoing connections: what is free now is still free when the server binds it."""
    with PORTS_FILE.open("a+") as turns:
        fcntl.flock(turns, fcntl.LOCK_EX)
        turns.seek(0)
        port = int(turns.read() or PORTS[0])
        while not _is_free(port := port + 1 if port + 1 in PORTS else PORTS[0]):
            pass
        turns.truncate(0)
        turns.write(str(port))
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def end_with_parent() -> None:
    """Runs in the child: the kernel kills it when its parent dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def processor_seconds(pid: int) -> float:
    """That a process has taken since it began, user and system, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
