"""The demo files of the installed tqsdk, as they are, in a market with bots. Each runs until it has said what it can
say only with right data.

Most of them trade with TqSim, the simulator inside tqsdk, which fills at our quotes: what is ours there is the market
data. They run until they are stopped, or end by themselves.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import websocket

from tests.diff.test_strategy import addresses
from tests.e2e.client import Client, signed_in
from tests.e2e.cluster.making import Cluster, OneOfMany
from tests.e2e.server import PATIENCE, PATIENT, ROOT, Market, Server, environment_of
from tests.processes import end_with_parent
from tests.services import Postgres, new_redis

_SPEC = find_spec("tqsdk")
DEMO = Path(_SPEC.origin).parent / "demo" if _SPEC and _SPEC.origin else Path("nowhere")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not DEMO.is_dir(), reason="tqsdk is not installed, or has no demo files"),
]
FILLED = "全部成交"
PRICE = r"\d+\.\d+"

ENDS = {
    "tutorial/t10.py": [rf"^20\d\d-\d\d-\d\d \S+ {PRICE}$"],
    "tutorial/t41.py": [r"SHFE\.ni2206.*OPEN.*BUY", FILLED, "已开仓", "CLOSETODAY.*SELL", FILLED, "已平今"],
    "tutorial/t52.py": [
        r"^\['SHFE\.au2006', 'SHFE\.au2012'\]$",
        r"^\['SHFE\.au2006', 'SHFE\.au2012', 'SHFE\.cu1910'\]$",
        r"^\['SHFE\.ag2506', .*'SHFE\.rb2105'\]$",  # those with a night
    ],
    "tutorial/t53.py": [r"^\[\]$"] * 3,
    "ta.py": ["K线时间 20", r"SHFE\.cu1910", "ATR", "BOLL", "MACD", "SAR", rf"^2999 +{PRICE}"],
}
"""They end by themselves; patterns of what they print, in this order."""

RUN_ON = {
    "tutorial/t20.py": [rf"^20\S+ \S+ {PRICE} {PRICE} {PRICE}$", "行情变化", rf"盘口变化 {PRICE} \d+ {PRICE} \d+"],
    "tutorial/t30.py": ["^20", "tick变化", r"DCE\.i2209", "新K线 20"],
    "tutorial/t40.py": [r"DCE\.m2105.*OPEN.*BUY.*手数: 5, 价格: 2750", rf"可用资金: {PRICE}"],
    "tutorial/t60.py": [rf"最新价 {PRICE} MA {PRICE}"],
    "tutorial/t70.py": [rf"最新价 {PRICE} MA {PRICE}", "目标", r"DCE\.m2207.*OPEN.*BUY", FILLED],
    "tutorial/t71.py": ["目标持仓"],
    "tutorial/t80.py": [r"当前价差: [23]\d\d\.", "空近月，多远月", FILLED, FILLED],
    "example/aberration.py": [rf"中轨：{PRICE}，上轨为:{PRICE}，下轨为:{PRICE}", "最新价"],
    "example/dualthrust.py": [rf"当前开盘价: {PRICE}, 上轨: {PRICE}, 下轨: {PRICE}", "上轨|下轨"],
    "example/escalator.py": [rf"慢速均线为{PRICE},快速均线为{PRICE}", rf"{PRICE}"],
    "example/fairy_four_price.py": [rf"上轨: {PRICE} ,下轨: {PRICE} ,昨日收盘价: {PRICE}", rf"当前最新价 {PRICE}"],
    "example/gridtrading.py": ["策略开始运行", "进入: 多头第 2 档", r"DCE\.jd2011.*OPEN.*BUY", FILLED],
    "example/gridtrading_async.py": ["起始价位: 4247", "开仓 1 手", r"DCE\.jd2011.*OPEN.*BUY", FILLED],
    "example/momentum.py": ["策略开始启动"],
    "example/rbreaker.py": [rf"枢轴点: {PRICE}, 突破买入价: {PRICE}", rf"最新价: +{PRICE}"],
    "example/rbreaker2.py": [rf"枢轴点: {PRICE}, 突破买入价: {PRICE}", rf"最新价: {PRICE}"],
}
"""They run until they are stopped."""

WITH_KQ = {
    "example/iceberg_algorithm.py": ["冰山算法启动", r"当前进度: \d+/100"],
    "example/handicap_algorithm.py": ["盘口算法启动", r"下单: \d+手", r"本轮成交: \d+手"],
    "example/pov.py": ["POV算法启动", r"市场成交量: \d+ -> \d+手", r"本轮成交: \d+手"],
}
"""They trade with the account that the sign-in gives. Of each file two words are others: the name and the password that
stand in it for those of its reader. They end when so many lots are traded, which is a matter of the market."""

DRAW = {
    "tutorial/t90.py": ("SHFE.rb2105", 5, "ma_MAIN"),
    "tutorial/t91.py": ("SHFE.rb2105", 86400, "ma_B2"),
    "tutorial/t92.py": ("SHFE.rb2105", 300, "信号1"),
    "tutorial/t93.py": ("SHFE.rb2105", 60, "信号1"),
    "tutorial/t94.py": ("SHFE.rb2104", 86400, "rb2105"),
    "tutorial/t95.py": ("CFFEX.T2103", 10, "my_line"),
    "tutorial/t96.py": ("SHFE.rb2105", 300, "MACD"),
}
"""They show a page with a chart: its instrument, the seconds of its bars, and what is drawn into it."""


AT_A_CLUSTER = ["tutorial/t30.py", "tutorial/t70.py", "tutorial/t80.py", "example/rbreaker.py"]
"""Of those that run on: quotes, ticks, bars of minutes and days, and TargetPosTask."""


@contextmanager
def with_bots(server: Server) -> Iterator[Server]:
    """A market with the instruments of the files, and bots in it. The server was not started yet."""
    server.manage("shell", "--verbosity", "0", "-c", "from tests.diff.demo_world import make; make()")
    server.start()
    words = ["--url", server.ws, "--makers", "2", "--takers", "3", "--speed", "3", "--seed", "7"]
    with (server.market.folder / "bots.log").open("wb") as log:
        bots = subprocess.Popen(
            [sys.executable, "manage.py", "run_bots", *words],
            cwd=ROOT,
            env=environment_of(server.market.folder, server.extra),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent,
        )
    try:
        yield server
    finally:
        bots.kill()
        bots.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(Market.empty(tmp_path_factory.mktemp("demo")), extra=PATIENT)
    try:
        with with_bots(server):
            yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def one_of_many(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Server]:
    """A cluster: market data come from one gateway, and trading is at the other."""
    url, store = postgres.url(postgres.create()), new_redis()
    cluster = Cluster(Market.empty(tmp_path_factory.mktemp("demo"), url), url, store).with_standby()
    try:
        with with_bots(OneOfMany(cluster)) as server:
            yield server
    finally:
        cluster.stop()
        store.remove()


def orders_of(looker: Client) -> set[str]:
    """Ids of a user's last orders."""
    return {order["order_id"] for order in looker.ask("query_orders", limit=200)["data"]["orders"]}


