"""Accounts: opened, funded and looked at. The figures are computed with the core's formulas."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from trading.admin import confirmations, movements
from trading.admin.base import Tool, url_of
from trading.admin.columns import NEGATIVE, amount_text, computed, moment, money, ratio_text
from trading.admin.command_pages import CommandAdmin, FormPage
from trading.admin.engine_requests import present_market
from trading.admin.forms.accounts import DepositForm, MoneyForm, OpenAccountForm, RulesForm, WithdrawForm, rules_values
from trading.admin.lists import PlainList
from trading.admin.office.standing import figures_of, give_figures, is_spared, standing_text
from trading.core.commands import FreezeAccount
from trading.models import Account
from trading.reads import histories, holdings
from trading.storage.mapping import rules_of


def figure(name: str, label: str | None = None) -> Callable[[Any], Any]:
    return computed(name, label or name.replace("_", " "), lambda account: getattr(figures_of(account), name))


@admin.display(description="risk ratio")
def risk_ratio_number(account: Account) -> str:
    figures = figures_of(account)
    return ratio_text(figures.margin, figures.balance)


@admin.display(description="standing")
def standing(account: Account) -> str:
    words = standing_text(account)
    return format_html(NEGATIVE, words) if words else "-"


def liquidation_tool(account: Account) -> tuple[str, str, str]:
    """The page of the desk that stops a liquidation, or that lets it go on: its name, what a link to it says, and the
    permission that it takes."""
    if is_spared(account):
        return "let_liquidate", "Let the liquidation go on", "force_close"
    return "stop_liquidation", "Stop the liquidation", "force_close"


def own_rule(name: str, label: str, default: str) -> Callable[[Any], str]:
    """One of the account's own rules; `default` where it has none."""

    @admin.display(description=gettext_lazy(label))
    def show(account: Account) -> str:
        value = getattr(rules_of(account.rules), name)
        return _(default) if value in (None, "") else _(str(value))

    show.__name__ = f"{name}_rule"
    return show


@admin.display(description="orders to trades")
def order_to_trade(account: Account) -> str:
    """How many orders it takes for a trade; of the newest ones, so that it tells how the account trades now."""
    orders, trades = histories.activity(account_id=account.pk)
    ratio = _("{ratio} to 1").format(ratio=f"{orders / trades:.1f}") if trades else _("no trade")
    numbers = {"orders": f"{orders:,}", "trades": f"{trades:,}", "newest": f"{histories.LOOKED_THROUGH:,}"}
    return _("{ratio} ({orders} orders, {trades} trades, of the newest {newest} orders)").format(ratio=ratio, **numbers)


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("debt", "In debt"), ("risk", "At risk"), ("frozen", "Frozen")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        match self.value():
            case "debt":
                return queryset.filter(pk__in=in_debt())
            case "risk":
                return queryset.filter(Q(warned=True) | Q(liquidating=True))
            case "frozen":
                return queryset.filter(frozen=True)
            case _:
                return queryset


def in_debt() -> list[int]:
    """Accounts with a negative balance. There is none where nothing is held and what was booked is not negative."""
    booked = F("pre_balance") + F("deposits") - F("withdrawals") + F("close_profit") - F("commission")
    suspects = Account.objects.annotate(booked=booked).filter(Q(margin__gt=0) | Q(booked__lt=0)).order_by("pk")
    found: list[int] = []
    for page in Paginator(suspects, 1_000):
        figures = holdings.account_figures(accounts=page.object_list)
        found += [number for number, each in figures.items() if each.balance < 0]
    return found


