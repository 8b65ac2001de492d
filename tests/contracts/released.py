"""The released contracts in docs/contracts/, and what of a newer one would break their clients."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "docs/contracts"
CHANGELOG = ROOT / "CHANGELOG.md"


def released(kind: str) -> list[Path]:
    """The files of a kind, the oldest first."""
    return sorted(
        CONTRACTS.glob(f"{kind}-*.json"), key=lambda file: [int(part) for part in version_of(file).split(".")]
    )


def version_of(file: Path) -> str:
    return file.stem.rpartition("-")[2]


def read(file: Path) -> Json:
    found: Json = json.loads(file.read_bytes())
    return found


def have_same_first_number(version: str, other: str) -> bool:
    return version.split(".", maxsplit=1)[0] == other.split(".", maxsplit=1)[0]


def broken_schemas(old: Json, new: Json) -> list[str]:
    """What a client that knows the old messages, by name, would miss or be asked for. Those that may have no unknown
    fields are what clients send."""
    found = []
    for name, schema in old.items():
        now = new.get(name, {})
        had, has = schema.get("properties", {}), now.get("properties", {})
        found += [f"{name} has no {field}" for field in set(had) - set(has)]
        needed, needs = set(schema.get("required", [])), set(now.get("required", []))
        if schema.get("additionalProperties") is False:
            found += [f"{name} needs {field}" for field in needs - needed]
        else:
            found += [f"{name} may lack {field}" for field in needed - needs]
    return found
