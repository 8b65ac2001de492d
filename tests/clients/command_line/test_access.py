"""Who is signed in, where the token lies, and the endings that are about the connection."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import stat
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from bourse_client.command_line import access
from bourse_client.command_line.main import PANELS, app, main
from bourse_client.command_line.work import _too_late
from bourse_client.errors import Refused, Unavailable
from typer.testing import CliRunner

from tests.clients.command_line.conftest import INSTRUMENT, Type
from tests.clients.wire import wire
from tests.e2e.server import PATIENCE, ROOT, Server
from tests.processes import free_port

pytestmark = pytest.mark.slow

FILE = "access.json"


def sign_in(server: Server, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    """Without a terminal: the token comes from standard input."""
    (tmp_path / "token").write_bytes(f"{token}\n".encode(errors="surrogateescape"))
    with (tmp_path / "token").open() as given:
        monkeypatch.setattr(sys, "stdin", given)
        return main(["login", "--url", server.http, "--user", "user001", "--token-stdin"])


def test_a_token_is_kept_for_its_owner_alone(
    settings_folder: Path,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = server.token("user001")
    assert sign_in(server, token, monkeypatch, tmp_path) == 0
    file = settings_folder / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and token in file.read_text()
    assert list(settings_folder.iterdir()) == [file]
    assert main(["account"]) == 0
    said = capsys.readouterr()
    assert "user001" in said.out and token not in said.out + said.err
    assert token not in repr(access.current())

    file.chmod(0o640)
    assert main(["account"]) == 4 and "others can read" in capsys.readouterr().err
    file.chmod(0o600)
    assert main(["logout"]) == 0 and not file.exists()
    assert main(["account"]) == 4
    assert main(["logout", "--json"]) == 0
    assert '{"forgotten":false}' in capsys.readouterr().out


def test_a_second_user_without_a_token_is_not_left_out(types: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOURSE_TAKER_USER", "user002")
    said = types("replay", str(ROOT / "clients/python/sample_message_1.csv"), "--into", INSTRUMENT)
    assert said.code == 2 and "go together" in said.err and types("orders", "--json").out == ""


def test_a_wrong_token_is_not_kept(
    settings_folder: Path,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sign_in(server, "wrong", monkeypatch, tmp_path) == 4
    assert capsys.readouterr().err.startswith("bourse: 401 ") and not settings_folder.exists()


def read_until(terminal: int, words: str, seen: str) -> str:
    """All that has been shown by then."""
    while words not in seen:
        assert select.select([terminal], [], [], PATIENCE)[0], seen
        seen += os.read(terminal, 1024).decode()
    return seen


def test_a_token_is_not_shown_while_it_is_typed(settings_folder: Path, server: Server) -> None:
    mine, theirs = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    command = [sys.executable, "-m", "bourse_client", "login", "--url", server.http]
    with subprocess.Popen(
        command,
        cwd=ROOT / "clients/python",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,
    ) as typing:
        os.close(theirs)
        seen = read_until(mine, "User: ", "")
        os.write(mine, b"user001\n")
        seen = read_until(mine, "Token: ", seen)  # its last blank comes when the echo is off
        os.write(mine, f"{server.token('user001')}\n".encode())
        seen = read_until(mine, "is signed in", seen)
    os.close(mine)
    assert typing.returncode == 0 and "user001" in seen and server.token("user001") not in seen


def test_a_token_is_not_shown_to_another_address(settings_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access.save(access.Access("http://here.example", "user001", "secret"))
    assert access.current().token == "secret"
    monkeypatch.setenv("BOURSE_URL", "http://elsewhere.example")
    assert access.current() == access.Access("http://elsewhere.example")
    monkeypatch.setenv("BOURSE_URL", "http://here.example")
    monkeypatch.setenv("BOURSE_USER", "user002")
    assert access.current() == access.Access("http://here.example")


def test_the_environment_goes_before_the_file(types: Type, settings_folder: Path) -> None:
    assert types("account").code == 0
    access.save(access.Access("http://here.example", "user001", "secret"))
    assert types("account").code == 0


def test_the_address_that_is_offered(settings_folder: Path) -> None:
    assert access.offered({}) == access.DEFAULT_URL
    access.save(access.Access("http://here.example", "user001", "secret"))
    assert access.offered({}) == "http://here.example"
    assert access.offered({"BOURSE_URL": "http://elsewhere.example"}) == "http://elsewhere.example"
    access.access_file().write_text("{}")
    assert access.offered({}) == access.DEFAULT_URL


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_a_file_that_is_none(settings_folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = access.save(access.Access("http://here.example"))
    path.write_text(text)
    assert main(["account"]) == 4 and "sign in anew" in capsys.readouterr().err


def test_half_of_it_in_the_environment(
    settings_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOURSE_TOKEN", "secret")
    assert main(["account"]) == 2 and "BOURSE_USER" in capsys.readouterr().err
    monkeypatch.delenv("BOURSE_TOKEN")
    for wrong in ("localhost:8081", "http://[::1", "http://localhost:99999", "http://localhost:abc"):
        monkeypatch.setenv("BOURSE_URL", wrong)
        assert main(["book", INSTRUMENT]) == 2 and "is no address" in capsys.readouterr().err
    assert main(["--timeout", "nan", "book", INSTRUMENT]) == 2 and "nan is no number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--timeout", "abc", "account"], "'--timeout' (env var: 'BOURSE_TIMEOUT'): 'abc' is no number"),
        (["orders", "--most", "abc"], "'--most': 'abc' is no whole number"),
        (["orders", "--most", "0"], "'--most': 0 is not in the range x>=1."),
        (["buy", INSTRUMENT, "9" * 30], "the number of lots is 30 digits long; the most is 1,000,000,000"),
        (["buy", INSTRUMENT, "1", "@" + "9" * 400], "the price is 400 digits long; the most is 1,000,000,000"),
        (["close", INSTRUMENT, "9" * 10], "the number of lots is 10 digits long; the most is 1,000,000,000"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_before_anything_is_asked(
    settings_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    monkeypatch.setenv("BOURSE_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("BOURSE_USER", "user001")
    monkeypatch.setenv("BOURSE_TOKEN", "secret")
    monkeypatch.setenv("BOURSE_TIMEOUT", "0.2")
    assert main(words) == 2
    said = capsys.readouterr().err
    assert told in said and said.startswith("bourse: ") and said.count("\n") == 1


def test_a_name_that_is_no_text_is_said_in_one_line(
    settings_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOURSE_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("BOURSE_USER", "\udcff")
    monkeypatch.setenv("BOURSE_TOKEN", "secret")
    assert main(["account"]) == 1
    assert capsys.readouterr().err == "bourse: 400 user_id is '\\udcff', which is no text\n"


def test_a_token_that_is_none_and_a_folder_that_cannot_be(
    settings_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for token in ("\udcff\udcfe", "Schlüssel"):
        assert sign_in(server, token, monkeypatch, tmp_path) == 2
    settings_folder.write_text("a file in the way")
    assert sign_in(server, server.token("user001"), monkeypatch, tmp_path) == 2


def test_nobody_is_there(
    settings_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOURSE_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["--timeout", "0.1", "book", INSTRUMENT, "--json"]) == 3
    assert '"error":"UNREACHABLE"' in capsys.readouterr().err


async def test_an_exchange_that_takes_nothing_is_told_as_it_says_it(
    types: Type, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has answered, and nothing was done; an order that was on its way at the end may still be done."""
    assert (await asyncio.to_thread(types, "account")).code == 0
    busy = {"type": "error", "code": 503, "message": "The exchange is busy; nothing was done"}
    async with wire(server.ws) as line:
        line.told_up = lambda frame: {**frame, "type": "nonsense"} if frame["type"] in REFUSED else frame
        line.told_down = lambda frame: {**frame, **busy} if frame["type"] == "error" else frame
        monkeypatch.setenv("BOURSE_URL", line.url)
        for words, codes in ((["buy", INSTRUMENT, "1", "@119"], {1, 5}), (["orders"], {1})):
            code = await asyncio.to_thread(main, ["--timeout", "3", *words])
            said = capsys.readouterr().err
            assert code in codes and "503 The exchange is busy" in said and said.count("\n") == 1, (code, said)
            assert "no answer" not in said
        refused = {"auth"}
        line.told_up = lambda frame: {**frame, "type": "nonsense"} if frame["type"] in refused else frame
        assert await asyncio.to_thread(main, ["--timeout", "3", "orders"]) == 3
        assert "gave no connection within 3 s: 503 The exchange is busy" in capsys.readouterr().err


