"""What the admin pages have in common: their lists and addresses, and rows that are shown only."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets, quote, unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from trading.admin import confirmations, lists, scope
from trading.admin.office import export
from trading.admin.office.words import history_text, translate_fields

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

Fieldsets = Sequence[tuple[str | None, dict[str, Any]]]


class Tool(NamedTuple):
    """A link above a page, or with `post` a button that changes something."""

    label: str
    url: str
    post: bool = False


def url_of(model_admin: ModelAdmin, page: str, *arguments: Any) -> str:
    """The address of a page of a model: `changelist`, `add`, `change`, or one of our own."""
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=[quote(part) for part in arguments])


def _without(rows: list[Any], heads: tuple[str, ...]) -> list[Any]:
    """A list of lines and of lists below them, without the lines that begin so, and without lists that are empty."""
    kept = [_without(row, heads) if isinstance(row, list) else row for row in rows]
    return [row for row in kept if row and (isinstance(row, list) or not str(row).startswith(heads))]


class PlainAdmin(ModelAdmin):
    """Tools above the pages, a name for the add button, objects by the id in the address, and lists that take the
    lookups which they offer: those of `list_filter`, and the `linked_lookups` of links from other pages."""

    add_label = ""
    linked_lookups: ClassVar[tuple[str, ...]] = ()
    show_facets = admin.ShowFacets.NEVER
    """A count for every choice of every filter is a column of one query, and databases take only so many."""

    def of_venue(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of all markets."""
        return super().get_queryset(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of this office, for lists, pages and deeds alike: commands name users and instruments, and go to the
        engine of this market."""
        return scope.ours(request, self.of_venue(request))

    def heading(self, obj: Any) -> str:
        """How an object is called on its page."""
        return str(obj)

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        """What can be done with an object, as far as the user may."""
        return []

    def list_of(self, request: HttpRequest, model: str, label: str, **filters: object) -> list[Tool]:
        """A link to another list, where the user may see it."""
        if not request.user.has_perm(f"trading.view_{model}"):
            return []
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        try:
            return [Tool(label, f"{reverse(f'admin:trading_{model}_changelist')}?{query}")]
        except NoReverseMatch:
            return []

    def object_at(self, request: HttpRequest, object_id: str) -> Any:
        found = self.get_object(request, unquote(object_id))
        if found is None:
            raise Http404
        return found

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django looks for the object first, and so tells everybody which there are. What it has written itself it
        translates; what we have written is translated here."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        response = super().history_view(request, object_id, extra_context)
        for entry in getattr(response, "context_data", {}).get("action_list", ()):
            if not entry.change_message.startswith("["):
                entry.change_message = history_text(entry.change_message)
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """As Django finds them, but for rows of tables that it makes itself: who is in a group is no thing of its
        own, and has no name that says anything."""
        deleted, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        made = [model._meta for model in apps.get_models(include_auto_created=True) if model._meta.auto_created]
        heads = tuple(f"{capfirst(str(meta.verbose_name))}: " for meta in made)
        names = {str(meta.verbose_name_plural) for meta in made}
        counts = {name: count for name, count in counts.items() if str(name) not in names}
        return _without(deleted, heads), counts, perms_needed, protected

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return lists.PlainList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Django lets any lookup of the model's own columns pass, regular expressions too."""
        offered = {*self.linked_lookups, *lists.parameters_of(self.model, self.get_list_filter(request))}
        return lookup in offered and lists.is_plain(value) and len(request.GET.getlist(lookup)) == 1

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if request.resolver_match is not None and request.resolver_match.url_name == "autocomplete":
            raise Http404  # no form of ours completes names, and it would search outside of any list
        if len(search_term) > lists.LONGEST_SEARCH or len(search_term.split()) > lists.MOST_WORDS:
            most = _("Nothing was searched: {words} words with {characters} characters are the most.")
            messages.error(request, most.format(words=lists.MOST_WORDS, characters=lists.LONGEST_SEARCH))
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        """An action on rows whose ids are none is a bad request."""
        try:
            for text in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME):
                ProhibitNullCharactersValidator()(text)
                self.opts.pk.clean(text, None)
        except ValidationError as error:
            raise BadRequest(", ".join(error.messages)) from error
        return super().response_action(request, queryset, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {"add_label": self.add_label, **(extra_context or {})}
        response = super().changelist_view(request, context)
        shown = (getattr(response, "context_data", None) or {}).get("cl")
        if shown is not None and shown.fault:
            messages.error(request, shown.fault)
        return response

    def get_action_choices(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return [(name, _(label)) for name, label in super().get_action_choices(request, *args, **kwargs)]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        translate_fields(context["adminform"].form)
        obj = kwargs.get("obj")
        if obj is not None:
            context |= {"tools": self.tools(request, obj), "subtitle": self.heading(obj)}
        return super().render_change_form(request, context, *args, **kwargs)


class Question(NamedTuple):
    """What a page asks before something is done, and what its button says."""

    title: str
    button: str
    sentences: list[str]


class AskedDeletion(ModelAdmin):
    """Rows before whose deletion stands a question of ours, which says what it does; Django's names only what goes."""

    def delete_question(self, rows: list[Any]) -> Question:
        raise NotImplementedError

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_delete_permission(request, row) or confirmations.said_yes(request):
            return super().delete_view(request, object_id, extra_context)
        return self._ask_to_delete(request, [row])

    def response_delete(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Back to the list, for those too who cannot change its rows."""
        response = super().response_delete(request, *args, **kwargs)
        return HttpResponseRedirect(url_of(self, "changelist")) if self.has_view_permission(request) else response

    def get_actions(self, request: HttpRequest) -> Any:
        """Django's own deletes, once the question has been answered."""
        actions = super().get_actions(request)
        if "delete_selected" in actions:
            delete, name, words = cast(Any, actions["delete_selected"])

            def asked(admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> Any:
                chosen = confirmations.chosen(rows)
                if not chosen or confirmations.too_many(request, chosen):
                    return None
                if confirmations.said_yes(request):
                    return delete(admin, request, rows)
                return self._ask_to_delete(request, chosen)

            actions["delete_selected"] = (asked, name, words)
        return actions

    def _ask_to_delete(self, request: HttpRequest, rows: list[Any]) -> HttpResponse:
        question = self.delete_question(rows)
        return confirmations.ask(
            request, self, title=question.title, button=question.button, sentences=question.sentences
        )


class ShownAdmin(PlainAdmin):
    """Rows that nobody edits here: seen with Django's view permission, never saved or deleted.

    `sections` are the parts of an object's page; unlike Django's `fieldsets` they are made of columns, as lists are.
    """

    sections: ClassVar[Fieldsets] = ()
    list_per_page = 50
    show_full_result_count = False
    actions: Sequence[Any] | None = None
    exported = False
    """Whether what a list shows can be had as CSV."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.sections

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def read_together(self, rows: Iterable[Any]) -> None:
        """What the columns of many rows need, read at once for a file."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if not self.exported:
            return super().changelist_view(request, extra_context)
        if export.PARAMETER in request.GET:
            return self._csv(request)
        query = request.GET.copy()
        query[export.PARAMETER] = "1"
        return super().changelist_view(request, {"csv": query.urlencode(), **(extra_context or {})})

    def _csv(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows under this address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.copy()
        del asked[export.PARAMETER]
        request.GET = asked  # type: ignore[assignment]  # the list knows no other way to be asked
        request.META[lists.MOST] = export.MOST_ROWS
        found = cast(lists.PlainList, self.get_changelist_instance(request))
        del request.META[lists.MOST]
        if found.fault:
            return self._no_file(request)
        keys = export.keys_of(found)
        if len(keys) > export.MOST_ROWS:
            most = _("More than {count} rows are too many for a file: filter the list.")
            messages.error(request, most.format(count=f"{export.MOST_ROWS:,}"))
            return self._no_file(request)
        return export.response(request, found, keys, self.get_list_display(request))

    def _no_file(self, request: HttpRequest) -> HttpResponseBase:
        """The list, which says what is wrong. Whoever saves what comes must not take it for a file."""
        answer: HttpResponseBase = self.changelist_view(request)
        answer.status_code = 400
        return answer

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Django's own form is for looking only. ("Save as new" would not even ask for the change permission.)"""
        if request.method == "POST":
            raise PermissionDenied
        return super().changeform_view(request, *args, **kwargs)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["no_history"] = True
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Their history is the audit trail: Django's own log knows nothing of what the engine does."""
        raise Http404


class GrowingAdmin(ShownAdmin):
    """Rows of a table that grows without end. Of those that an index finds, a list looks through the newest.

    `newest_by` is a column that grows with every row; it is indexed, alone and after each of `indexed_lookups`.
    """

    exported = True
    newest_by = "id"
    sortable_by = ()
    indexed_lookups: ClassVar[tuple[str, ...]] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return lists.RecordList

    def newest(self, request: HttpRequest, search_term: str) -> tuple[QuerySet[Any], int]:
        """As `lists.newest` of this office's rows."""
        rows = self.indexed(self.candidates(request), search_term)
        asked = {name: request.GET[name] for name in self.indexed_lookups if name in request.GET}
        try:
            rows = rows.filter(**asked)
        except (ValidationError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error
        most = request.META.get(lists.MOST, lists.LOOKED_THROUGH)
        return lists.newest(rows, self.newest_by, scope.wanted(request, self.model), most)

    def candidates(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of which the newest are looked through; a filter that an index serves leaves only its own."""
        return self.of_venue(request)

    def indexed(self, rows: QuerySet[Any], search_term: str) -> QuerySet[Any]:
        """What an index finds of a search, or all."""
        return rows

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context and context["cl"].shortened:
            own = context["cl"].shortened == lists.LOOKED_THROUGH
            words = _("Among the newest {count} rows") if own else _("Among the newest {count} rows of all markets")
            context["subtitle"] = words.format(count=f"{context['cl'].shortened:,}")
        return response
