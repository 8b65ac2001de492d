"""An instrument is halted, resumed, moved to a phase, at once or at a time."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from trading.admin import confirmations
from trading.admin.desk.page import Page, address, ask_first, carry_out, show
from trading.admin.engine_requests import present_market
from trading.admin.venue import later
from trading.core.commands import AdminCommand, HaltInstrument, ResumeInstrument, SetInstrumentPhase
from trading.core.types import Phase
from trading.models import Instrument

NEEDS = ("change_instrument",)
DEEDS: dict[str, tuple[str, Callable[[str], AdminCommand]]] = {
    "halt": (gettext_noop("Halt trading"), HaltInstrument),
    "resume": (gettext_noop("Resume trading"), ResumeInstrument),
    "auction": (gettext_noop("Auction"), lambda name: SetInstrumentPhase(name, Phase.AUCTION)),
    "continuous": (gettext_noop("Continuous trading"), lambda name: SetInstrumentPhase(name, Phase.CONTINUOUS)),
    "closed": (gettext_noop("Close"), lambda name: SetInstrumentPhase(name, Phase.CLOSED)),
}


class DeedForm(later.TimedForm):
    instrument = forms.CharField(label=gettext_lazy("Instrument"), max_length=64)
    deed = forms.ChoiceField(label=gettext_lazy("What"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("Kept in the audit."))
    field_order = ("instrument", "deed", "at", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deed"].choices = [(name, _(label)) for name, (label, _command) in DEEDS.items()]  # type: ignore[attr-defined]

    def clean_instrument(self) -> Instrument:
        name = self.cleaned_data["instrument"]
        found = Instrument.objects.filter(pk=name, market=present_market()).exclude(phase=Phase.DELISTED.value).first()
        if found is None:
            raise ValidationError(_("There is no instrument {name}.").format(name=name))
        return found


def deed_view(request: HttpRequest) -> HttpResponse:
    """Asked about with what rests there now, then done or kept."""
    given = {"instrument": request.GET.get("instrument", "")[:64]}
    form: Any = DeedForm(request.POST) if request.method == "POST" else DeedForm.fresh(**given)
    title = _("An instrument, at once or at a time")
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        label, command = DEEDS[data["deed"]]
        row, at, reason = data["instrument"], data["at"], data["reason"]
        sentences = [
            f"{_(label)}: {row.pk}",
            confirmations.about_instruments([row]),
            later.said_when(at),
            _("Reason: {reason}").format(reason=reason),
        ]
        question = ask_first(request, label, label, sentences)
        if question is not None:
            return question
        commands = [command(row.pk)]
        if at is None:
            done = carry_out(request, form, commands, done=f"{_(label)}: {row.pk}.", reason=reason) is not None
        else:
            done = later.put(request, form, commands, at, reason=reason)
        if done:
            return HttpResponseRedirect(address("later" if at else "deed"))
    return show(request, "market/deed", title, form=form, now=later.now_text())


PAGES: list[Page] = [
    Page(
        "deed",
        "instruments/",
        NEEDS,
        deed_view,
        gettext_noop("An instrument, at once or at a time"),
        gettext_noop("Halt, resume, auction, trading, close."),
    )
]
