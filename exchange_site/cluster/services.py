"""Programs that `run_cluster` starts beside ours, from the packages of the system: each on a private port of loopback,
with what it keeps in a folder of its own. Nothing here is for production.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 60.0
"""Seconds that a busy machine may take to start one of them."""
POSTGRES_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
"""Debian keeps PostgreSQL's programs there, the newest first."""

NGINX = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
SITE = """
map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
upstream gateways {{ {servers} }}
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://gateways;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_read_timeout 1h;
    }}
}}
"""


class Missing(Exception):
    """A program is not installed; says which package has it."""


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A process of ours. It does not get the terminal's Ctrl-C: it is ended in its turn. Its log is in `folder`."""

    def __init__(
        self, name: str, words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        owner: dict[str, Any] = _owner_of(folder)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # words of ours
                words,
                env=None if environment is None else {**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **owner,
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self, wish: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and insist if it does not."""
        if not self.has_ended:
            self._process.send_signal(wish)
        try:
            self._process.wait(PATIENCE / 4)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_for(self, port: int) -> None:
        """Until it listens. Whoever cannot wait for that leaves nothing behind."""
        try:
            self._wait_for(port)
        except BaseException:
            self.end()
            raise

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self.has_ended or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.05)


def _owner_of(folder: Path) -> dict[str, object]:
    """Root's children run as whoever the folder belongs to."""
    owner = folder.stat().st_uid
    if os.getuid() != 0 or owner == 0:
        return {}
    return {"user": owner, "group": folder.stat().st_gid, "extra_groups": []}


def start_redis(folder: Path, port: int) -> Child:
    """It keeps nothing: what matters is in the database."""
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("redis-server is not installed (Debian: apt install redis-server)")
    words = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    child = Child("redis", words, folder)
    child.wait_for(port)
    return child


def start_postgres(folder: Path, port: int) -> tuple[Child, str]:
    """A fresh cluster, without a password, for loopback. Also the address of its database."""
    programs = next((each for each in POSTGRES_FOLDERS if (each / "initdb").exists()), None)
    if programs is None:
        raise Missing("PostgreSQL is not installed (Debian: apt install postgresql)")
    own = folder / "postgres"
    own.mkdir()
    if os.getuid() == 0:  # it refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(own, owner.pw_uid, owner.pw_gid)
        folder.chmod(0o711)
    user = pwd.getpwuid(own.stat().st_uid).pw_name
    data = str(own / "data")
    words = [str(programs / "initdb"), "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--no-locale"]
    as_owner: dict[str, Any] = _owner_of(own)
    subprocess.run(words, cwd=own, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE, **as_owner)  # noqa: S603  # ours
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    child = Child("postgres", [str(programs / "postgres"), "-D", data, *options], own)
    child.wait_for(port)
    return child, f"postgres://{user}@127.0.0.1:{port}/postgres"


def nginx_words(folder: Path, site: str) -> list[str] | None:
    """Set nginx up for a site, with all that it writes in `folder`, and what starts it; None where it is missing."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        return None
    user = "user root;" if os.getuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(user=user, folder=folder, site=site))
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(config)]


def start_nginx(folder: Path, port: int, gateways: Sequence[int]) -> Child | None:
    """In front of the gateways, each connection to the next one; None where there is no nginx."""
    servers = " ".join(f"server 127.0.0.1:{each};" for each in gateways)
    words = nginx_words(folder, SITE.format(servers=servers, port=port))
    if words is None:
        return None
    child = Child("nginx", words, folder)
    child.wait_for(port)
    return child
