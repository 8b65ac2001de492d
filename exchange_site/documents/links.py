"""Where a link of a document leads to on the site: the same text is read on GitHub, where links are paths of files."""

import posixpath
from collections.abc import Callable

from django.urls import reverse

from exchange_site.documents.shelf import Document, by_source, documents, files


def address_of(name: str) -> str:
    return reverse("document", args=[name])


def target_in(document: Document, *, chinese: bool = False) -> Callable[[str], str]:
    """What turns links of a document, or of its Chinese text, into addresses."""
    source = document.twin if chinese and document.twin else document.source

    def target(link: str) -> str:
        path, mark, anchor = link.partition("#")
        if not path or ":" in path or path.startswith("/"):
            return link
        found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        address = _address(found, document)
        return link if address is None else address + mark + anchor

    return target


def _address(path: str, seen_from: Document) -> str | None:
    """None: there is no such thing here."""
    meant = by_source().get(path) or by_source().get(f"{path}/README.md") or documents().get(path.removeprefix("docs/"))
    if meant is not None:
        other = meant is seen_from or path == meant.twin
        asked = f"?lang={'zh-hans' if path == meant.twin else 'en'}" if other else ""
        return address_of(meant.name) + asked
    return reverse("document-file", args=[path]) if path in files() else None
