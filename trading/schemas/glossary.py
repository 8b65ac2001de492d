"""What each field means, its unit, and an example: once a name, for the documents of REST and of the socket."""

from typing import Any, NamedTuple


class Word(NamedTuple):
    """`example`: a value that could be there. `pattern`: of ids, where none but ours is taken."""

    meaning: str
    example: Any
    pattern: str | None = None


PRICE = "in the currency, a multiple of the instrument's tick"
MONEY = "in the currency, to 1/10,000"
LOTS = "in lots"
MS = "Unix milliseconds, UTC"
DAY = "YYYYMMDD"
SHARE = "a share: 0.1 is 10 %"


def _legs(name: str, meaning: str, unit: str, example: Any) -> dict[str, Word]:
    """The same of both sides."""
    return {name.format(side): Word(f"{meaning.format(side)}, {unit}.", example) for side in ("long", "short")}


WORDS: dict[str, Word] = {
    # --- failures
    "code": Word("The cause, as a number that never changes its meaning.", 1001),
    "message": Word("What the code means, for people.", "Insufficient funds"),
    "detail": Word("More of it: which field, which limit.", "Insufficient funds"),
    "request_id": Word("By which this request is found in the log; also the header X-Request-ID.", "c477a218ad7988d7"),
    "success": Word("Whether it was done.", True),
    "error_code": Word("Why it was refused or cancelled by a rule: a code; null: it was not.", 1001),
    "error_message": Word("The same in words.", "Insufficient funds"),
    # --- orders
    "order_id": Word("Id of an order: O and 20 digits.", "O17000000000010000001"),
    "order_ids": Word("Ids of orders; the name is repeated for each.", ["O17000000000010000001"]),
    "client_order_id": Word(
        "The client's own id of an order, once a trading day: the same order sent again under it is done once.",
        "mine-1",
    ),
    "user_id": Word("Whose it is.", "user001"),
    "instrument_id": Word("An instrument.", "IX2301"),
    "direction": Word("Side: BUY or SELL; of a public trade, of the side that came to the book.", "BUY"),
    "offset": Word("What it does to the position: opens, or closes today's or yesterday's lots.", "OPEN"),
    "order_type": Word("LIMIT has a price; MARKET takes what the book has.", "LIMIT"),
    "volume": Word(f"How much, {LOTS}; whole numbers.", 2.0),
    "price": Word(f"Price, {PRICE}; null for MARKET orders.", 120.0),
    "time_condition": Word("How long an order stays: GFD, GTC, GTD, IOC or FOK.", "GFD"),
    "expires_at": Word(f"When it ends, {MS}; null: it does not by itself.", 1893456000000),
    "valid_until": Word(f"An order or an amendment that reaches the engine later is refused, {MS}.", 1893456000000),
    "valid_for_ms": Word("The same from the moment that the request arrives, in milliseconds: needs no clock.", 5000),
    "post_only": Word("Refused if it would trade at once.", False),
    "reduce_only": Word("Never opens or turns a position.", False),
    "display_volume": Word(f"What an iceberg shows, {LOTS}.", 1.0),
    "stop_price": Word(f"Waits until the trigger is there, {PRICE}.", 119.0),
    "stop_kind": Word("STOP or TAKE_PROFIT, of an order with a stop_price.", "STOP"),
    "trigger": Word("Which price a stop watches: LAST, BID or ASK.", "LAST"),
    "trail": Word(f"How far a trailing stop keeps behind the best price, {PRICE}.", 1.0),
    "current_stop": Word(f"Where a waiting order fires now, {PRICE}.", 119.0),
    "oco_group": Word("Of the orders of a group the first to fire or trade cancels the others.", "exit-1"),
    "stp": Word("What happens where it would trade with an own order; null: as the account has it.", "CANCEL_TAKER"),
    "price_levels": Word("At how many of the best prices of the other side a MARKET order trades, 1 to 100.", 5),
    "status": Word("State of the order; LIVE asks for all that are not finished.", "Submitted"),
    "filled_volume": Word(f"Traded so far, {LOTS}.", 1.0),
    "remaining_volume": Word(f"Not traded, {LOTS}.", 1.0),
    "average_price": Word(
        "Average price of its trades, in the currency; left out: there are none, or it is not known.", 119.5
    ),
    "forced": Word("The exchange closed a position with it.", False),
    "reason": Word("Why it was cancelled, unless its owner asked.", "EXPIRED"),
    "timestamp": Word(f"When it was so, {MS}.", 1700000000000),
    "order": Word("An order as it is now.", None),
    "orders": Word("Orders.", None),
    "results": Word("What became of each, in their order.", None),
    "cancelled": Word("How many orders were cancelled.", 3),
    "timeout_ms": Word("Milliseconds until all orders are cancelled, 1,000 to 3,600,000; 0: not any more.", 60000),
    "deadline": Word(f"When all orders will be cancelled, {MS}; null: they will not.", 1893456000000),
    # --- announcements
    "announcements": Word("What operators announce now, oldest first.", None),
    "announcement_id": Word("Id of an announcement: A and 20 digits.", "A17000000000010000003"),
    "text": Word("What is announced, for people.", "Maintenance tonight at 22:00"),
    "until": Word(f"When the announcement is over, {MS}.", 1893456000000),
    "stop_at": Word(f"When the exchange is to stop, {MS}; left out: it is not.", 1893456000000),
    "personal": Word("Whether it is to this user alone; left out: it is to everybody.", True),
    # --- trades
    "trade_id": Word("Id of a trade: T and 20 digits; both sides have the same.", "T17000000000010000002"),
    "trades": Word("Own sides of trades, newest first.", None),
    "public_trades": Word("The last trades, newest first.", None),
    "broken": Word("Whether the exchange has taken it back, and its profit; left out: it has not.", True),
    "is_maker": Word("Whether this side was in the book before; left out in auctions.", True),
    "commission": Word(f"Commission, {MONEY}.", 2.0),
    "close_profit": Word(f"Profit of what was closed, {MONEY}.", 0.0),
    # --- pages
    "next": Word("Where the following page begins: what to ask for as `before`; null: this was the last.", None),
    "before": Word("Where the page begins: `next` of the page before.", None),
    "limit": Word("How many entries an answer may have.", 50),
    "from_time": Word(f"Not before, {MS}.", 1700000000000),
    "to_time": Word(f"Not after, {MS}.", 1893456000000),
    "from_day": Word(f"Not before this trading day, {DAY}.", 20260101),
    "to_day": Word(f"Not after this trading day, {DAY}; for pages: `next` of the page before.", 20991231),
    # --- money
    "account": Word("The account as it is now.", None),
    "balance": Word(f"Balance with unrealised profit, {MONEY}.", 1000000.0),
    "available": Word(f"What new orders may use, {MONEY}.", 995000.0),
    "frozen": Word(f"Held by orders and margin, {MONEY}.", 5000.0),
    "margin": Word(f"Margin, {MONEY}.", 5000.0),
    "profit": Word(f"Unrealised profit, {MONEY}.", 120.0),
    "risk_ratio": Word("Margin by balance, a share: at 1 positions are closed.", 0.005),
    "static_balance": Word(f"Balance without today's profit and commission, {MONEY}.", 1000000.0),
    "pre_balance": Word(f"Balance after the last settlement, {MONEY}.", 1000000.0),
    "deposit": Word(f"Deposited today, {MONEY}.", 0.0),
    "withdraw": Word(f"Withdrawn today, {MONEY}.", 0.0),
    "position_profit": Word(f"Profit of open positions since the last settlement, {MONEY}.", 120.0),
    "float_profit": Word(f"Profit of open positions since they were opened, {MONEY}.", 120.0),
    "frozen_orders": Word(f"Held by live orders, {MONEY}.", 0.0),
    "withdrawable": Word(f"What may be withdrawn, {MONEY}.", 995000.0),
    "entries": Word("Changes of the balance, newest first.", None),
    "entry_id": Word("Number of an entry.", 17),
    "kind": Word("What kind it is.", "DEPOSIT"),
    "amount": Word(f"How much, {MONEY}; negative when the account pays.", 1000000.0),
    # --- positions
    "positions": Word("Positions.", None),
    **_legs("volume_{}", "Lots {}", LOTS, 2.0),
    **_legs("volume_{}_today", "Lots {} of today", LOTS, 2.0),
    **_legs("volume_{}_his", "Lots {} of earlier days", LOTS, 0.0),
    **_legs("volume_{}_frozen_today", "Of today's lots {}, held by live closings", LOTS, 0.0),
    **_legs("volume_{}_frozen_his", "Of earlier lots {}, held by live closings", LOTS, 0.0),
    **_legs(
        "open_price_{}", "Average price at which the lots {} were opened; null without lots", "in the currency", 1.0
    ),
    **_legs("open_cost_{}", "What was paid for the lots {}", MONEY, 8000.0),
    **_legs(
        "position_price_{}", "Average price of the lots {} since the last settlement; null without lots", MONEY, 1.0
    ),
    **_legs("position_cost_{}", "Cost of the lots {} since the last settlement", MONEY, 8000.0),
    **_legs("float_profit_{}", "Profit of the lots {} since they were opened", MONEY, 0.0),
    **_legs("position_profit_{}", "Profit of the lots {} since the last settlement", MONEY, 0.0),
    **_legs("margin_{}", "Margin of the lots {}", MONEY, 5000.0),
    "lots": Word("Lines of the position's detail, too; in a position, those lines as they would be closed.", True),
    "open_price": Word(f"What they were opened at, {PRICE}.", 120.0),
    "open_time": Word(f"When the first of them was opened, {MS}.", 1700000000000),
    "today": Word("Whether they were opened on the present trading day.", True),
    # --- statements
    "statements": Word("Settled days, newest first.", None),
    "type": Word("The name that the socket has for it.", None),
    "day": Word(f"A trading day, {DAY}.", 20260105),
    "opening": Word(f"Balance at the beginning of the day, {MONEY}.", 1000000.0),
    "deposits": Word(f"Deposited, {MONEY}.", 0.0),
    "withdrawals": Word(f"Withdrawn, {MONEY}.", 0.0),
    "closing": Word(f"Balance at the end of the day, {MONEY}.", 1000000.0),
    "seq": Word("The number of the socket's push; left out here.", None),
    # --- several markets
    "market": Word("A market of an exchange that has several: the first where none is named.", "CFFEX"),
    "market_seq": Word("The number of the socket's push of another market; left out here.", 8),
    "transfers": Word("Transfers between markets, newest first.", None),
    "transfer_id": Word("By which the transfer is known.", "5f0c2b7a9d3e4f51"),
    "source": Word("The market that the money left.", "MAIN"),
    "target": Word("The market that it goes to.", "CFFEX"),
    "sent_at": Word(f"When it left the source, {MS}.", 1700000000000),
    "ended_at": Word(f"When it arrived or came back, {MS}; null: it is in transit.", 1700000000500),
    # --- the market
    "instruments": Word("Instruments.", None),
    "name": Word("For people.", "robot"),
    "product_id": Word("The product of which it is a contract.", "IF"),
    "tick": Word("Smallest step of the price, in the currency.", 0.2),
    "multiplier": Word("Currency that one lot makes of one point.", 300),
    "limit_up": Word(f"Highest price of the day, {PRICE}; null: no limit.", 4400.0),
    "limit_down": Word(f"Lowest price of the day, {PRICE}; null: no limit.", 3600.0),
    **_legs("margin_rate_{}", "Margin of lots {} by their value", SHARE, 0.1),
    "fee_open": Word("Commission of opening.", None),
    "fee_close": Word("Commission of closing lots of earlier days.", None),
    "fee_close_today": Word("Commission of closing lots of today.", None),
    "per_lot": Word(f"A lot, {MONEY}.", 2.0),
    "rate": Word(f"Of the value, {SHARE}.", 0.0),
    "min_volume": Word(f"Least of an order, {LOTS}.", 1),
    "max_volume": Word(f"Most of an order, {LOTS}.", 500),
    "max_position": Word(f"Most in one direction, {LOTS}; null: no limit.", 2000),
    "max_orders": Word("Most live orders of an account; null: no limit.", 100),
    "larger_side": Word("Only the larger side of the product pays margin.", False),
    "last_day": Word(f"Last trading day, {DAY}; null: it never expires.", 20261218),
    "trading_hours": Word("When it means to trade; left out where no schedule opens its market.", None),
    "time_zone": Word("By whose clocks.", "Asia/Shanghai"),
    "sessions": Word("Sessions of continuous trading, by when they begin; holidays are no part of them.", None),
    "weekdays": Word("Days on which it begins; 1 is Monday, 7 is Sunday.", "12345"),
    "begins": Word("Time of day at which it begins.", "21:00:00"),
    "ends": Word("Time at which it ends; 24 hours and more are on a later day.", "26:30:00"),
    "phase": Word("Whether it trades now; left out of a book in continuous trading.", "continuous"),
    "settlement_price": Word(f"Last settlement price, {PRICE}.", 120.0),
    "last_price": Word(f"Price of the last trade, {PRICE}; null before the first.", 4001.0),
    "bids": Word("Levels of buyers, the best first.", None),
    "asks": Word("Levels of sellers, the best first.", None),
    "order_count": Word("How many orders at this price.", 1),
    "indicative_price": Word(f"What an auction would trade at, {PRICE}.", 120.0),
    "indicative_volume": Word(f"What an auction would trade, {LOTS}.", 10.0),
    "bars": Word("Bars, newest first.", None),
    "period": Word("Length of a bar; 1d is the trading day.", "1m"),
    "start": Word(f"When the bar begins, {MS}.", 1700000000000),
    "open": Word(f"First price, {PRICE}; null: no trade yet.", 120.0),
    "high": Word(f"Highest price, {PRICE}; null: no trade yet.", 4005.0),
    "low": Word(f"Lowest price, {PRICE}; null: no trade yet.", 3995.0),
    "close": Word(f"Last price, {PRICE}.", 4001.0),
    "turnover": Word(f"Value of what was traded, {MONEY}.", 1200000.0),
    "open_interest": Word(f"Open positions of one side, {LOTS}.", 120.0),
    "statistics": Word("The trading day in figures.", None),
    "change": Word(f"Last price less the last settlement price, {PRICE}.", 1.0),
    # --- tokens and limits
    "tokens": Word("Tokens.", None),
    "token": Word("The token's text: told once, stored nowhere.", None),
    "token_key": Word("The first characters of a token, by which it is known.", "1f0c2b7a9d3e4f5"),
    "scope": Word("TRADE, or READ only.", "READ"),
    "days": Word("Days until it ends.", 30),
    "created_at": Word(f"When it was made, {MS}.", 1700000000000),
    "used_at": Word(f"When it was used last, to the minute, {MS}; null: never.", 1700000000000),
    "orders_per_second": Word("Orders, amendments and cancels of a user a second, by every way in together.", 1000),
    "orders_at_once": Word("Of them at once.", 2000),
    "orders_left": Word("Of them now.", 2000),
    "requests_per_second": Word("All else that a user, or an address without a token, may ask a second.", 100),
    "requests_at_once": Word("Of them at once.", 200),
    "requests_left": Word("Of them now.", 199),
    "wrong_tokens_per_minute": Word("Wrong tokens from an address a minute.", 30),
    "items_in_batch": Word("How many orders or cancels in one request.", 50),
}

