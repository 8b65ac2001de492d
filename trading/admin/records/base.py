"""Records of accounts: how they are found among very many."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from trading import protocol
from trading.admin.base import GrowingAdmin
from trading.admin.columns import day_text
from trading.admin.lists import MOST_WORDS
from trading.admin.records.period import Column, between
from trading.models import Account

SEARCH_USERS = "^account__user__username"


def number_of(text: str) -> int | None:
    """The number in an order id or a trade id."""
    return protocol.order_number(f"O{text[1:]}") if text[:1] in {"O", "T"} else None


class RecordAdmin(GrowingAdmin):
    """Rows of accounts. A whole user id or an id of the protocol finds all of its rows; the beginning of a user id, and
    whatever else is searched, those among the newest."""

    linked_lookups: ClassVar[tuple[str, ...]] = ("account__id__exact",)
    indexed_lookups: ClassVar[tuple[str, ...]] = ("account__id__exact",)
    search_fields: ClassVar[tuple[str, ...]] = (SEARCH_USERS,)
    in_time: ClassVar[Column | None] = None
    """What rows of some days are found by, where a list offers that."""

    def candidates(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().candidates(request)
        return rows if self.in_time is None else between(rows, self.in_time, request)

    def of_number(self, number: int) -> dict[str, Any] | None:
        """The rows of an order or a trade, as lookups that an index serves; None where there is no such thing."""
        return None

    def indexed(self, rows: QuerySet[Any], search_term: str) -> QuerySet[Any]:
        for word in search_term.split()[:MOST_WORDS]:
            number = number_of(word)
            lookups = None if number is None else self.of_number(number)
            accounts = list(Account.objects.filter(user_id=word).values_list("pk", flat=True))
            if lookups is not None:
                rows = rows.filter(**lookups)
            elif accounts:
                rows = rows.filter(account_id__in=accounts)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """What `indexed` has found by its number needs no further search."""
        words = [word for word in search_term.split() if not self._is_number(word)]
        return super().get_search_results(request, queryset, " ".join(words))

    def _is_number(self, word: str) -> bool:
        number = number_of(word)
        return number is not None and self.of_number(number) is not None


class DayFilter(admin.SimpleListFilter):
    """Trading days, the newest to choose from. Each is found by an index."""

    title = "day"
    parameter_name = "day"
    offered = 30
    closed = False
    """Older days than those that are offered are found, too."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        days: list[int] = []
        rows = model_admin.model.objects.order_by("-day").values_list("day", flat=True)
        while len(days) < self.offered:
            found = (rows.filter(day__lt=days[-1]) if days else rows).first()
            if found is None:
                break
            days.append(found)
        return [(str(day), day_text(day)) for day in days]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """`newest` has filtered already."""
        return queryset
