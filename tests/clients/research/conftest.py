"""The command of the other tests, for these too."""

from tests.clients.command_line.conftest import settings_folder, types

__all__ = ["settings_folder", "types"]
