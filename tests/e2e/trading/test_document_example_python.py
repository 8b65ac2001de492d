"""The complete Python example of the protocol document: only URL, user and token are filled in, and it trades."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.client import signed_in
from tests.e2e.server import PATIENCE, ROOT, Server, environment_of

DOCUMENT = Path(os.environ.get("BOURSE_PROTOCOL_DOC") or ROOT.parent / "shared" / "websocket-protocol-v1.md")

pytestmark = pytest.mark.skipif(
    not DOCUMENT.is_file(), reason=f"no protocol document at {DOCUMENT}: set BOURSE_PROTOCOL_DOC to its path"
)


def python_example(heading: str) -> str:
    """The code under a heading of the document."""
    _, found, rest = DOCUMENT.read_text(encoding="utf-8").partition(f"\n### {heading}\n")
    assert found, f"the document has no part {heading}"
    code = re.search(r"```python\n(.*?)```", rest, re.DOTALL)
    assert code, f"{heading} has no Python"
    return code[1]


def filled_in(code: str, **values: str) -> str:
    """The code with these texts replaced, each of which it must contain."""
    for old, new in {"ws://localhost:8081/ws": values["url"], "your_token": values["token"]}.items():
        assert old in code
        code = code.replace(old, new)
    return code.replace("user001", values["user_id"])


@contextmanager
def run_example(path: Path) -> Iterator[subprocess.Popen[str]]:
    """The example as a process that is killed when it takes too long, and at the end in any case."""
    with subprocess.Popen(
        [sys.executable, str(path)],
        env=environment_of(path.parent),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as example:
        alarm = threading.Timer(PATIENCE, example.kill)
        alarm.start()
        try:
            yield example
        finally:
            alarm.cancel()
            example.kill()


def lines_until(example: subprocess.Popen[str], phrase: str) -> list[str]:
    """Its lines as far as the one with the phrase."""
    assert example.stdout
    lines = []
    for line in example.stdout:
        lines.append(line)
        assert "未认证，无法下单" not in line, "this machine is too busy for an example that waits two seconds"
        if phrase in line:
            return lines
    raise AssertionError(f"the example ended without {phrase!r}:\n{''.join(lines)}")


def test_the_complete_example_trades(new_server: Callable[..., Server], tmp_path: Path) -> None:
    server = new_server()
    script = tmp_path / "example.py"
    code = filled_in(python_example("Python 完整示例"), url=server.ws, user_id="user001", token=server.token("user001"))
    script.write_text(code, encoding="utf-8")
    with signed_in(server, "user002") as counterpart, run_example(script) as example:
        assert example.stdin and example.stdout
        lines = lines_until(example, "订单状态: Submitted")
        assert any("认证成功" in line for line in lines)
        assert any("subscribe_response" in line and "True" in line for line in lines)
        sold = counterpart.order("SELL", 10, 120.0)
        assert sold["success"]
        assert lines_until(example, "成交:")[-1] == "成交: BUY 10.0手 @120.0\n"
        lines_until(example, "订单状态: Filled")
        counterpart.until("order_status", order_id=sold["order_id"], status="Filled")
        said, _ = example.communicate("\n", timeout=PATIENCE)
    assert example.returncode == 0
    assert "Traceback" not in said


def test_the_short_example_connects(server: Server, tmp_path: Path) -> None:
    script = tmp_path / "short.py"
    code = filled_in(python_example("Python 连接示例"), url=server.ws, user_id="user001", token=server.token("user001"))
    script.write_text(code, encoding="utf-8")
    with run_example(script) as example:
        lines = lines_until(example, "auth_response")
    assert lines[0] == "WebSocket 已连接\n"
    assert "'success': True" in lines[1]
