"""Which documents there are, for whom, and what each is about."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext_noop as _

from exchange_site.documents.reference.commands_page import commands_page
from exchange_site.documents.reference.contracts import contracts
from exchange_site.documents.reference.errors_page import errors_page
from exchange_site.documents.reference.settings_page import settings_page

ROOT: Path = settings.BASE_DIR
TWIN = ".zh-CN.md"
"""How the name of a document's Chinese text ends."""


class Document(NamedTuple):
    """`name`: its address below /docs/. `source`: its file, from the root of the repository."""

    name: str
    source: str
    title: str
    about: str = ""
    made_by: Callable[[], str] | None = None
    """Makes the Markdown of a document that is no file."""

    @property
    def twin(self) -> str | None:
        """The file of its Chinese text, where there is one."""
        path = self.source.removesuffix(".md") + TWIN
        return path if self.source and (ROOT / path).is_file() else None

    def text(self, *, chinese: bool = False) -> str:
        """Its Markdown; `chinese`: that of its twin."""
        if self.made_by is not None:
            return self.made_by()
        return (ROOT / (self.twin if chinese and self.twin else self.source)).read_text(encoding="utf-8")


class Group(NamedTuple):
    title: str
    documents: list[Document]


def _of_docs(name: str, title: str, about: str) -> Document:
    return Document(name, f"docs/{name}.md", title, about)


LISTED = (
    Group(
        _("Traders"),
        [
            Document("start", "README.md", _("Start here"), _("What Bourse is, how it is started, and a first order.")),
            _of_docs("first-trade", _("The first trade"), _("On the page, with ten lines of Python, with curl.")),
            _of_docs(
                "trading-page", _("The trading page"), _("The terminal in the browser: ways in, what is where, keys.")
            ),
            _of_docs(
                "market-rules",
                _("Market rules"),
                _("Order kinds, phases, settlement, margin and liquidation, with worked examples."),
            ),
            _of_docs("life-of-an-order", _("The life of an order"), _("Its states in a picture, and why it ends.")),
        ],
    ),
    Group(
        _("Programs"),
        [
            _of_docs(
                "protocol",
                _("The WebSocket protocol"),
                _("Every message, field and code of the socket, with examples."),
            ),
            _of_docs(
                "reconnecting", _("When the connection is lost"), _("Four things, and nothing is lost or done twice.")
            ),
            _of_docs("rest", _("REST"), _("Requests and answers over HTTP, with examples for a shell.")),
            Document(
                "clients/python",
                "clients/python/README.md",
                _("The Python client"),
                _("With asyncio and without, and the command line bourse."),
            ),
            Document(
                "clients/vnpy_bourse",
                "clients/vnpy_bourse/README.md",
                _("The gateway for vnpy"),
                _("Strategies of VeighNa (vnpy) trade here."),
            ),
            _of_docs("tqsdk", _("Programs written with tqsdk"), _("They run unchanged: four variables and a token.")),
            _of_docs("ccxt", _("Programs written with ccxt"), _("They trade here by a class of ours.")),
            Document(
                "clients/ccxt_bourse",
                "clients/ccxt_bourse/README.md",
                _("The class for ccxt"),
                _("How it is installed, and what it does."),
            ),
            Document(
                "clients/gym_bourse",
                "clients/gym_bourse/README.md",
                _("The environment for gymnasium"),
                _("One agent against the bots, on an exchange in the process."),
            ),
            Document(
                "examples",
                "examples/README.md",
                _("Examples"),
                _("Clients to start from, in Python, plain JavaScript, React and Vue."),
            ),
            Document(
                "examples/course",
                "examples/course/README.md",
                _("A market maker in an hour"),
                _("A course in six steps, each of which runs."),
            ),
            _of_docs(
                "conformance",
                _("What a client can rely on"),
                _("Each case of the protocol, and the test that shows it."),
            ),
            Document(
                "reference/errors",
                "",
                _("Codes and limits"),
                _("What each refusal means and what helps, and how much one may ask."),
                made_by=errors_page,
            ),
            Document(
                "contracts", "", _("Contracts"), _("Every released AsyncAPI and OpenAPI document."), made_by=contracts
            ),
        ],
    ),
    Group(
        _("Operators"),
        [
            _of_docs(
                "operators", _("The back office"), _("What is where, and what happens, for those who run the market.")
            ),
            _of_docs(
                "operators-desk",
                _("The operators' desk"),
                _("Roles, money, people, settlement, contests, a second person."),
            ),
            _of_docs("authority", _("Who may do what"), _("For every frame, page, change and command.")),
        ],
    ),
    Group(
        _("Those who run the servers"),
        [
            _of_docs("operations", _("Running Bourse"), _("Settings, commands, logs, metrics, alarms, backups.")),
            Document(
                "reference/settings",
                "",
                _("Settings"),
                _("Every variable, its default and why."),
                made_by=settings_page,
            ),
            Document(
                "reference/commands",
                "",
                _("Shell commands"),
                _("Every command and its arguments."),
                made_by=commands_page,
            ),
            _of_docs("deploy", _("Deploying"), _("Service units, nginx, upgrades and backups of a cluster.")),
            _of_docs(
                "cluster", _("Several processes"), _("Gateways, an engine and a standby as processes of their own.")
            ),
            _of_docs(
                "reliability",
                _("What you can rely on"),
                _("What is promised about loss, crashes, floods and strangers, and how to see it."),
            ),
            _of_docs("performance", _("Performance"), _("How fast, against what, and the command that measures it.")),
            _of_docs("scale", _("How far it goes"), _("What each stage costs, and what changes at each power of ten.")),
            Document("security", "SECURITY.md", _("Security"), _("How to report a hole, and what is looked after.")),
        ],
    ),
    Group(
        _("Developers"),
        [
            _of_docs(
                "architecture", _("How Bourse is built"), _("The path of an order, and which folder holds which rule.")
            ),
            Document(
                "contributing",
                "CONTRIBUTING.md",
                _("Contributing"),
                _("Set-up, checks, and how to add things, step by step."),
            ),
            _of_docs("decisions", _("Decisions"), _("Why it is the way it is.")),
            Document("changelog", "CHANGELOG.md", _("Changelog"), _("What is new.")),
        ],
    ),
)
FURTHER = "Programs"
"""The group of documents that nobody has put into a list yet: they are served all the same."""


