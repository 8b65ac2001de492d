"""`python -m tests.contracts.write`: write the contracts of this version, of REST and of the socket, to
docs/contracts/."""

import os

import django

from tests.contracts.released import CONTRACTS

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    django.setup()
    from exchange_site.page import api_documents
    from trading.websocket.contract import asyncapi

    rest = CONTRACTS / f"openapi-{api_documents.document()['info']['version']}.json"
    rest.write_bytes(api_documents.as_json())
    socket = CONTRACTS / f"asyncapi-{asyncapi.VERSION}.json"
    socket.write_bytes(asyncapi.as_json())
    print(rest.name, socket.name)
