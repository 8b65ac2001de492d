"""What a connection that was away has missed: the kept pushes of its account, page by page, or how things are now.

Reads what the last commit left, and writes nothing.
"""

import logging

import msgspec

from trading import protocol
from trading.delivery.channel_groups import MONEY, TaggedFrame
from trading.delivery.push_encoder import KINDS_ABOUT_MONEY
from trading.models import Account, PushBatch
from trading.reads import from_rows, histories, holdings
from trading.storage.consistent_read import consistent_read
from trading.storage.packing import unpack_frames

logger = logging.getLogger(__name__)

PAGE = 200
"""Commits in one page: some hundred frames, a few milliseconds of reading."""


class Page(msgspec.Struct, frozen=True):
    """Frames in order; the last of them has the number `last_seq`."""

    frames: list[str]
    last_seq: int


def last_push(*, account_id: int) -> int:
    """The number of the account's last push."""
    return Account.objects.values_list("push_seq", flat=True).get(pk=account_id)


def page(*, account_id: int, after: int, upto: int, most: int = PAGE) -> Page | None:
    """The pushes that come after number `after`, up to `upto` or of `most` commits; None when not all are kept
    and whole."""
    kept = PushBatch.objects.filter(account_id=account_id, last_seq__gt=after, last_seq__lte=upto)
    frames: list[str] = []
    for last, packed, text in kept.order_by("last_seq").values_list("last_seq", "packed", "frames")[:most]:
        try:
            lines = ((text or "") if packed is None else unpack_frames(bytes(packed))).split("\n")
        except ValueError as error:
            logger.error("the pushes up to %d of account %d are damaged: %s", last, account_id, error)
            return None
        first = last + 1 - len(lines)
        if first > after + 1:
            return None
        frames += lines[after + 1 - first :]
        after = last
    return Page(frames, after) if frames else None


class _Kind(msgspec.Struct):
    type: str
    instrument_id: str | None = None


_kind = msgspec.json.Decoder(_Kind)


def last_number(*, user_id: str, market: str) -> int:
    """The number of the user's last push; 0 while there is no account."""
    found = Account.objects.filter(user__username=user_id, market=market).values_list("push_seq", flat=True)
    return found.first() or 0


def missed_by_group(
    *, user_id: str, market: str, after: int, told_as: str | None = None
) -> tuple[list[TaggedFrame], int]:
    """The pushes of a user after number `after`, as their group would have heard them, and the number of the last one;
    a snapshot in place of those that are not kept. `told_as`: the market that they name; None: the first, which they do
    not."""
    account = Account.objects.filter(user__username=user_id, market=market).first()
    if account is None or account.push_seq <= after:
        return [], after
    frames: list[TaggedFrame] = []
    while after < account.push_seq:
        found = page(account_id=account.pk, after=after, upto=account.push_seq)
        if found is None:
            told = snapshot(account_id=account.pk)
            tag = None if told_as is None else MONEY
            return [(tag, protocol.encode(msgspec.structs.replace(told, market=told_as)))], told.seq
        frames += [(_tag(frame, told_as), frame) for frame in found.frames]
        after = found.last_seq
    return frames, after


def _tag(frame: str, told_as: str | None) -> str | None:
    """The instrument of a trade: some connections want trades of some only. Or that it speaks of another market's
    money."""
    kind = _kind.decode(frame)
    if told_as is not None and kind.type in KINDS_ABOUT_MONEY:
        return MONEY
    return kind.instrument_id if kind.type == "trade" else None


def snapshot(*, account_id: int) -> protocol.Snapshot:
    """All that pushes tell about, as it is now."""
    with consistent_read():
        account = Account.objects.select_related("market").get(pk=account_id)
        view = holdings.account_view(user_id=account.user_id, market=account.market_id)
        positions = holdings.position_views(user_id=account.user_id, market=account.market_id)
        assert view is not None and positions is not None, "there is an account"
        return protocol.Snapshot(
            seq=account.push_seq,
            account=from_rows.account_data(view),
            positions=[from_rows.position_data(position) for position in positions],
            orders=[from_rows.order_data(row) for row in histories.live_orders(account_id=account.pk)],
            trading_day=account.market.trading_day,
        )
