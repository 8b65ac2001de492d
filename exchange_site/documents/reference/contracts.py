"""The released documents for programs."""

from django.conf import settings
from django.utils.translation import gettext as _

FOLDER = "docs/contracts"


def contracts() -> str:
    lines = [
        f"# {_('Contracts')}",
        "",
        _("The documents for programs. A released one never changes; the first two are the present ones."),
        "",
        "- [AsyncAPI](/asyncapi.json)",
        "- [OpenAPI](/api/schema/?format=json)",
    ]
    for path in sorted((settings.BASE_DIR / FOLDER).glob("*.json"), reverse=True):
        lines.append(f"- [{path.name}]({FOLDER}/{path.name})")
    return "\n".join(lines) + "\n"
