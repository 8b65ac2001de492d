"""The ranking of the newest contest, for everybody, where its host has switched that on. A contest counts what is
traded at one market; where there are several, the page says which.
"""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from trading.admin.columns import amount_text, change_text
from trading.models import Contest
from trading.operators import contests

MOST_SHOWN = 500


@require_safe
@cache_control(public=True, max_age=10)
def ranking(request: HttpRequest, market: str) -> HttpResponse:
    """404 where there is nothing to be seen: whether a contest is hidden or not there is nobody's business."""
    markets = [market, *settings.FURTHER_MARKETS]
    contest = Contest.objects.filter(market__in=markets, public=True).exclude(status=Contest.Status.DRAFT).first()
    if contest is None:
        raise Http404
    lines = [
        (
            rank.place,
            rank.user_id,
            amount_text(rank.worth),
            change_text(rank.gain),
            f"{rank.drawdown:.2%}",
            _ratio(rank.sharpe),
        )
        for rank in contests.ranking(contest, MOST_SHOWN)
    ]
    return render(request, "contest.html", {"contest": contest, "lines": lines, "several": len(markets) > 1})


def _ratio(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"
