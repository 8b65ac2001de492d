"""People, programs, and the tokens they come with. Only superusers decide who is staff and what staff may do."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin import confirmations, engine_requests
from trading.admin.base import AskedDeletion, PlainAdmin, Question, Tool, url_of
from trading.admin.columns import date, time_text
from trading.admin.command_pages import CommandAdmin
from trading.admin.engine_requests import present_market
from trading.admin.forms.tokens import IssueTokenForm
from trading.admin.office.words import GroupChoices, PermissionChoices
from trading.core.commands import OpenAccount
from trading.models import IS_LIVE, AccessToken, Account, Order, User

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
    _CreationForm = AdminUserCreationForm[User]
else:
    _UserAdmin = DjangoUserAdmin
    _CreationForm = AdminUserCreationForm

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")
REMEMBERED_FORMS = 50
"""Keys of sent forms that a session remembers: more than anybody has open."""


class NewUserForm(_CreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(PlainAdmin, DjangoGroupAdmin):
    """Seen with Django's view permission. Whoever may change a group that he is in could give himself everything."""

    search_fields = ("^name",)
    list_display = ("name_text",)

    def heading(self, obj: Any) -> str:
        return _(obj.name)

    @admin.display(description="name", ordering="name")
    def name_text(self, group: Group) -> str:
        return _(group.name)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, form_class=PermissionChoices, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)


