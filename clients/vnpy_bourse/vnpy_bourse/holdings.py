"""Lots as the pushes that were told of leave them, so that positions and trades come to vnpy in step. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bourse_client.messages import Frame, Position, Trade
from vnpy.trader.constant import Direction
from vnpy.trader.object import PositionData

from vnpy_bourse.words import EXCHANGE


@dataclass(frozen=True)
class Worth:
    """What queries tell of a side beyond its lots."""

    frozen: float = 0.0
    price: float = 0.0
    pnl: float = 0.0


UNKNOWN = Worth()


SIDES = ((Direction.LONG, "long"), (Direction.SHORT, "short"))


class Holdings:
    """A position that has become flat is told as one without lots."""

    def __init__(self, gateway_name: str) -> None:
        self._gateway_name = gateway_name
        self._positions: dict[str, Position] = {}
        self._worth: dict[tuple[str, Direction], Worth] = {}

    def restore(self, positions: Iterable[Position], others: Iterable[str]) -> list[PositionData]:
        """These are all there are. `others`: instruments that are told of though they are flat."""
        names = {*self._positions, *others}
        self._positions = {name: Position(instrument_id=name) for name in names}
        self._positions |= {position.instrument_id: position for position in positions}
        return self.all()

    def trade(self, trade: Trade) -> list[PositionData]:
        if trade.offset == "OPEN":
            self._pay(trade)
        return self._keep(self._of(trade.instrument_id).traded(trade.direction, trade.offset, trade.volume))

    def _pay(self, trade: Trade) -> None:
        """What more lots have cost is known at once. Which lots a trade has closed, and so what the others have cost,
        the next answer tells."""
        position, is_long = self._of(trade.instrument_id), trade.direction == "BUY"
        side = trade.instrument_id, Direction.LONG if is_long else Direction.SHORT
        lots = position.volume_long if is_long else position.volume_short
        worth = self._worth.get(side, UNKNOWN) if lots else UNKNOWN
        if worth.price or not lots:
            paid = worth.price * lots + trade.price * trade.volume
            self._worth[side] = replace(worth, price=paid / (lots + trade.volume))

    def take_back(self, broken: Frame) -> list[PositionData]:
        was = broken["direction"], broken["offset"], broken["volume"]
        return self._keep(self._of(broken["instrument_id"]).taken_back(*was))

    def expire(self, instrument_id: str) -> list[PositionData]:
        return self._keep(Position(instrument_id=instrument_id))

    def settle(self) -> list[PositionData]:
        self._positions = {name: position.carried() for name, position in self._positions.items()}
        return self.all()

    def value(self, rows: Iterable[Frame]) -> list[PositionData]:
        """What lots have cost and are worth, and what orders hold of them, as `query_position` tells it. Lots that are
        not there yet, or not there any more, come or go with their own pushes."""
        self._worth = {
            (row["instrument_id"], direction): Worth(
                row[f"volume_{side}_frozen_today"] + row[f"volume_{side}_frozen_his"],
                row[f"position_price_{side}"] or 0.0,
                row[f"position_profit_{side}"],
            )
            for row in rows
            for direction, side in SIDES
        }
        return self.all()

    def all(self) -> list[PositionData]:
        return [data for position in self._positions.values() for data in self._told(position)]

    def _of(self, instrument_id: str) -> Position:
        return self._positions.get(instrument_id) or Position(instrument_id=instrument_id)

    def _keep(self, position: Position) -> list[PositionData]:
        self._positions[position.instrument_id] = position
        return self._told(position)

    def _told(self, position: Position) -> list[PositionData]:
        long = position.volume_long, position.volume_long_today
        short = position.volume_short, position.volume_short_today
        return [self._side(position.instrument_id, d, *lots) for (d, _), lots in zip(SIDES, (long, short), strict=True)]

    def _side(self, instrument_id: str, direction: Direction, lots: float, today: float) -> PositionData:
        worth = self._worth.get((instrument_id, direction), UNKNOWN) if lots else UNKNOWN
        return PositionData(
            symbol=instrument_id,
            exchange=EXCHANGE,
            direction=direction,
            volume=lots,
            yd_volume=lots - today,
            frozen=min(worth.frozen, lots),
            price=worth.price,
            pnl=worth.pnl,
            gateway_name=self._gateway_name,
        )