REFUSED = {"submit_order", "query_orders"}


class Refusing:
    """A client whose time is over."""

    def __init__(self, put_off: Refused | None, unanswered: int) -> None:
        self.put_off, self.unanswered = put_off, unanswered


@pytest.mark.parametrize(
    ("busy", "unanswered", "doubt", "ending", "told"),
    [
        (True, 0, "nobody knows", 1, "503 busy (asked again for 3 s)"),
        (True, 1, None, 1, "503 busy (asked again for 3 s)"),
        (True, 1, "nobody knows", 5, "the exchange has answered 503 busy for 3 s: nobody knows"),
        (False, 1, "nobody knows", 5, "no answer within 3 s: nobody knows"),
        (False, 0, None, 3, "no answer within 3 s"),
    ],
)
def test_what_is_known_when_the_time_is_over(
    busy: bool, unanswered: int, doubt: str | None, ending: int, told: str
) -> None:
    client: Any = Refusing(Unavailable(503, "busy") if busy else None, unanswered)
    failed = _too_late(client, 3.0, doubt)
    assert (failed.ending, failed.message) == (ending, told)


async def test_an_order_of_which_nobody_knows(
    types: Type, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exchange has taken it, and its answer does not arrive."""
    assert (await asyncio.to_thread(types, "account")).code == 0
    async with wire(server.ws) as cut:
        cut.silent_down = lambda frame: frame["type"] == "order_response"
        monkeypatch.setenv("BOURSE_URL", cut.url)
        for _ in range(10):
            words = ["--timeout", "1", "buy", INSTRUMENT, "1", "@119", "--id", "cli-lost"]
            code = await asyncio.to_thread(main, words)
            said = capsys.readouterr().err
            if code != 3:  # a busy machine may not even have connected
                break
    assert code == 5 and said.count("\n") == 1 and "--id cli-lost" in said
    for again in (False, True):
        if again:
            placed = await asyncio.to_thread(types, "buy", INSTRUMENT, "1", "@119", "--id", "cli-lost")
            assert placed.code == 0
        found = await asyncio.to_thread(types, "orders", "--json")
        assert [order["client_order_id"] for order in found.lines] == ["cli-lost"]


def test_a_question_may_be_answered(types: Type, settings_folder: Path) -> None:
    types("buy", INSTRUMENT, "1", "@119")
    no = CliRunner().invoke(app, ["cancel", "--all"], input="n\n")
    assert getattr(no.exception, "ending", None) == 2 and len(types("orders", "--json").lines) == 1
    yes = CliRunner().invoke(app, ["cancel", "--all"], input="y\n")
    assert yes.exit_code == 0 and "1 cancelled" in yes.output


@pytest.mark.parametrize("command", [each.__name__ for commands in PANELS.values() for each in commands])
def test_the_help_of_every_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert re.search(rf"^  bourse {command}", capsys.readouterr().out, re.MULTILINE)


def test_the_command_alone_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(each.__name__ in said for commands in PANELS.values() for each in commands)
    assert main(["--version"]) == 0
