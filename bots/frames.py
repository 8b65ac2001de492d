"""Words of the protocol that bots use, and what they read off any frame."""

from typing import Any

Frame = dict[str, Any]

BUY, SELL = "BUY", "SELL"
OPEN, CLOSE = "OPEN", "CLOSE"
CONTINUOUS, AUCTION, DELISTED = "continuous", "auction", "delisted"


def refusals(answer: Frame) -> list[int]:
    """The codes of everything that an answer refuses."""
    if answer["type"] == "error":
        return [answer["code"]]
    return [each["error_code"] for each in answer.get("results", [answer]) if each.get("error_code")]
