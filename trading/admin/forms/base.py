"""A form that is sent twice does things once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from trading.core.commands import AdminCommand

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


class KeyedForm(ModelForm):
    """A form that is told apart from any other by a hidden key, so that sending it twice does things once.

    It edits no row: of the model it takes nothing but the columns that are shown beside the fields.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def of(cls, row: Any, *, initial: Mapping[str, Any]) -> Self:
        """A fresh form about a row, or about none."""
        return cls(instance=row, initial={**dict(initial.items()), "key": uuid.uuid4().hex})

    def again(self, error: str) -> Self:
        """The same content under a fresh key, with the reason why it was not done."""
        data = {**dict(self.data.items()), "key": uuid.uuid4().hex}
        form = type(self)(data, instance=self.instance)
        form.add_error(None, error)
        return form

    def clean(self) -> dict[str, Any]:
        if "key" in self.errors:
            raise ValidationError(_("This form has lost its key. Open the page anew."))
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Nothing goes into the row."""


class CommandForm(KeyedForm):
    """A form that says one command."""

    def command(self) -> AdminCommand:
        raise NotImplementedError
