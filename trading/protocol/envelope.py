"""What every message of the server has in common."""

import msgspec


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """Documented fields have no default, so they are always written; ours have one and are left out when unset."""
