"""`deploy/nginx.conf` in front of two gateways: TLS, sockets, pages, and a gateway that goes away."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from exchange_site.cluster.services import Child, nginx_words
from tests.e2e.client import Client, order_fields
from tests.e2e.cluster.making import Cluster, until
from tests.e2e.server import ROOT
from tests.processes import free_port

pytestmark = pytest.mark.long


class Front(msgspec.Struct):
    """nginx with a certificate of its own making."""

    cluster: Cluster
    https: str
    http: str
    trust: ssl.SSLContext

    def client(self, user_id: str | None = None) -> Client:
        token = None if user_id is None else self.cluster.gateways[0].token(user_id)
        return Client(f"wss{self.https.removeprefix('https')}/ws", user_id, token, sslopt={"context": self.trust})

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        try:
            with urlopen(Request(self.https + path, headers=headers), timeout=60, context=self.trust) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()


@pytest.fixture
def front(new_cluster: Callable[..., Cluster]) -> Iterator[Front]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cluster = new_cluster(HTTPS="on", BEHIND_PROXY="on", ALLOWED_HOSTS="localhost,127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="bourse-tests-") as name:
        folder = Path(name)
        key, certificate = folder / "privkey.pem", folder / "fullchain.pem"
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *subject],
            check=True,
            capture_output=True,
            timeout=60,
        )
        plain, secure = free_port(), free_port()
        text = (ROOT / "deploy/nginx.conf").read_text()
        ports = {"8081": cluster.gateways[0].port, "8082": cluster.gateways[1].port}
        for said, meant in {
            **{f"127.0.0.1:{said}": f"127.0.0.1:{port}" for said, port in ports.items()},
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
            "/etc/ssl/bourse": str(folder),
            "bourse.example": "localhost",
        }.items():
            assert said in text, said
            text = text.replace(said, meant)
        words = nginx_words(folder, text)
        if words is None:
            pytest.skip("nginx is not installed")
        tried = subprocess.run([*words, "-t"], capture_output=True, text=True, timeout=60, check=False)
        assert tried.returncode == 0, tried.stderr
        child = Child("nginx", words, folder)
        try:
            child.wait_for(secure)
            trust = ssl.create_default_context(cafile=certificate)
            yield Front(cluster, f"https://localhost:{secure}", f"http://localhost:{plain}", trust)
        finally:
            child.end()


def test_people_trade_through_it(front: Front) -> None:
    with front.client("user001") as one, front.client("user002") as two:
        assert one.order("BUY", 1, 115)["success"] and two.order("SELL", 1, 115)["success"]
        assert one.until("trade")["trade_id"] == two.until("trade")["trade_id"]
    assert front.get("/")[0] == front.get("/readyz")[0] == front.get("/admin/login/")[0] == 200
    token = front.cluster.gateways[0].token("user001")
    status, orders = front.get("/api/v1/orders/", Authorization=f"Bearer {token}")
    assert status == 200 and len(json.loads(orders)["orders"]) == 1
    assert front.get("/metrics")[0] == 404


def test_a_gateway_that_goes_away_is_left_out_and_comes_back(front: Front) -> None:
    """As in a rolling restart: who was there is told, and finds the other gateway at once."""
    with front.client("user001") as client:
        assert client.order("BUY", 1, 115, client_order_id="mine")["success"]
        stopped = 0
        for gateway in front.cluster.gateways:
            gateway.stop()
            for _ in range(8):
                with front.client("user001") as other:
                    again = other.ask("submit_order", client_order_id="mine", **order_fields("BUY", 1, 115))
                    assert again["success"], again
            gateway.start()
            until(lambda: front.get("/readyz")[0] == 200)
            stopped += 1
        assert stopped == 2
        assert client.close_code() == 1012
