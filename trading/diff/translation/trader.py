"""The socket of trading: one user's orders, trades, positions and money, at all markets together."""

from functools import partial
from typing import Any

import msgspec

from trading import protocol
from trading.core.codes import Code
from trading.diff.translation import orders, portfolio
from trading.diff.translation.conversation import Conversation
from trading.diff.translation.loading import Loading, at
from trading.diff.translation.patches import Patches
from trading.diff.translation.words import (
    CancelOrder,
    ConfirmSettlement,
    InsertOrder,
    Patch,
    ReqLogin,
    Said,
    who,
)

FOLLOW_SECONDS = 1.0
"""Until what is held at a further market is looked at again: of the first the exchange tells by itself."""
MOST_EARLY = 64
"""Orders and cancels that wait for the login."""
CHANNELS = ["trade", "portfolio", "instruments"]
PRIVATE = (
    protocol.AccountUpdate | protocol.Portfolio | protocol.RiskWarning | protocol.Liquidation | protocol.PositionExpired
)
"""What is about the account as a whole."""


OF_ORDERS = protocol.OrderStatusFrame | protocol.Trade | protocol.TradeBroken | protocol.Statement
"""What is understood when all orders are known."""


class Known(msgspec.Struct):
    """An order that the client knows by its `key`."""

    key: str
    volume: int