@admin.register(User)
class UserAdmin(PlainAdmin, _UserAdmin):
    add_form = NewUserForm
    actions = ("open_accounts",)
    list_per_page = 50
    list_display = (
        "username",
        "has_account",
        "is_active",
        "is_staff",
        date("last_login"),
        date("date_joined", "joined"),
    )
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("^username", "^first_name", "^last_name", "^email")
    search_help_text = "The beginning of a user id, a name or an e-mail address."

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        kind = GroupChoices if db_field.name == "groups" else PermissionChoices
        return super().formfield_for_manytomany(db_field, request, form_class=kind, **kwargs)

    # -- who may do what

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A user id never changes: accounts, orders and channels are named after it."""
        fixed = () if obj is None else ("username", "last_login", "date_joined")
        return fixed if _is_superuser(request) else (*fixed, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def has_open_account_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.add_account")

    def get_actions(self, request: HttpRequest) -> Any:
        """Users are deleted one at a time: in bulk Django would not ask about each."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # -- pages

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request)
        return users.annotate(
            with_account=Exists(Account.objects.filter(user=OuterRef("username"), market=present_market()))
        )

    @admin.display(description="account", boolean=True, ordering="with_account")
    def has_account(self, user: User) -> bool:
        return bool(vars(user)["with_account"])

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.open_account_view)
        return [path("<path:object_id>/open-account/", view, name="trading_user_open_account"), *super().get_urls()]

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = []
        account = Account.objects.filter(user=obj, market=present_market()).first()
        if account is None and self.has_open_account_permission(request):
            found.append(Tool("Open account", url_of(self, "open_account", obj.pk), post=True))
        if account is not None and request.user.has_perm("trading.view_account"):
            found.append(Tool("Account", reverse("admin:trading_account_change", args=[account.pk])))
        if request.user.has_perm("trading.add_accesstoken"):
            found.append(Tool("Issue a token", f"{reverse('admin:trading_accesstoken_add')}?user={obj.username}"))
        return found + self.list_of(request, "accesstoken", "Tokens", user__id__exact=obj.pk)

    # -- accounts

    def open_account_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_open_account_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        user = self.object_at(request, object_id)
        row = engine_requests.ask(request, OpenAccount(user.username))
        engine_requests.tell(request, row, done=_("Opened an account for {user}.").format(user=user.username))
        page = url_of(self, "change", user.pk) if self.has_view_permission(request, user) else reverse("admin:index")
        return HttpResponseRedirect(page)

    @admin.action(description="Open accounts for the selected users", permissions=["open_account"])
    def open_accounts(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        rows = confirmations.chosen(queryset)
        return confirmations.carry_out(
            request,
            self,
            rows,
            [OpenAccount(user.username) for user in rows],
            question=_("Open accounts for {users}").format(users=confirmations.counted(len(rows), "user")),
            sentences=[_("An account stays in the books for good.")],
            done=_("Accounts opened: {count}."),
        )


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Staff could otherwise take over an account with more rights than their own."""
    return user is None or _is_superuser(request) or not (user.is_staff or user.is_superuser)


# --- tokens


class ExpiryFilter(admin.SimpleListFilter):
    title = "validity"
    parameter_name = "validity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("valid", "Valid"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> QuerySet[AccessToken]:
        match self.value():
            case "valid":
                return queryset.exclude(expiry__lte=timezone.now())
            case "expired":
                return queryset.filter(expiry__lte=timezone.now())
            case _:
                return queryset


@admin.register(AccessToken)
class AccessTokenAdmin(AskedDeletion, CommandAdmin):
    """Issued once and shown once; never changed; revoked by deleting."""

    add_label = "Issue a token"
    actions = ()
    list_display = (
        "key_start",
        "user",
        "name",
        "scope",
        date("created"),
        date("expiry"),
        date("last_used", "last used"),
        "is_valid",
    )
    list_filter = (ExpiryFilter, "scope", "created")
    list_select_related = ("user",)
    linked_lookups = ("user__id__exact",)
    search_fields = ("^user__username", "^name", "^token_key")
    search_help_text = "The beginning of a user id, of the token, or of its name."
    sections = ((None, {"fields": list_display}),)

    def heading(self, obj: Any) -> str:
        return _("{token} of {user}").format(token=self.key_start(obj), user=obj.user.username)

    @admin.display(description="begins with", ordering="token_key")
    def key_start(self, token: AccessToken) -> str:
        return f"{token.token_key}…"

    @admin.display(description="valid", boolean=True)
    def is_valid(self, token: AccessToken) -> bool:
        return token.expiry is None or token.expiry > timezone.now()

    def delete_question(self, rows: list[Any]) -> Question:
        users = {row.user_id for row in rows}
        live = Order.objects.filter(IS_LIVE, account__user__in=User.objects.filter(pk__in=users)).count()
        sentences = [
            _("Revoked: {names}.").format(names="; ".join(map(self.heading, rows))),
            _("Whoever uses it is cut off at once, in open connections too, and does not get in with it again."),
            _("Their {orders} stay, but for those that a connection takes with it when it ends.").format(
                orders=confirmations.counted(live, "live order")
            ),
        ]
        return Question(_("Revoke a token"), _("Revoke"), sentences)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("trading.add_accesstoken")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("trading.delete_accesstoken")

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        found = actions.get("delete_selected")
        if found is not None:
            actions["delete_selected"] = (found[0], found[1], "Revoke the selected tokens")
        return actions

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self.require(request, "add_accesstoken")
        if request.method != "POST":
            return self._token_form(request, IssueTokenForm.of(None, initial=request.GET))
        form = IssueTokenForm(request.POST)
        if not form.is_valid():
            return self._token_form(request, form)
        if not self._first_time(request, form.cleaned_data["key"].hex):
            messages.warning(
                request, _("This form was sent before; its token was shown then. Revoke it if it is lost.")
            )
            return HttpResponseRedirect(url_of(self, "changelist"))
        return self._issue(request, form)

    def _token_form(self, request: HttpRequest, form: IssueTokenForm) -> HttpResponse:
        fieldsets = [(None, {"fields": ["user", "name", "scope", "days"]})]
        return self.form_response(request, form, title="Issue a token", button="Issue", fieldsets=fieldsets)

    def _first_time(self, request: HttpRequest, key: str) -> bool:
        """Whether this form is new to the session: reloading the page must not issue one more."""
        sent: list[str] = request.session.get("token_forms", [])
        if key in sent:
            return False
        request.session["token_forms"] = [*sent, key][-REMEMBERED_FORMS:]
        return True

    def _issue(self, request: HttpRequest, form: IssueTokenForm) -> HttpResponse:
        """The text is in this one answer and nowhere else: not in a message, which would be stored until it is read."""
        data = form.cleaned_data
        row, text = AccessToken.objects.create(
            data["user"], expiry=timedelta(days=data["days"]), name=data["name"], scope=data["scope"]
        )
        self.log_addition(request, row, [{"added": {}}])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Token issued"),
            "opts": self.opts,
            "token": row,
            "text": text,
            "until": time_text(row.expiry),
        }
        return TemplateResponse(request, "admin/trading/accesstoken/issued.html", context)