class Program:
    """A demo file that runs. It ends with the block, or when it hangs."""

    def __init__(self, server: Server, name: str, folder: Path, text: str | None = None) -> None:
        self.heard: list[str] = []
        what = [str(DEMO / name)] if text is None else ["-c", text]
        extra = {**addresses(server), "HOME": str(folder), "TZ": "Asia/Shanghai"}
        self._process = subprocess.Popen(
            [sys.executable, *what],
            cwd=folder,
            env=environment_of(server.market.folder, extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=end_with_parent,
        )
        self._bound = Timer(5 * PATIENCE, self._process.kill)

    def __enter__(self) -> Program:
        self._bound.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bound.cancel()
        self._process.kill()
        self._process.communicate()

    def until(self, patterns: list[str]) -> re.Match[str]:
        """Read until each has come, one after the other; the last match. The same line may have several of them."""
        found = None
        for pattern in patterns:
            found = next((match for line in self._lines() if (match := re.search(pattern, line))), None)
            assert found is not None, f"{pattern} did not come:\n{self}"
        assert found is not None
        return found

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.heard.append(line)
            yield line.rstrip("\n")

    def ended(self) -> int:
        """How it ended, when it has."""
        for _ in self._lines():
            pass
        return self._process.wait()

    def __str__(self) -> str:
        return "".join(self.heard)


@pytest.mark.parametrize("name", ENDS)
def test_a_file_runs_to_its_end(server: Server, name: str, tmp_path: Path) -> None:
    with Program(server, name, tmp_path) as program:
        program.until(ENDS[name])
        assert program.ended() == 0, str(program)
    assert "Traceback" not in str(program)


@pytest.mark.parametrize("name", RUN_ON)
def test_a_file_does_what_it_is_for(server: Server, name: str, tmp_path: Path) -> None:
    with Program(server, name, tmp_path) as program:
        program.until(RUN_ON[name])
    assert "Traceback" not in str(program)


def signed(server: Server, name: str, user_id: str, password: str) -> str:
    """The file with a user's name and token in place of those two words of its reader."""
    text = (DEMO / name).read_text(encoding="utf-8-sig")
    for placeholder, own in (("快期账户", user_id), (password, server.token(user_id))):
        assert text.count(f'"{placeholder}"') == 1
        text = text.replace(f'"{placeholder}"', f'"{own}"')
    return text


@pytest.mark.parametrize("name", WITH_KQ)
def test_a_file_trades_with_the_account_of_its_sign_in(server: Server, name: str, tmp_path: Path) -> None:
    user_id = "user003"
    text = signed(server, name, user_id, "快期密码")
    with signed_in(server, user_id) as looker:
        before = orders_of(looker)
        with Program(server, name, tmp_path, text) as program:
            program.until(WITH_KQ[name])
        assert orders_of(looker) - before, "the orders are here, and not in a simulator"
    assert "Traceback" not in str(program)


def test_a_file_writes_down_the_orders_of_its_user(server: Server, tmp_path: Path) -> None:
    user_id, name = "user009", "download_orders.py"
    with signed_in(server, user_id) as looker:
        (rb,) = looker.ask("query_instruments", instrument_id="SHFE.rb2105")["data"]["instruments"]
        order = {"instrument_id": "SHFE.rb2105", "direction": "BUY", "offset": "OPEN", "order_type": "LIMIT"}
        placed = looker.ask("submit_order", **order, volume=1, price=rb["limit_down"])["order_id"]
        with Program(server, name, tmp_path, signed(server, name, user_id, "账户密码")) as program:
            assert program.ended() == 0, str(program)
    assert "Traceback" not in str(program)
    written = (tmp_path / "orders.csv").read_text().splitlines()
    assert [row for row in written if placed in row and ",SHFE,rb2105,BUY,OPEN,ALIVE,1,1," in row], written


@pytest.mark.parametrize("name", AT_A_CLUSTER)
def test_a_file_does_the_same_at_a_cluster(one_of_many: Server, name: str, tmp_path: Path) -> None:
    with Program(one_of_many, name, tmp_path) as program:
        program.until(RUN_ON[name])
    assert "Traceback" not in str(program)


@pytest.mark.parametrize("name", DRAW)
def test_a_file_draws_a_chart_of_our_bars(server: Server, name: str, tmp_path: Path) -> None:
    symbol, seconds, what = DRAW[name]
    with Program(server, name, tmp_path) as program:
        page = program.until([r"http://(127\.0\.0\.1:\d+)"])[1]
        drawn = _drawn(page, symbol, seconds, what)
    assert drawn, str(program)
    assert "Traceback" not in str(program)


def _drawn(page: str, symbol: str, seconds: int, what: str) -> list[Any]:
    """Series or shapes of this name, as the page is told of them."""
    socket = websocket.create_connection(f"ws://{page}/ws", timeout=5 * PATIENCE)
    try:
        while True:
            for diff in json.loads(socket.recv())["data"]:
                charts = diff.get("draw_chart_datas", {}).get(symbol, {})
                drawn = charts.get(str(seconds * 10**9), {})
                found = [each for each in drawn.items() if what in json.dumps(each, ensure_ascii=False)]
                if found:
                    return found
            socket.send('{"aid": "peek_message"}')
    finally:
        socket.close()
