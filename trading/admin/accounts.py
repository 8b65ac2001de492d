"""Accounts: opened, funded and looked at. The figures are computed with the core's formulas."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from trading import selectors
from trading.admin.base import CommandAdmin, FormPage, Tool, url_of
from trading.admin.columns import computed, money
from trading.admin.forms import DepositForm, OpenAccountForm, WithdrawForm
from trading.core.money import to_text
from trading.core.risk import Figures
from trading.models import Account


def give_figures(accounts: Iterable[Account]) -> None:
    """Compute the money of accounts as it is now, with one query for all, and put it on the rows."""
    rows = list(accounts)
    figures = selectors.account_figures(accounts=rows)
    for row in rows:
        vars(row)["figures"] = figures[row.pk]


def figures_of(account: Account) -> Figures:
    """The figures of a row; a list has computed those of its page together."""
    if "figures" not in vars(account):
        give_figures([account])
    figures: Figures = vars(account)["figures"]
    return figures


def figure(name: str, label: str | None = None) -> Callable[[Any], Any]:
    return computed(name, label or name.replace("_", " "), lambda account: getattr(figures_of(account), name))


@admin.display(description="risk ratio")
def risk_ratio_number(account: Account) -> str:
    return f"{figures_of(account).risk_ratio:.2%}"


class AccountList(ChangeList):
    """Reads the positions of the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        give_figures(self.result_list)


BALANCE = (figure("balance"), figure("available"), figure("withdrawable"))
DEPOSIT = FormPage(
    form=DepositForm,
    title="Deposit",
    button="Deposit",
    fieldsets=[(None, {"fields": ["user", *BALANCE, "amount"]})],
    shown=("user", *BALANCE),
    done=lambda form: f"Deposited {to_text(form.units)} to {form.instance.user_id}.",
)
WITHDRAW = DEPOSIT._replace(
    form=WithdrawForm,
    title="Withdraw",
    button="Withdraw",
    done=lambda form: f"Withdrew {to_text(form.units)} from {form.instance.user_id}.",
)


@admin.register(Account)
class AccountAdmin(CommandAdmin):
    add_label = "Open an account"
    ordering = ("user",)
    list_display = (
        "user",
        figure("balance"),
        figure("available"),
        money("margin"),
        figure("frozen"),
        figure("profit", "profit today"),
        risk_ratio_number,
    )
    search_fields = ("^user__username",)
    search_help_text = "The beginning of a user id."
    sections = (
        (None, {"fields": ("user", "market")}),
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
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("trading.add_account")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[AccountList]:
        return AccountList

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/deposit/", view(self.deposit_view), name="trading_account_deposit"),
            path("<path:object_id>/withdraw/", view(self.withdraw_view), name="trading_account_withdraw"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        links = [
            *self.list_of(request, "position", "Positions", account__id__exact=obj.pk),
            *self.list_of(request, "order", "Orders", account__id__exact=obj.pk),
            *self.list_of(request, "trade", "Trades", account__id__exact=obj.pk),
            *self.list_of(request, "ledgerentry", "Ledger", account__id__exact=obj.pk),
            *self.list_of(request, "operatorcommand", "Operator commands", q=obj.user_id),
        ]
        if request.user.has_perm("trading.change_account"):
            links = [
                Tool("Deposit", url_of(self, "deposit", obj.pk)),
                Tool("Withdraw", url_of(self, "withdraw", obj.pk)),
                *links,
            ]
        return links

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self.require(request, "add_account")
        return self.serve_form(request, self._opening())

    def _opening(self) -> FormPage:
        return FormPage(
            form=OpenAccountForm,
            title="Open an account",
            button="Open account",
            fieldsets=[(None, {"fields": ["user"]})],
            done=lambda form: f"Opened an account for {form.cleaned_data['user']}.",
            back=lambda form: url_of(self, "change", form.cleaned_data["user"].account.pk),
        )

    def deposit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "change_account")
        return self.serve_form(request, DEPOSIT, obj=self.object_at(request, object_id))

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "change_account")
        return self.serve_form(request, WITHDRAW, obj=self.object_at(request, object_id))
