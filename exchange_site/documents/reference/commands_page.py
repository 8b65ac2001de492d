"""The commands of manage.py: what their own --help says, and what docs/operations.md says of each."""

from argparse import SUPPRESS, Action
from collections.abc import Iterator

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, DjangoHelpFormatter
from django.utils.translation import gettext as _

from exchange_site.documents.reference import OPERATIONS
from exchange_site.documents.reference.tables import rows_below, sentence, table

APPS = ("trading", "marketdata", "bots", "exchange_site.cluster")
OF_EVERY_COMMAND = {*DjangoHelpFormatter.show_last, "--help"}


def commands() -> dict[str, BaseCommand]:
    """Ours, by name."""
    return {name: load_command_class(app, name) for name, app in sorted(get_commands().items()) if app in APPS}


def arguments(name: str, command: BaseCommand) -> Iterator[Action]:
    """Those that the command has beside Django's."""
    for each in command.create_parser("manage.py", name)._actions:
        if not OF_EVERY_COMMAND.intersection(each.option_strings) and each.help != SUPPRESS:
            yield each


def commands_page() -> str:
    said = rows_below("Commands")
    parts = [
        f"# {_('Shell commands')}",
        _("Each is started as `manage.py NAME`. When to use which is in [Running Bourse]({address}).").format(
            address=f"{OPERATIONS}#commands"
        ),
    ]
    for name, command in commands().items():
        more = [sentence(rest[0]) for usage, rest in said.items() if usage.split()[1:2] == [name]]
        parts += [f"## {name}", f"`{_usage(name, command)}`", _(command.help), *more]
        rows = [[f"`{_called(each)}`", _default_of(each), _help_of(each)] for each in arguments(name, command)]
        if rows:
            parts.append(table([_("Argument"), _("Default"), _("Meaning")], rows))
    return "\n\n".join(parts)


def _usage(name: str, command: BaseCommand) -> str:
    shown = (_called(each) if each.required else f"[{_called(each)}]" for each in arguments(name, command))
    return " ".join(["manage.py", name, *shown])


def _called(argument: Action) -> str:
    value = str(
        argument.metavar or "{" + ",".join(argument.choices) + "}"
        if argument.choices
        else argument.metavar or argument.dest.upper()
    )
    if not argument.option_strings:
        return value
    return argument.option_strings[-1] if argument.nargs == 0 else f"{argument.option_strings[-1]} {value}"


def _help_of(argument: Action) -> str:
    return _(argument.help).replace("%(default)s", str(argument.default)) if argument.help else ""


def _default_of(argument: Action) -> str:
    """Of paths none: where a server keeps its files is nobody's business."""
    plain = isinstance(argument.default, str | int | float) and not isinstance(argument.default, bool)
    return f"`{argument.default}`" if plain else ""