class TraderConversation(Conversation):
    """What is told of orders and trades waits until the account and the positions after it are known: the client sees
    them change together. A client that connects again says first what it could not say before, and logs in then:
    orders and cancels wait until all there is is known."""

    def __init__(self, first: str, *further: str) -> None:
        super().__init__(first, *further)
        self._user: str | None = None
        self._account = ""
        """What the client calls the user: it looks there for what it is told."""
        self._signing = self._refused = False
        self._early: list[InsertOrder | CancelOrder] = []
        self._loaded: Loading | None = None
        self._day = 0
        self._home: str | None = None
        """The market whose trading day it is: the first, or where the user has no account there, the next by name."""
        self._known: dict[str, Known] = {}
        self._ids: dict[str, str] = {}
        self._trades: set[str] = set()
        self._positions: set[str] = set()
        """Instruments of which the client is told that nothing is held. One that it knows and is not told of after a
        new login is taken away from under the program, which looks at what it was from then on."""
        self._sent: dict[str, list[CancelOrder]] = {}
        self._money: dict[str | None, protocol.AccountData] = {}
        """The accounts, by market; None: the first."""
        self._changed: set[str | None] = set()
        """Markets where something has."""
        self._looking = self._following = False
        self._gathered, self._covered = Patches(), Patches()

    @property
    def waiting(self) -> int:
        return self.patches.nodes + self._gathered.nodes + self._covered.nodes

    # -- with the client

    def take(self, said: Said) -> None:
        match said:
            case ReqLogin():
                self._log_in(said)
            case ConfirmSettlement():
                pass
            case InsertOrder() | CancelOrder():
                if self._is_early and len(self._early) < MOST_EARLY:
                    self._early.append(said)
                else:
                    self._do(said)
            case _:
                super().take(said)

    @property
    def _is_early(self) -> bool:
        return self._loaded is not None or (self._user is None and not self._refused)

    def _do(self, said: InsertOrder | CancelOrder) -> None:
        if self._user is None or said.user_id not in (None, self._account):
            self.note("ERROR", Code.NOT_AUTHENTICATED, f"{Code.NOT_AUTHENTICATED.text}: log in first")
        elif isinstance(said, InsertOrder):
            self._insert(said)
        else:
            self._cancel(said)

    def _do_early(self) -> None:
        early, self._early = self._early, []
        for said in early:
            self._do(said)

    # -- who

    def _log_in(self, said: ReqLogin) -> None:
        if self._user is not None or self._signing:
            self.note("ERROR", Code.FORBIDDEN, f"{Code.FORBIDDEN.text}: this connection is somebody's")
            return
        self.name, token = who(said)
        self._signing, self._account = True, said.user_name
        self.ask(self._signed_in, "auth", user_id=self.name, token=token)

    def _signed_in(self, answer: Any) -> None:
        self._signing = False
        if not isinstance(answer, protocol.AuthResponse) or not answer.success:
            code = answer.code if isinstance(answer, protocol.Error) else Code.NOT_AUTHENTICATED
            self._turn_away(code, answer.message)
            return
        self._user, self._refused = answer.user_id, False
        self.note("INFO", 0, "登录成功")
        self.ask(self._subscribed, "subscribe", channels=CHANNELS)
        self._load()

    def _turn_away(self, code: int, why: str) -> None:
        self._user = self._loaded = None
        self._refused = True
        self.note("ERROR", code, f"登录失败, {why}")
        self._do_early()

    def _subscribed(self, answer: Any) -> None:
        if not isinstance(answer, protocol.SubscribeResponse) or not answer.success:
            self.note("ERROR", Code.UNAVAILABLE, answer.message)

    # -- all there is

    def _load(self) -> None:
        self.look_at_instruments()
        self._loaded = Loading(self.ask, self.markets, self._turn_away, self._loaded_all)

    def _loaded_all(self, loaded: Loading) -> None:
        """What the client knew and is not of this day any more goes; then account and positions are looked at."""
        if self._loaded is not loaded:
            return
        told_orders: dict[str, Patch] = {}
        for order in loaded.orders:
            key = self._know(order.order_id, order.client_order_id, order.volume)
            told_orders[key] = orders.kept_order(order, key, self.instruments.ids(order.instrument_id))
        self._positions |= {trade.instrument_id for trade in loaded.trades}
        gone_orders = {each.key for each in self._known.values()} - told_orders.keys()
        self._known = {id: each for id, each in self._known.items() if each.key in told_orders}
        self._ids = {each.key: id for id, each in self._known.items()}
        trades = {
            each["trade_id"]: each for each in (self._trade(trade) for trade in loaded.trades if not trade.broken)
        }
        gone_trades, self._trades = self._trades - trades.keys(), set(trades)
        self._tell({"orders": dict.fromkeys(gone_orders), "trades": dict.fromkeys(gone_trades)})
        self._tell({"orders": told_orders, "trades": trades, "positions": {}})
        day = str(self._day) if self._day else ""
        self._tell({"user_id": self._user, "trading_day": day, "trade_more_data": False})
        self._home = loaded.home
        self._loaded, self._changed = None, set(self.markets)
        for message in loaded.meanwhile:
            self.told(message)
        self._do_early()

    # -- orders

    def _insert(self, said: InsertOrder) -> None:
        symbol = f"{said.exchange_id}.{said.instrument_id}"
        try:
            name = self.instruments.name(symbol)
            fields = orders.submission(said, name or symbol)
        except protocol.ProtocolError as error:
            self._refuse(said, error.code, error.detail)
            return
        if name is not None:
            self._positions.add(name)
        self._sent.setdefault(said.order_id, [])
        self.ask(lambda answer: self._inserted(said, answer), "submit_order", **fields)

    def _inserted(self, said: InsertOrder, answer: Any) -> None:
        cancels = self._sent.pop(said.order_id, [])
        if isinstance(answer, protocol.Error):
            self._refuse(said, answer.code, answer.message)
        elif answer.success and answer.order_id is not None:
            if answer.order_id not in self._known:
                self._know(answer.order_id, said.order_id, said.volume)
                told = orders.said_order(said, self._user or "", self.now)
                alive = {"exchange_order_id": answer.order_id, "volume_left": said.volume, "status": "ALIVE"}
                self._tell({"orders": {said.order_id: {**told, **alive, "last_msg": ""}}})
        else:
            self._refuse(said, answer.error_code or 0, answer.error_message or "")
        for cancel in cancels:
            self._cancel(cancel)

    def _refuse(self, said: InsertOrder, code: int, why: str) -> None:
        """An order that is refused is finished; one that is there under the same id stays as it is."""
        if said.order_id not in self._ids:
            told = orders.said_order(said, self._user or "", self.now)
            over = {"exchange_order_id": "", "volume_left": said.volume, "status": "FINISHED", "last_msg": why}
            self._tell({"orders": {said.order_id: {**told, **over}}})
            self._changed.add(None)
        self.note("WARNING", code, f"下单失败, {why}")

    def _cancel(self, said: CancelOrder) -> None:
        """An order that is not here, for it was lost on its way, is over: the program waits for its end."""
        if said.order_id in self._sent:
            self._sent[said.order_id].append(said)
            return
        order_id = self._ids.get(said.order_id)
        if order_id is None:
            over = {"exchange_order_id": "", "status": "FINISHED", "last_msg": Code.ORDER_NOT_FOUND.text}
            self._tell({"orders": {said.order_id: over}})
            self._changed.add(None)
            self.note("WARNING", Code.ORDER_NOT_FOUND, f"撤单失败, {Code.ORDER_NOT_FOUND.text}")
        else:
            self.ask(self._cancelled, "cancel_order", order_id=order_id)

    def _cancelled(self, answer: Any) -> None:
        if isinstance(answer, protocol.OrderResponse) and not answer.success:
            self.note("WARNING", answer.error_code or 0, f"撤单失败, {answer.error_message}")

    def _know(self, order_id: str, own_id: str | None, volume: float) -> str:
        """The client's id of an order: its own, or that of the exchange where it was given none."""
        known = self._known.get(order_id)
        if known is None:
            key = order_id if own_id is None or own_id in self._ids else own_id
            known = self._known[order_id] = Known(key, round(volume))
            self._ids[key] = order_id
        return known.key

    # -- what is told

    def told(self, message: protocol.ServerMessage) -> None:
        if self._loaded is not None and isinstance(message, OF_ORDERS):
            self._loaded.meanwhile.append(message)
            return
        match message:
            case protocol.OrderStatusFrame():
                self._progress(message)
            case protocol.Trade():
                told = self._trade(message)
                self._trades.add(told["trade_id"])
                self._tell({"trades": {told["trade_id"]: told}})
                self._changed.add(message.market)
            case protocol.TradeBroken():
                self._take_back(message)
            case protocol.Snapshot():
                self._day = message.trading_day
            case protocol.Statement() if message.market != self._home:
                self._changed.add(message.market)  # the day of trading is that of the home
            case protocol.Statement():
                if self._user is not None:
                    self._load()
            case _:
                super().told(message)
        if isinstance(message, PRIVATE):
            self._changed.add(getattr(message, "market", None))
            self._warn(message)

    def _progress(self, frame: protocol.OrderStatusFrame) -> None:
        told: Patch = {}
        if frame.order_id not in self._known:
            if frame.instrument_id is None or self._user is None:
                return
            key = self._know(frame.order_id, frame.client_order_id, frame.volume or frame.remaining_volume)
            told = orders.new_order(frame, key, self._user, self.instruments.ids(frame.instrument_id))
        known = self._known[frame.order_id]
        if frame.volume is not None:
            known.volume = round(frame.volume)
        self._tell({"orders": {known.key: {**told, **orders.progress(frame, known.volume)}}})
        self._changed.add(frame.market)

    def _trade(self, told: protocol.Trade | protocol.TradeData) -> Patch:
        known = self._known.get(told.order_id)
        key = told.order_id if known is None else known.key
        return orders.trade(told, key, self._user or "", self.instruments.ids(told.instrument_id))

    def _take_back(self, broken: protocol.TradeBroken) -> None:
        known = self._known.get(broken.order_id)
        key = orders.trade_key(broken.trade_id, broken.order_id if known is None else known.key)
        self._trades.discard(key)
        self._tell({"trades": {key: None}})
        self._changed.add(broken.market)
        self.note("WARNING", 0, f"成交 {broken.trade_id} 已被交易所撤销")

    def _warn(self, message: PRIVATE) -> None:
        match message:
            case protocol.RiskWarning():
                self.note("WARNING", 0, f"风险度 {message.risk_ratio}")
            case protocol.Liquidation():
                self.note("WARNING", 0, f"强行平仓 {message.status}, 风险度 {message.risk_ratio}")
            case protocol.PositionExpired():
                self.note("WARNING", 0, f"{message.instrument_id} 到期, 以 {message.price} 平仓")

    def _tell(self, fields: Patch) -> None:
        if self._user is not None:
            self._gathered.add({"trade": {self._account: fields}})

    # -- account and positions

    def turn(self, *, heard: bool) -> None:
        """Look at account and positions where something has changed; one look at a time, and none for a client that is
        not there to be told."""
        ready = self._user is not None and self._loaded is None and not self._looking
        if heard and ready and self._changed:
            changed, self._changed, self._looking = self._changed, set(), True
            self._covered, self._gathered = self._gathered, Patches()
            for market in changed:
                self.ask(partial(self._take_account, market), "query_account", **at(market))
            self.ask(self._take_positions, "query_position")
        elif ready and not self._changed and self._gathered:
            self.patches.add_all(self._gathered.take())

    def _take_account(self, market: str | None, answer: Any) -> None:
        """Whoever has no account there is refused; from now on they hear when they have."""
        if isinstance(answer, protocol.QueryResponse) and answer.data.account is not None:
            self._money[market] = answer.data.account

    def _take_positions(self, answer: Any) -> None:
        self._looking = False
        if self._user is not None and isinstance(answer, protocol.QueryResponse):
            found: dict[str, Patch] = {}
            held = {each.instrument_id: each for each in answer.data.positions or []}
            for name in self._positions | held.keys():
                ids = self.instruments.ids(name)
                told = portfolio.flat(self._user, name, ids)
                found[self.instruments.symbol(name)] = portfolio.position(held[name], ids) if name in held else told
            self._positions |= held.keys()
            self._covered.add({"trade": {self._account: {"positions": found}}})
            if self._money:
                accounts = {"CNY": portfolio.account(portfolio.together(list(self._money.values())))}
                self._covered.add({"trade": {self._account: {"accounts": accounts}}})
            self._follow({market for name in held if (market := self.instruments.market(name)) is not None})
        self.patches.add_all(self._covered.take())

    def _follow(self, further: set[str]) -> None:
        """See how prices move what is held at further markets."""
        if further and not self._following:
            self._following = True
            self.ask_later(FOLLOW_SECONDS, partial(self._look_again, further), "ping")

    def _look_again(self, further: set[str], answer: Any) -> None:
        self._following = False
        self._changed |= further
