"""Who has which of the ready-made roles. Nobody decides about themselves, nor gives what they do not have."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from trading.admin.desk.page import Page, ReasonForm, address, ask_first, show
from trading.admin.office.refusals import said
from trading.admin.office.words import permission_text
from trading.models import User
from trading.operators.authority.rights import APP, ROLES, may_assign

PER_PAGE = 50


class RolesForm(ReasonForm):
    roles = forms.MultipleChoiceField(
        choices=[(name, name) for name in ROLES], widget=forms.CheckboxSelectMultiple, required=False
    )
    field_order = ("roles", "reason")


def list_view(request: HttpRequest) -> HttpResponse:
    """Members of staff; whoever is to become one is found by the whole user id."""
    asked = request.GET.get("user", "")[:64]
    members = User.objects.filter(username=asked) if asked else User.objects.filter(is_staff=True)
    page = Paginator(members.order_by("username").prefetch_related("groups"), PER_PAGE).get_page(request.GET.get("p"))
    rows = [(member, list(map(_, _held(member))), address("member", member.pk)) for member in page]
    return show(request, "staff/roles", _("Roles"), rows=rows, page=page, asked=asked, roles=_described())


def _held(member: User) -> list[str]:
    return sorted(group.name for group in member.groups.all())


def _described() -> list[tuple[str, str]]:
    """What a role may do beside looking, in the words of the permissions."""
    known = Permission.objects.filter(content_type__app_label=APP).exclude(codename__startswith="view_")
    words = {each.codename: permission_text(each) for each in known.select_related("content_type")}
    return [
        (name, ", ".join(sorted(words[codename] for codename in codenames & set(words))) or _("Looks only"))
        for name, codenames in ROLES.items()
    ]


def member_view(request: HttpRequest, user: int) -> HttpResponse:
    member, operator = get_object_or_404(User, pk=user), cast(User, request.user)
    held = [name for name in _held(member) if name in ROLES]
    form: Any = RolesForm(request.POST) if request.method == "POST" else RolesForm.fresh(roles=held)
    title, button = _("Roles of {user}").format(user=member.username), _("Set the roles")
    if request.method != "POST" or not form.is_valid():
        return show(request, "staff/member", title, form=form, button=button, member=member)
    wanted = form.cleaned_data["roles"]
    why_not = may_assign(operator, member, wanted)
    if why_not is not None:
        form.add_error(None, said(why_not))
        return show(request, "staff/member", title, form=form, button=button, member=member)
    sentences = [
        _("Before: {roles}.").format(roles=_listed(held) or _("none")),
        _("After: {roles}.").format(roles=_listed(sorted(wanted)) or _("none")),
    ]
    question = ask_first(request, title, button, sentences)
    if question is not None:
        return question
    _assign(operator, member, wanted, form.cleaned_data["reason"])
    messages.success(request, f"{member.username}: {_listed(sorted(wanted)) or _('no role')}.")
    return HttpResponseRedirect(address("roles"))


def _listed(names: list[str]) -> str:
    return ", ".join(map(_, names))


def _assign(operator: User, member: User, wanted: list[str], reason: str) -> None:
    """Whoever has a role is staff; whoever has lost the last one and has nothing else no longer is."""
    with transaction.atomic():
        member.groups.remove(*Group.objects.filter(name__in=set(ROLES) - set(wanted)))
        member.groups.add(*Group.objects.filter(name__in=wanted))
        others = member.is_superuser or member.user_permissions.exists() or member.groups.exists()
        User.objects.filter(pk=member.pk).update(is_staff=bool(others))
        LogEntry.objects.log_actions(
            operator.pk, [member], CHANGE, f"Roles: {', '.join(sorted(wanted)) or 'none'}. {reason}", single_object=True
        )


PAGES = [
    Page("roles", "roles/", ("assign_roles",), list_view, "Roles", "Who may do what."),
    Page("member", "roles/<int:user>/", ("assign_roles",), member_view),
]
