"""What can be asked of the exchange, written once for both ways to ask."""

from __future__ import annotations

import inspect

from ccxt_bourse.calls.account import Account
from ccxt_bourse.calls.asking import Asking, Way
from ccxt_bourse.calls.market import Market
from ccxt_bourse.calls.orders import Orders
from ccxt_bourse.description import endpoints

__all__ = ["Asking", "Calls"]


class Calls(Market, Orders, Account):
    """Mixed into an exchange class of ccxt."""

    def __init_subclass__(cls, *, way: Way | None = None) -> None:
        """`way`: how the class asks; without one it is a class that is derived from one that knows."""
        if way is None:
            return
        for questions in (Market, Orders, Account):
            for name, method in vars(questions).items():
                if inspect.isgeneratorfunction(method) and not name.startswith("_"):
                    setattr(cls, name, way(method))
        for name, entry in endpoints().items():
            setattr(cls, name, entry)
