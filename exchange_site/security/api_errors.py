"""What a page's script is told when something is not done: JSON with a stable code, for which it has words."""

import math
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache

JSON = "application/json"


class Refusal(Exception):
    """It is not done, and nothing has changed; of 504 nobody knows that yet. `retry_after`: seconds after which it may
    be asked again."""

    def __init__(self, status: int, code: str, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after

    def response(self) -> JsonResponse:
        body: dict[str, object] = {"code": self.code}
        if self.detail:
            body["message"] = self.detail
        response = JsonResponse(body, status=self.status)
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(math.ceil(self.retry_after))
        return response


def answers_posts(view: Callable[[HttpRequest], dict[str, object]]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A view that is asked by POST and gives what becomes the answer; nobody keeps a copy of it on the way."""

    def respond(request: HttpRequest) -> HttpResponse:
        try:
            if request.method != "POST":
                raise Refusal(405, "method_not_allowed")
            return JsonResponse(view(request))
        except Refusal as refusal:
            return refusal.response()

    return never_cache(respond)
