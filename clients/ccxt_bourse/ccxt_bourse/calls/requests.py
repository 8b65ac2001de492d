"""One request over HTTP, and what its refusal is in ccxt's words."""

from __future__ import annotations

from typing import Any

from ccxt.base.errors import AuthenticationError

from ccxt_bourse import errors
from ccxt_bourse.arguments import check_values, is_text
from ccxt_bourse.description import description
from ccxt_bourse.parsing import Fields, Parsing


class Requests(Parsing):
    """Mixed into an exchange class of ccxt, which calls these by their names."""

    @property
    def address(self) -> str:
        """`hostname` may be HOST:PORT, or an address with its scheme."""
        host = str(self.hostname).rstrip("/")
        return host if "://" in host else f"http://{host}"

    def describe(self) -> Any:
        return self.deep_extend(super().describe(), description())  # type: ignore[misc]

    def sign(
        self,
        path: str,
        api: str = "public",
        method: str = "GET",
        params: Fields | None = None,
        headers: Fields | None = None,
        body: str | None = None,
    ) -> Fields:
        given = {name: value for name, value in (params or {}).items() if value is not None}
        check_values(given)
        in_path = {name: self.encode_uri_component(str(given[name])) for name in self.extract_params(path)}
        query = self.omit(given, list(in_path))
        url = self.urls["api"]["rest"].replace("{address}", self.address) + self.implode_params(path, in_path)
        headers = {}
        if api == "private":
            self.check_required_credentials()
            headers |= self._credentials()
        if method in ("POST", "PATCH"):
            headers["Content-Type"] = "application/json"
            body = self.json(query)
        elif query:
            url += "?" + self.urlencode(query, True)
        return {"url": url, "method": method, "headers": headers, "body": body}

    def _credentials(self) -> Fields:
        """The token, and whose it shall be: the exchange refuses somebody else's. What a header cannot hold is no
        token."""
        if not (self.secret.isascii() and self.secret.isprintable()):
            raise AuthenticationError("bourse: secret is no token: a token is letters and digits")
        return {"Authorization": f"Bearer {self.secret}", "X-User-ID": self._user()}

    def _user(self) -> str:
        """As an address and a header have it."""
        if not is_text(self.apiKey):
            raise AuthenticationError("bourse: apiKey is no text")
        return str(self.encode_uri_component(self.apiKey))

    def handle_errors(
        self,
        status: int,
        reason: str,
        url: str,
        method: str,
        headers: Any,
        body: str,
        response: Any,
        request_headers: Any,
        request_body: Any,
    ) -> None:
        if status < 400:
            return
        failure = errors.failure(response, headers.get("Retry-After"))
        if failure is not None:
            raise failure
