"""Which exchange and which user: from the environment, or from a file that only its owner can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec
import typer

from bourse_client.command_line.endings import Ending, Failed
from bourse_client.wire.addresses import api_address

DEFAULT_URL = "http://localhost:8081"
OWNER_ONLY = 0o600


class Access(msgspec.Struct, frozen=True):
    """`user_id` and `token` are null of whoever only looks on."""

    url: str
    user_id: str | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"Access({self.url!r}, {self.user_id!r})"


def access_file() -> Path:
    """In the folder of this user's settings."""
    return Path(typer.get_app_dir("bourse")) / "access.json"


def checked_url(url: str) -> str:
    """The address without its last slash. Failed where it is none."""
    try:
        api_address(url)
    except ValueError as problem:
        raise Failed(Ending.USAGE, str(problem)) from None
    return url.rstrip("/")


def current(environment: Mapping[str, str] = os.environ) -> Access:
    """What BOURSE_URL, BOURSE_USER and BOURSE_TOKEN say, before what was saved. A token that was saved for one address
    is never shown to another."""
    saved = load() or Access(DEFAULT_URL)
    url = checked_url(environment.get("BOURSE_URL") or saved.url)
    user_id, token = environment.get("BOURSE_USER"), environment.get("BOURSE_TOKEN")
    if token and user_id:
        return Access(url, user_id, token)
    if token:
        raise Failed(Ending.USAGE, "BOURSE_TOKEN needs BOURSE_USER: whose token it is")
    if url != saved.url or (user_id and user_id != saved.user_id):
        return Access(url)
    return saved


def offered(environment: Mapping[str, str] = os.environ) -> str:
    """The address that is most likely meant: that of the environment, or the one of the last time."""
    if wished := environment.get("BOURSE_URL"):
        return wished
    try:
        saved = load()
    except Failed:  # The file is of no use, and signing in writes another.
        return DEFAULT_URL
    return saved.url if saved else DEFAULT_URL


def load() -> Access | None:
    """What `bourse login` has saved. Failed where others could read it."""
    path = access_file()
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except FileNotFoundError:
        return None
    if os.name == "posix" and mode & ~OWNER_ONLY:
        raise Failed(Ending.NOT_SIGNED_IN, f"others can read {path}: sign in anew, or chmod 600 it")
    try:
        return msgspec.json.decode(text, type=Access)
    except msgspec.MsgspecError as error:
        raise Failed(Ending.NOT_SIGNED_IN, f"{path} cannot be read: sign in anew ({error})") from error


def save(access: Access) -> Path:
    """Whole or not at all, and never readable for others. Failed where nothing can be written."""
    path = access_file()
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
            file.write(msgspec.json.encode(access))
        fresh.replace(path)
    except OSError as error:
        raise Failed(Ending.USAGE, f"{path} cannot be written: {error.strerror}") from error
    return path


def forget() -> bool:
    """Whether there was something to forget."""
    try:
        access_file().unlink()
    except FileNotFoundError:
        return False
    return True