@cache
def groups() -> tuple[Group, ...]:
    """All documents, by who reads them."""
    listed = {each.source for group in LISTED for each in group.documents}
    further = [_found(path) for path in _files() if path not in listed]
    return tuple(
        Group(group.title, [*group.documents, *further]) if group.title == FURTHER else group for group in LISTED
    )


@cache
def documents() -> dict[str, Document]:
    """By name."""
    return {each.name: each for group in groups() for each in group.documents}


@cache
def by_source() -> dict[str, Document]:
    """By file; that of a Chinese text is another one."""
    found = {each.source: each for each in documents().values() if each.source}
    return found | {each.twin: each for each in documents().values() if each.twin}


def _files() -> Iterator[str]:
    for pattern in ("docs/*.md", "clients/*/README.md"):
        for path in sorted(ROOT.glob(pattern)):
            if not path.name.endswith(TWIN):
                yield path.relative_to(ROOT).as_posix()


def _found(source: str) -> Document:
    name = source.removeprefix("docs/").removesuffix(".md").removesuffix("/README")
    heading = (ROOT / source).read_text(encoding="utf-8").partition("\n")[0]
    return Document(name, source, heading.removeprefix("#").strip() or name)


SOURCES = ("docs", "examples", "clients")
"""Folders whose files documents may show or link to, and what their names end with."""
KINDS = {
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    **dict.fromkeys((".py", ".js", ".html", ".css", ".csv", ".toml"), "text/plain; charset=utf-8"),
}


@cache
def files() -> dict[str, Path]:
    """What is served as it is, by its path from the root of the repository."""
    found = (path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in KINDS)
    return {path.relative_to(ROOT).as_posix(): path for path in found if path.is_file()}
