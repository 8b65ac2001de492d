"""`python -m tests.rest.write_contract`: write the OpenAPI document of this version to docs/contracts/."""

import os
from pathlib import Path

import django

CONTRACTS = Path(__file__).resolve().parents[2] / "docs/contracts"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    django.setup()
    from exchange_site.page.api_documents import as_json, document

    path = CONTRACTS / f"openapi-{document()['info']['version']}.json"
    path.write_bytes(as_json())
    print(path.name)
