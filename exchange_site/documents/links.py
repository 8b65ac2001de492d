"""Where a link of a document leads to on the site: the same text is read on GitHub, where links are paths of files."""

import posixpath
from collections.abc import Callable

from django.urls import reverse

from exchange_site.documents.shelf import Document, by_source, documents, files


def address_of(name: str) -> str:
    return reverse("document", args=[name])


def target_in(document: Document, *, chinese: bool = False) -> Callable[[str], str]:
    """What turns links of a document, as Chinese readers or others see it, into addresses."""
    twin = document.twin if chinese else None
    source = twin or document.source

    def target(link: str) -> str:
        path, mark, anchor = link.partition("#")
        if not path or ":" in path or path.startswith("/"):
            return link
        found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        meant = _meant(found)
        if meant is None:
            return reverse("document-file", args=[found]) + mark + anchor if found in files() else link
        if found == meant.twin:
            asked = "" if chinese else "?lang=zh-hans"
        else:  # a whole English text that has a Chinese one is meant; a part of it is there in either
            asked = "?lang=en" if twin and meant.twin and not anchor else ""
        return address_of(meant.name) + asked + mark + anchor

    return target


def _meant(path: str) -> Document | None:
    return by_source().get(path) or by_source().get(f"{path}/README.md") or documents().get(path.removeprefix("docs/"))
