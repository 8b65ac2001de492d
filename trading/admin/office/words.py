"""What Django calls things, in the language of the page: labels, choices, permissions."""

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Permission
from django.forms.utils import pretty_name
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    Choices = forms.ModelMultipleChoiceField[Any]
else:
    Choices = forms.ModelMultipleChoiceField

ROLES_GIVEN = re.compile(r"Roles: (.*?)\. (.*)", re.DOTALL)
ZONE_SET = re.compile(r"Time zone (.*)")


def history_text(line: str) -> str:
    """A line of Django's own log of changes that we have written ourselves: as English stands in the table."""
    if given := ROLES_GIVEN.fullmatch(line):
        return _("Roles: {roles}. {reason}").format(roles=", ".join(map(_, given[1].split(", "))), reason=given[2])
    if zone := ZONE_SET.fullmatch(line):
        return _("Time zone {zone}").format(zone=zone[1])
    return _(line) if line else ""


DEEDS = ("add", "change", "delete", "view")
"""That Django itself has a permission for."""


def translate_fields(form: Any) -> None:
    """The labels and the choices of a form. (Rows that are to be chosen from keep their names.)"""
    for name, field in form.fields.items():
        form[name].label = field.label = _(str(field.label or pretty_name(name)))
        if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
            choices: Any = field.choices
            field.choices = [(value, _(str(label)) if label else label) for value, label in choices]


def permission_text(permission: Permission) -> str:
    """ "Can deposit money"; what Django makes itself of the name of a model is put together anew."""
    deed, _line, model = permission.codename.partition("_")
    if deed not in DEEDS or not model:
        return _(permission.name)
    kind = permission.content_type.model_class()
    thing = str(kind._meta.verbose_name) if kind is not None else model
    return _(f"Can {deed} {{thing}}").format(thing=_(thing))


class PermissionChoices(Choices):
    """Permissions to choose from."""

    def label_from_instance(self, obj: Any) -> str:
        return permission_text(obj)


class GroupChoices(Choices):
    """Groups to choose from; those that are ready made are words of the catalogue."""

    def label_from_instance(self, obj: Any) -> str:
        return _(obj.name)
