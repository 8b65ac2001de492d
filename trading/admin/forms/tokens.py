"""Issue an access token."""

from __future__ import annotations

from django import forms
from django.conf import settings

from trading.admin.forms.base import KeyedForm
from trading.admin.forms.fields import WholeField, user_named
from trading.models import AccessToken, User


class IssueTokenForm(KeyedForm):
    user = forms.CharField(label="User id", max_length=64, help_text="Whoever has the token acts as this user.")
    name = forms.CharField(max_length=64, required=False, help_text="What it is for.")
    scope = forms.ChoiceField(
        choices=AccessToken.Scope.choices,
        initial=AccessToken.Scope.TRADE,
        help_text="Read only: sees and hears everything of the user, and changes nothing.",
    )
    days = WholeField(
        label="Days until it expires",
        min_value=1,
        max_value=AccessToken.LONGEST_DAYS,
        initial=lambda: settings.TOKEN_DAYS,
    )

    class Meta:
        model = AccessToken
        fields: tuple[str, ...] = ()

    def clean_user(self) -> User:
        return user_named(self.cleaned_data["user"])
