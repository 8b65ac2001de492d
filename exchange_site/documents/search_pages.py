"""The search as a page, and as JSON for the line at the top of every page."""

from functools import cache, lru_cache
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_cookie

from exchange_site.documents.links import address_of
from exchange_site.documents.pages import chosen_language, language, rendered, spoken
from exchange_site.documents.reference import CHINESE
from exchange_site.documents.search import MOST_FOUND, MOST_LETTERS, Entry, Found, search
from exchange_site.documents.shelf import documents, groups
from trading.core.codes import Code

NAMES = {"en": "English", "zh-CN": "中文"}
PROOFS = {"conformance", "reliability", "performance", "scale", "authority", "decisions", "changelog"}
"""Documents that show that something is so, or why: who looks for how to do it wants the others first."""
PROOF = 0.5
"""What a section of theirs is worth beside another."""
KEPT = 500
"""Queries whose answers are kept: what is typed again costs nothing."""


class Hit(NamedTuple):
    """`language`: of the text, as HTML names it. `named`: its own name where it is not that of the page."""

    address: str
    found: Found
    language: str
    named: str


@cache
def _entries(language: str) -> list[Entry]:
    """All sections, as somebody who reads this language sees them."""
    with translation.override(language):
        return [
            Entry.of(name, translation.gettext(document.title), *section, worth=PROOF if name in PROOFS else 1)
            for name, document in documents().items()
            for section in rendered(name, language).sections
        ]


@lru_cache(maxsize=KEPT)
def _search(query: str, language: str) -> list[Hit]:
    """What the reader's own texts say comes first; then sections that only say it in the other language."""
    other = "en" if language == CHINESE else CHINESE
    own = search(_entries(language), query)
    seen = {(each.name, each.anchor) for each in own}
    more = [each for each in search(_entries(other), query) if (each.name, each.anchor) not in seen]
    translated = [each for each in more if _spoken(each, other) != _spoken(each, language)]
    hits = [*(_hit(each, language) for each in own), *(_hit(each, language, other) for each in translated)]
    return hits[:MOST_FOUND]


def _spoken(found: Found, language: str) -> str:
    return spoken(documents()[found.name], language)


def _hit(found: Found, reader: str, other: str = "") -> Hit:
    said = _spoken(found, other or reader)
    asked = f"?lang={other}" if other else ""
    address = address_of(found.name) + asked + (f"#{found.anchor}" if found.anchor else "")
    return Hit(address, found, said, "" if said[:2] == reader[:2] else NAMES[said])


def _query(request: HttpRequest) -> str:
    return " ".join(request.GET.get("q", "").split())


@require_safe
@chosen_language
@cache_control(private=True, max_age=60)
@vary_on_cookie
def for_programs(request: HttpRequest) -> JsonResponse:
    """`q`: what to look for. `results`: each with `address`, `title` of the document, `heading`, `language` (with its
    name in `named`, if it is not that of the page), and `excerpt`, pieces of text with whether they are a match.
    400: the query is too long."""
    query = _query(request)
    if len(query) > MOST_LETTERS:
        return JsonResponse(
            {"code": Code.MALFORMED, "message": f"A query has at most {MOST_LETTERS} letters"}, status=400
        )
    results = [
        {
            "address": each.address,
            "title": each.found.title,
            "heading": each.found.heading,
            "language": each.language,
            "named": each.named,
            "excerpt": each.found.excerpt,
        }
        for each in _search(query, language())
    ]
    return JsonResponse({"query": query, "results": results})


@require_safe
@chosen_language
@cache_control(private=True, no_cache=True)
@vary_on_cookie
def for_people(request: HttpRequest) -> HttpResponse:
    query = _query(request)
    too_long = len(query) > MOST_LETTERS
    results = [] if too_long else _search(query, language())
    context: dict[str, Any] = {"groups": groups(), "query": query, "results": results, "too_long": too_long}
    return render(request, "documents/search.html", context | {"most": MOST_LETTERS}, status=400 if too_long else 200)


def routes() -> list[URLPattern]:
    return [
        path("docs/search/", for_people, name="documents-search"),
        path("docs/search.json", for_programs, name="documents-search-json"),
    ]
