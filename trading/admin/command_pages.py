"""Pages with a form whose content is a command to the engine: shown, asked about, carried out."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from trading.admin import confirmations, engine_requests
from trading.admin.base import Fieldsets, ShownAdmin, url_of
from trading.admin.forms.base import CommandForm, KeyedForm
from trading.models import OperatorCommand
from trading.operators import requests


class FormPage(NamedTuple):
    """A page with one form, whose content is one command. `shown` are the columns that are not fields of the form,
    `question` what is said in numbers before it is asked for; nothing: it is asked for at once. ValidationError
    where the engine would refuse it. `also` is a second button, which sends that word."""

    form: type[CommandForm]
    title: str
    button: str
    fieldsets: Fieldsets
    shown: Sequence[Any] = ()
    done: Callable[[Any], str] = lambda form: _("Done.")
    question: Callable[[Any], list[str]] = lambda form: []
    back: Callable[[Any], str] | None = None
    also: str = ""


class CommandAdmin(ShownAdmin):
    """Rows of the engine's with forms that ask it for something."""

    def require(self, request: HttpRequest, permission: str) -> None:
        """403 unless the user has a permission of the app, such as `change_account`."""
        if not request.user.has_perm(f"trading.{permission}"):
            raise PermissionDenied

    def serve_form(self, request: HttpRequest, page: FormPage, *, obj: Any = None) -> HttpResponse:
        """Show a form; when it is sent, ask the engine and go back, or show it again with what is wrong."""
        if request.method != "POST":
            return self._show(request, page, page.form.of(obj, initial=request.GET), obj)
        form = page.form(request.POST, instance=obj)
        if not form.is_valid():
            return self._show(request, page, form, obj)
        try:
            sentences = [] if confirmations.said_yes(request) else page.question(form)
        except ValidationError as error:
            form.add_error(None, error)
            return self._show(request, page, form, obj)
        if sentences:
            title = _(page.title) if obj is None else f"{_(page.title)}: {obj}"
            return confirmations.ask(request, self, title=title, button=_(page.button), sentences=sentences)
        command = form.command()
        data = form.cleaned_data
        row = engine_requests.ask(request, command, key=data["key"].hex, reason=data.get("reason", ""))
        if not requests.is_of(row, command):
            return self._show(request, page, form.again(engine_requests.used_before(row)), obj)
        if row.status == OperatorCommand.Status.REFUSED:
            return self._show(request, page, form.again(engine_requests.refusal(row)), obj)
        engine_requests.tell(request, row, done=page.done(form))
        return HttpResponseRedirect(self._way_back(request, row, page, form, obj))

    def _way_back(self, request: HttpRequest, row: OperatorCommand, page: FormPage, form: CommandForm, obj: Any) -> str:
        if not self.has_view_permission(request):
            return reverse("admin:index")
        if obj is not None:
            return url_of(self, "change", obj.pk)
        if row.status == OperatorCommand.Status.DONE and page.back is not None:
            return page.back(form)
        return url_of(self, "changelist")

    def _show(self, request: HttpRequest, page: FormPage, form: CommandForm, obj: Any) -> HttpResponse:
        return self.form_response(
            request,
            form,
            title=page.title,
            button=page.button,
            fieldsets=page.fieldsets,
            shown=page.shown,
            obj=obj,
            also=page.also,
        )

    def form_response(
        self,
        request: HttpRequest,
        form: KeyedForm,
        *,
        title: str,
        button: str,
        fieldsets: Fieldsets,
        shown: Sequence[Any] = (),
        obj: Any = None,
        also: str = "",
    ) -> HttpResponse:
        """A form on a page that looks like Django's own."""
        adminform = helpers.AdminForm(form, list(fieldsets), {}, shown, model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": _(title),
            "adminform": adminform,
            "errors": helpers.AdminErrorList(form, []),
            "original": obj,
            "media": self.media + adminform.media,
            "inline_admin_formsets": [],
            "button": button,
            "also": also,
        }
        response: HttpResponse = self.render_change_form(
            request, context, add=obj is None, change=obj is not None, obj=obj
        )
        return response

    def serve_button(self, request: HttpRequest, command: Any, *, done: str, back: str) -> HttpResponse:
        """Ask for what a button stands for, and go back."""
        engine_requests.tell(request, engine_requests.ask(request, command), done=done)
        return HttpResponseRedirect(back)