ORDER_ID, TRADE_ID = [f"^{letter}(1[6-9]|2[0-4])[0-9]{{18}}$" for letter in "OT"]

OF_ONE: dict[tuple[str, str], Word] = {
    ("BarData", "trades"): Word("How many trades.", 12),
    ("StatisticsData", "trades"): Word("How many trades.", 12),
    ("Statements", "next"): Word(f"What to ask for as `to_day`, {DAY}; null: this was the last page.", 20260104),
    ("Bars", "next"): Word(f"What to ask for as `before`, {MS}; null: this was the last page.", 1700000000000),
    ("Ledger", "next"): Word("The number to ask for as `before`; null: this was the last page.", 17),
    ("Placed", "next"): Word("Where further fills begin, as `before` of trades/; null: these are all.", None),
    ("Transfers", "next"): Word("What to ask for as `before`; null: this was the last page.", "5f0c2b7a9d3e4f51"),
    ("QueryTransfers", "before"): Word("Transfers before: `next` of the page before.", "5f0c2b7a9d3e4f51"),
    ("TransferData", "amount"): Word(f"How much, {MONEY}.", 1000.0),
    ("TransferData", "status"): Word("IN_TRANSIT, ARRIVED, or RETURNED to the source.", "ARRIVED"),
    ("InstrumentData", "market"): Word("Where it is listed; left out of those of the first market.", "CFFEX"),
    ("Transfer", "kind"): Word("TOP_UP: what is missing of the starting funds; RESET: just them again.", "TOP_UP"),
    ("QueryOrders", "before"): Word("Orders before: `next` of the page before.", "O17000000000010000001", ORDER_ID),
    ("QueryTrades", "before"): Word("Trades before: `next` of the page before.", "T17000000000010000001", TRADE_ID),
    ("QueryTrades", "order_id"): Word("Only trades of this order.", "O17000000000010000001", ORDER_ID),
    ("QueryBars", "before"): Word(f"Bars that start before, {MS}: `next` of the page before.", 1893456000000),
    ("QueryLedger", "before"): Word("Entries with a lower number: `next` of the page before.", 1000),
    ("TokenData", "name"): Word("What the token is for.", "robot"),
    ("NewToken", "name"): Word("What the token is for.", "robot"),
    ("InstrumentData", "name"): Word("The instrument's name, for people.", "CSI 300 index future"),
    ("OrderData", "timestamp"): Word(f"When the order changed last, {MS}.", 1700000000000),
    ("QueryOrders", "status"): Word("Only orders in this state; LIVE: all that are not finished.", "LIVE"),
}
"""Where a name means something else in one message."""


LIMIT_ORDER = {
    "instrument_id": "IX2301",
    "direction": "BUY",
    "offset": "OPEN",
    "volume": 1,
    "order_type": "LIMIT",
    "price": 119.5,
}
EXAMPLES = {
    "PlaceOrder": {**LIMIT_ORDER, "client_order_id": "mine-1", "valid_for_ms": 5000},
    "PlaceOrders": {"orders": [LIMIT_ORDER, {**LIMIT_ORDER, "price": 119.0}]},
    "AmendOrder": {"price": 119.0, "volume": 2},
    "CancelAfter": {"timeout_ms": 60000},
    "Transfer": {"kind": "TOP_UP"},
    "NewToken": {"name": "robot", "scope": "READ", "days": 30},
}
"""Whole bodies."""


def word(message: str, field: str) -> Word:
    return OF_ONE.get((message, field)) or WORDS[field]
