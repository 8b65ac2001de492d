"""Where each operation is. An address is a view of Django REST framework, by which the OpenAPI document finds it."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from rest_framework.views import APIView

from trading.rest.operation import Operation
from trading.rest.operations import account, market, orders, tokens
from trading.rest.schema import OperationSchema

Operations = Mapping[str, type[Operation]]
OPERATIONS: tuple[type[Operation], ...] = (
    *orders.OPERATIONS,
    *account.OPERATIONS,
    *market.OPERATIONS,
    *tokens.OPERATIONS,
)


class Resource(APIView):
    """An address, with its operations by method. It is served in the loop: nothing of it blocks."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = OperationSchema()
    operations: ClassVar[Operations] = {}
    api: Any = None

    async def dispatch(  # type: ignore[override]  # the framework's own blocks
        self, request: HttpRequest, *_: Any, visit: Any, path: Mapping[str, str]
    ) -> HttpResponse:
        response: HttpResponse = await self.api.serve(visit, self.operations, path)
        return response

    @property
    def allowed_methods(self) -> list[str]:
        return list(self.operations)


def routes(api: Any) -> list[URLPattern]:
    """Of one application; without one, for the document."""
    in_order = sorted(OPERATIONS, key=lambda operation: operation.path.replace("<", "~"))  # words before what is named
    by_path = groupby(in_order, key=lambda operation: operation.path)
    found = []
    for where, some in by_path:
        operations = {operation.method: operation for operation in some}
        handlers = {method.lower(): None for method in operations}
        view: Any = type("Resource", (Resource,), {"operations": operations, **handlers})
        found.append(path(where, view.as_view(api=api)))
    return found
