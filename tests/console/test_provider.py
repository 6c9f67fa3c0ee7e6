"""Signing in through an OpenID provider: a small real one, on this machine, that can also be made to lie."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from features.stores import open_store
from features.stores.desk import Account
from serving.console.provider import FAULTS, Description, Provider
from serving.console.visit import COOKIE
from serving.settings import Settings
from tests.console.call_centre import CallCentre
from tests.serving.running import Running, started, wait_until_ready
from tests.serving.synthetic import PUBLISHED_AT, store_url

CLIENT, SECRET = "console", "a secret of both"


@dataclass
class IdProvider:
    """twist: changes the claims of the next id token. sign: makes it. asked: of the newest authorization."""

    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    twist: Callable[[dict[str, object]], None] = lambda _: None
    algorithm: str = "RS256"
    asked: dict[str, str] = field(default_factory=dict)

    def discovery(self) -> dict[str, object]:
        paths = {"authorization_endpoint": "/ask", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return {"issuer": self.url, **{name: self.url + path for name, path in paths.items()}}

    def keys(self) -> dict[str, object]:
        return {"keys": [self.key.as_dict(private=False)]}

    def token(self, form: dict[str, str]) -> dict[str, object]:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        assert challenge.decode() == self.asked["code_challenge"]
        assert form["redirect_uri"] == self.asked["redirect_uri"]
        now = int(time.time())
        claims: dict[str, object] = {"iss": self.url, "aud": CLIENT, "sub": "17", "iat": now, "exp": now + 300}
        claims |= {"nonce": self.asked["nonce"], "email": "Ada@Example.com", "email_verified": True}
        self.twist(claims)
        key = self.key if self.algorithm == "RS256" else OctKey.import_key(SECRET * 3)
        header = {"alg": self.algorithm, **({"kid": self.key.kid} if self.algorithm == "RS256" else {})}
        return {"id_token": jwt.encode(header, claims, key, [self.algorithm]), "token_type": "Bearer"}


@contextmanager
def served(provider: IdProvider) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def _answer(self, body: object) -> None:
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self._answer(provider.keys() if self.path == "/keys" else provider.discovery())

        def do_POST(self) -> None:
            expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            assert self.headers["Authorization"] == f"Basic {expected}"
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(provider.token({name: values[0] for name, values in parse_qs(body).items()}))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def provider() -> Iterator[IdProvider]:
    made = IdProvider()
    with served(made):
        yield made


@pytest.fixture(scope="module")
def desk(centre: CallCentre, provider: IdProvider) -> Iterator[Running]:
    home = centre.running.home
    store = open_store(store_url(home))
    store.put_account(Account("ada@example.com", frozenset({"agent"}), "", provider.url, PUBLISHED_AT))
    store.put_account(Account("local@example.com", frozenset({"admin"}), "", "", PUBLISHED_AT))
    store.close()
    settings = {
        "NEXTBEST_OIDC_ISSUER": provider.url,
        "NEXTBEST_OIDC_CLIENT_ID": CLIENT,
        "NEXTBEST_OIDC_CLIENT_SECRET": SECRET,
        "BENTOML_HOME": str(home / "oidc"),
    }
    running = started(home, **settings)
    try:
        wait_until_ready(running)
        yield running
    finally:
        running.kill()


def come_back(desk: Running, provider: IdProvider, **changes: str) -> httpx.Response:
    """There and back again, as a browser does it."""
    with httpx.Client(base_url=desk.url, timeout=20) as client:
        asked = client.get("/console/oidc")
        assert asked.status_code == 303, asked.text
        provider.asked = {
            name: values[0] for name, values in parse_qs(urlsplit(asked.headers["location"]).query).items()
        }
        return client.get("/console/oidc/back", params={"code": "c", "state": provider.asked["state"], **changes})


def test_who_is_known_to_both_is_let_in(desk: Running, provider: IdProvider) -> None:
    assert "Sign in with 127.0.0.1" in httpx.get(f"{desk.url}/console/sign-in").text
    answer = come_back(desk, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    cookies = dict(one.split(";")[0].split("=", 1) for one in answer.headers.get_list("set-cookie"))
    page = httpx.get(f"{desk.url}/console/find", cookies={COOKIE: cookies[COOKIE]})
    assert "signed in as ada@example.com" in page.text
    provider.key = RSAKey.generate_key(2048, auto_kid=True)  # keys change
    assert come_back(desk, provider).status_code == 303


LIES: dict[str, Callable[[dict[str, object]], None]] = {
    "another issuer": lambda claims: claims.update(iss="https://elsewhere.example"),
    "another audience": lambda claims: claims.update(aud="another"),
    "another party": lambda claims: claims.update(azp="another"),
    "over": lambda claims: claims.update(exp=int(time.time()) - 600),
    "another nonce": lambda claims: claims.update(nonce="x"),
    "no nonce": lambda claims: claims.pop("nonce") and None,
    "not verified": lambda claims: claims.update(email_verified=False),
    "no name": lambda claims: claims.pop("email") and None,
    "nobody here": lambda claims: claims.update(email="eve@example.com"),
    "a local account": lambda claims: claims.update(email="local@example.com"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_is_not_good_lets_nobody_in(desk: Running, provider: IdProvider, lie: str) -> None:
    provider.twist = LIES[lie]
    try:
        answer = come_back(desk, provider)
    finally:
        provider.twist = lambda _: None
    assert answer.status_code == 403
    assert COOKIE not in str(answer.headers.get_list("set-cookie"))


def test_neither_another_key_nor_the_shared_secret_signs(desk: Running, provider: IdProvider) -> None:
    provider.algorithm = "HS256"
    try:
        assert come_back(desk, provider).status_code == 403
    finally:
        provider.algorithm = "RS256"
    good, provider.key = provider.key, RSAKey.generate_key(2048, auto_kid=True)
    provider.keys = lambda: {"keys": [good.as_dict(private=False)]}  # type: ignore[method-assign]
    try:
        assert come_back(desk, provider).status_code == 403
    finally:
        provider.key = good
        del provider.keys  # type: ignore[attr-defined]


def test_who_comes_back_without_having_left_is_not_let_in(desk: Running, provider: IdProvider) -> None:
    assert come_back(desk, provider, state="x").status_code == 403
    assert come_back(desk, provider, code="").status_code == 403
    answer = httpx.get(f"{desk.url}/console/oidc/back?code=c&state={provider.asked['state']}")
    assert answer.status_code == 403
    assert KeySet([provider.key]).keys


BAD: tuple[object, ...] = ([], {}, "text", {"issuer": 7}, {"keys": 3}, {"keys": [{}]}, {"id_token": None})
BAD_FIELDS: tuple[dict[str, object], ...] = (
    {"authorization_endpoint": "javascript:alert(1)"},
    {"token_endpoint": None},
    {"jwks_uri": "/keys"},
    {"jwks_uri": "http://[::1/keys"},
    {"issuer": "https://elsewhere.example"},
)


@pytest.mark.parametrize("bad", BAD, ids=str)
@pytest.mark.parametrize("of", ["discovery", "keys", "token"])
def test_a_provider_that_talks_nonsense_lets_nobody_in(
    desk: Running, provider: IdProvider, bad: object, of: str
) -> None:
    good, provider.key = provider.key, RSAKey.generate_key(2048, auto_kid=True)  # so that it is asked anew
    setattr(provider, of, lambda *_: bad)
    try:
        with httpx.Client(base_url=desk.url, timeout=20) as client:
            answer = client.get("/console/oidc")  # what was not understood is asked for at once the next time
            if answer.status_code == 303:
                query = parse_qs(urlsplit(answer.headers["location"]).query)
                provider.asked = {name: values[0] for name, values in query.items()}
                answer = client.get("/console/oidc/back", params={"code": "c", "state": provider.asked["state"]})
    finally:
        delattr(provider, of)
        provider.key = good
    assert answer.status_code == 403
    assert "The provider did not let you in" in answer.text


def described(settings: Settings) -> Description:
    """Apart from the loop that the browser's driver keeps in this thread."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(lambda: asyncio.run(Provider().description(settings))).result()


@pytest.mark.parametrize("bad", BAD_FIELDS, ids=str)
def test_a_description_is_read_whole_or_not_at_all(bad: dict[str, object]) -> None:
    odd = IdProvider()
    with served(odd):
        whole = odd.discovery()
        odd.discovery = lambda: {**whole, **bad}  # type: ignore[method-assign]
        settings = Settings(oidc_issuer=odd.url, oidc_client_id=CLIENT)
        with pytest.raises(FAULTS):
            described(settings)
        del odd.discovery  # type: ignore[attr-defined]
        found = described(settings)
    assert found.token_endpoint == f"{odd.url}/token"


def test_without_a_provider_there_is_none(centre: CallCentre) -> None:
    answer = httpx.get(f"{centre.running.url}/console/oidc")
    assert answer.status_code == 403
    assert "Sign in with" not in answer.text