class AccountList(PlainList):
    """Reads the positions of the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        give_figures(self.result_list)


BALANCE = (figure("balance"), figure("available"), figure("withdrawable"))


def _moves(form: MoneyForm) -> list[str]:
    """What the engine would make of it."""
    return movements.told(form.instance, form.command())


DEPOSIT = FormPage(
    form=DepositForm,
    title="Deposit",
    button="Deposit",
    fieldsets=[(None, {"fields": ["user", *BALANCE, "amount", "reason"]})],
    shown=("user", *BALANCE),
    question=_moves,
    done=lambda form: _("Deposited {amount} to {user}.").format(
        amount=amount_text(form.units), user=form.instance.user_id
    ),
)


WITHDRAW = DEPOSIT._replace(
    form=WithdrawForm,
    title="Withdraw",
    button="Withdraw",
    done=lambda form: _("Withdrew {amount} from {user}.").format(
        amount=amount_text(form.units), user=form.instance.user_id
    ),
)


def _rules_change(form: RulesForm) -> list[str]:
    """Each rule that becomes another, and what the account has in the market."""
    before, after = (rules_values(rules) for rules in (rules_of(form.instance.rules), form.command().rules))
    return [*confirmations.changes(form, before, after), confirmations.about_accounts([form.instance])]


RULES = FormPage(
    form=RulesForm,
    title="Rules",
    button="Set the rules",
    fieldsets=[
        (None, {"fields": ["user", "stp", "fee_group"]}),
        (
            "Limits",
            {
                "fields": ["max_volume", "max_position", "max_orders"],
                "description": "Instead of those of every instrument. Empty: the instrument's own; 0: none at all.",
            },
        ),
        (
            "Limits in all instruments together",
            {
                "fields": ["live_orders", "waiting_orders", "trailing_stops"],
                "description": "Instead of the market's. Empty: the market's own; 0: none at all.",
            },
        ),
    ],
    shown=("user",),
    question=_rules_change,
    done=lambda form: _("The rules of {user} are set.").format(user=form.instance.user_id),
)
AS_LISTED, AS_MARKET = "as the instrument says", "as the market says"


@admin.register(Account)
class AccountAdmin(CommandAdmin):
    add_label = "Open an account"
    exported = True
    actions = ("freeze_selected", "unfreeze_selected")
    ordering = ("user",)
    list_filter = (StandingFilter,)
    list_display = (
        "user",
        figure("balance"),
        figure("available"),
        money("margin"),
        figure("frozen"),
        figure("profit", "profit today"),
        risk_ratio_number,
        standing,
    )
    search_fields = ("^user__username",)
    search_help_text = "The beginning of a user id."
    sections = (
        (None, {"fields": ("user", "market", standing)}),
        (
            "Now",
            {
                "fields": (
                    *BALANCE,
                    figure("frozen"),
                    money("margin"),
                    money("hold", "held for orders"),
                    risk_ratio_number,
                )
            },
        ),
        (
            "This trading day",
            {
                "fields": (
                    money("pre_balance", "balance before"),
                    money("deposits"),
                    money("withdrawals"),
                    money("close_profit"),
                    figure("position_profit"),
                    money("commission"),
                )
            },
        ),
        (
            "Rules",
            {
                "fields": (
                    own_rule("stp", "self-trade prevention", "-"),
                    own_rule("fee_group", "fee group", "-"),
                    own_rule("max_volume", "largest order", AS_LISTED),
                    own_rule("max_position", "lots in one direction", AS_LISTED),
                    own_rule("max_orders", "live orders", AS_LISTED),
                    own_rule("live_orders", "live orders in all", AS_MARKET),
                    own_rule("waiting_orders", "waiting orders", AS_MARKET),
                    own_rule("trailing_stops", "trailing stops", AS_MARKET),
                )
            },
        ),
        ("Activity", {"fields": (order_to_trade,)}),
        (
            "All orders are cancelled",
            {
                "fields": (
                    moment("cancel_at", "by its switch, at"),
                    moment("disconnect_at", "by its lost connection, at"),
                )
            },
        ),
    )

    def read_together(self, rows: Iterable[Account]) -> None:
        give_figures(rows)

    def has_freeze_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.freeze_account")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("trading.add_account")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[AccountList]:
        return AccountList

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/deposit/", view(self.deposit_view), name="trading_account_deposit"),
            path("<path:object_id>/withdraw/", view(self.withdraw_view), name="trading_account_withdraw"),
            path("<path:object_id>/rules/", view(self.rules_view), name="trading_account_rules"),
            path("<path:object_id>/freeze/", view(self.freeze_view), name="trading_account_freeze"),
            path("<path:object_id>/unfreeze/", view(self.unfreeze_view), name="trading_account_unfreeze"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        links = [
            *self.list_of(request, "position", "Positions", account__id__exact=obj.pk),
            *self.list_of(request, "order", "Orders", account__id__exact=obj.pk),
            *self.list_of(request, "trade", "Trades", account__id__exact=obj.pk),
            *self.list_of(request, "ledgerentry", "Ledger", account__id__exact=obj.pk),
            *self.list_of(request, "statement", "Statements", account__id__exact=obj.pk),
            *self.list_of(request, "operatorcommand", "Commands", q=obj.user_id),
        ]
        links += [
            Tool(label, reverse(f"admin:trading_desk_{name}", args=[obj.pk]))
            for name, label, needed in (
                ("ledger", "Running balance", "view_ledgerentry"),
                ("view_as", "See as the user", "view_as"),
                ("close_position", "Close positions", "force_close"),
                liquidation_tool(obj),
            )
            if request.user.has_perm(f"trading.{needed}")
        ]
        correct = reverse("admin:trading_desk_correct")
        freeze = "unfreeze" if obj.frozen else "freeze"
        deeds = [
            ("deposit_funds", Tool("Deposit", url_of(self, "deposit", obj.pk))),
            ("withdraw_funds", Tool("Withdraw", url_of(self, "withdraw", obj.pk))),
            ("correct_balance", Tool("Correct a balance", f"{correct}?{urlencode({'user': obj.user_id})}")),
            ("change_account", Tool("Rules", url_of(self, "rules", obj.pk))),
            ("freeze_account", Tool(freeze.capitalize(), url_of(self, freeze, obj.pk), post=True)),
        ]
        return [tool for needed, tool in deeds if request.user.has_perm(f"trading.{needed}")] + links

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self.require(request, "add_account")
        return self.serve_form(request, self._opening())

    def _opening(self) -> FormPage:
        return FormPage(
            form=OpenAccountForm,
            title="Open an account",
            button="Open account",
            fieldsets=[(None, {"fields": ["user"]})],
            done=lambda form: _("Opened an account for {user}.").format(user=form.cleaned_data["user"]),
            back=lambda form: url_of(
                self, "change", form.cleaned_data["user"].accounts.get(market=present_market()).pk
            ),
        )

    def deposit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "deposit_funds")
        return self.serve_form(request, DEPOSIT, obj=self.object_at(request, object_id))

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "withdraw_funds")
        return self.serve_form(request, WITHDRAW, obj=self.object_at(request, object_id))

    def rules_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "change_account")
        return self.serve_form(request, RULES, obj=self.object_at(request, object_id))

    # -- frozen or not

    def freeze_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._freeze(request, object_id, True, _("Frozen: {}. No new orders, no withdrawals."))

    def unfreeze_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._freeze(request, object_id, False, _("Unfrozen: {}. It may trade again."))

    def _freeze(self, request: HttpRequest, object_id: str, frozen: bool, done: str) -> HttpResponse:
        self.require(request, "freeze_account")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.object_at(request, object_id)
        back = url_of(self, "change", row.pk)
        if not confirmations.said_yes(request):
            word = _("Freeze") if frozen else _("Unfreeze")
            sentences = [done.format(row.user_id), confirmations.about_accounts([row])]
            return confirmations.ask(request, self, title=f"{word} {row.user_id}", button=word, sentences=sentences)
        return self.serve_button(request, FreezeAccount(row.user_id, frozen), done=done.format(row.user_id), back=back)

    @admin.action(description="Freeze the selected accounts", permissions=["freeze"])
    def freeze_selected(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        rows = confirmations.chosen(queryset)
        return confirmations.carry_out(
            request,
            self,
            rows,
            [FreezeAccount(row.user_id, True) for row in rows],
            question=_("Freeze {accounts}").format(accounts=confirmations.counted(len(rows), "account")),
            sentences=[
                _("No new orders, no withdrawals. Live orders stay, and can be cancelled."),
                confirmations.about_accounts(rows),
            ],
            done=_("Accounts frozen: {count}."),
        )

    @admin.action(description="Unfreeze the selected accounts", permissions=["freeze"])
    def unfreeze_selected(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        rows = confirmations.chosen(queryset)
        return confirmations.carry_out(
            request,
            self,
            rows,
            [FreezeAccount(row.user_id, False) for row in rows],
            question=_("Unfreeze {accounts}").format(accounts=confirmations.counted(len(rows), "account")),
            sentences=[_("They may trade and withdraw again."), confirmations.about_accounts(rows)],
            done=_("Accounts that may trade again: {count}."),
        )
