"""The pages of the documents. Each is rendered when it is first asked for, and kept: it is the same for everybody."""

from collections.abc import Callable
from functools import cache, wraps
from hashlib import sha256
from typing import Any, NamedTuple

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_safe
from django.views.decorators.vary import vary_on_cookie

from exchange_site.documents.links import target_in
from exchange_site.documents.markdown import Rendered, render
from exchange_site.documents.reference import CHINESE
from exchange_site.documents.shelf import KINDS, Document, documents, files, groups

FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""A picture may choose its colours by the reader's theme; nothing in a file runs."""
View = Callable[..., HttpResponseBase]


class Kept(NamedTuple):
    body: bytes
    etag: str


def chosen_language(view: View) -> View:
    """`?lang=` says in which language, for this page and for those that are opened next; the back office hears it."""

    @wraps(view)
    def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        chosen = request.GET.get("lang", "")
        if chosen not in dict(settings.LANGUAGES):
            return view(request, *args, **kwargs)
        translation.activate(chosen)
        response = view(request, *args, **kwargs)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="Lax",
        )
        return response

    return respond


def language() -> str:
    """One of ours, of the page that is being made."""
    return translation.get_language() or settings.LANGUAGE_CODE


def spoken(document: Document, language: str) -> str:
    """The language of its text for those who read this one, as HTML names it."""
    return "zh-CN" if language == CHINESE and (document.twin or document.made_by) else "en"


@cache
def rendered(name: str, language: str) -> Rendered:
    """A document in a language, else in English. The headings of both have the same anchors."""
    document = documents()[name]
    with translation.override(language):
        if language != CHINESE or document.twin is None:
            return render(document.text(), target_in(document, chinese=language == CHINESE))
        anchors = [each.anchor for each in rendered(name, "en").headings]
        return render(document.text(chinese=True), target_in(document, chinese=True), anchors)


@cache
def _kept(name: str, language: str) -> Kept:
    """A page; that without a name is the list of all."""
    context: dict[str, Any] = {"groups": groups(), "name": name}
    if name:
        document = documents()[name]
        found = rendered(name, language)
        said = spoken(document, language)
        context |= {
            "title": document.title,
            "body": found.html,
            "headings": [each for each in found.headings if each.level in (2, 3)],
            "of_another_language": language == CHINESE and said == "en",
            "spoken": said,
        }
    with translation.override(language):
        body = render_to_string("documents/page.html" if name else "documents/index.html", context).encode()
    return Kept(body, f'"{sha256(body).hexdigest()[:32]}"')


def _etag(request: HttpRequest, name: str = "") -> str | None:
    return _kept(name, language()).etag if not name or name in documents() else None


@require_safe
@chosen_language
@cache_control(no_cache=True)
@vary_on_cookie
@condition(etag_func=_etag)
def document(request: HttpRequest, name: str = "") -> HttpResponse:
    """Browsers keep it, and ask whether it is still the same."""
    if name and name not in documents():
        raise Http404
    return HttpResponse(_kept(name, language()).body)


@require_safe
@cache_control(max_age=3600)
def file(request: HttpRequest, name: str) -> FileResponse:
    """What documents show or link to, as it is: pictures, and the text of examples."""
    found = files().get(name)
    if found is None:
        raise Http404
    response = FileResponse(found.open("rb"), content_type=KINDS[found.suffix])
    response.headers["Content-Security-Policy"] = FILE_POLICY
    return response


def routes() -> list[URLPattern]:
    return [
        path("docs/", document, name="documents"),
        path("docs/files/<path:name>", file, name="document-file"),
        path("docs/<path:name>/", document, name="document"),
    ]
