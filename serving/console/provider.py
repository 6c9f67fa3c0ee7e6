"""Signing in through an OpenID Connect provider: authorization code with PKCE (RFC 7636), and an id token whose
signature, issuer, audience, times and nonce are checked (OpenID Connect Core 1.0, 3.1.3.7).

Nothing is kept between going there and coming back but one secret in a cookie of the browser, of which state, nonce and
verifier are made: whoever comes back without it began elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.responses import Response

from serving.console import sign_in
from serving.console.answering import redirect
from serving.console.visit import Visit, cookie, new_token
from serving.security import digest
from serving.settings import Settings

logger = logging.getLogger("nextbest.console")

COOKIE: Final = "nextbest_oidc"
PATH: Final = "/console/oidc"
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Of id tokens. No provider may sign with the secret that we share with it, or not at all."""
_LEEWAY = 60
_PATIENCE = 10.0
_KEPT = 3600.0
"""Seconds for which a provider's description and keys are used."""


class Description(msgspec.Struct, frozen=True):
    """What the provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it is used. Raises ValueError where
    an address is none."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str

    def __post_init__(self) -> None:
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            parts = urlsplit(getattr(self, name))
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError(f"{name} is no address of the web")


class Tokens(msgspec.Struct, frozen=True):
    """What the token endpoint answers, as far as it is used."""

    id_token: str


class ProviderRefused(Exception):
    """The provider, or what came back from it, does not let anybody in; the message is for the log."""


FAULTS: Final = (ProviderRefused, httpx.HTTPError, httpx.InvalidURL, JoseError, ValueError)
"""Whatever a provider that is away, or that answers what it must not, makes of a sign-in; msgspec's are ValueErrors."""


class Provider:
    """What is known of the settings' provider, looked up when it is needed."""

    def __init__(self) -> None:
        self._known: Description | None = None
        self._keys: KeySet | None = None
        self._looked = 0.0

    async def begin(self, visit: Visit) -> Response:
        settings = visit.runtime.settings
        try:
            known = await self.description(settings)
        except FAULTS as error:
            return _refused(visit, error)
        secret = new_token()
        asked = {
            "response_type": "code",
            "client_id": settings.oidc_client_id,
            "redirect_uri": _back_address(visit),
            "scope": "openid email profile",
            "state": _made_of(secret, "state"),
            "nonce": _made_of(secret, "nonce"),
            "code_challenge": _challenge(_made_of(secret, "verifier")),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in known.authorization_endpoint else "?"
        answer = redirect(f"{known.authorization_endpoint}{joint}{urlencode(asked)}")
        answer.headers["set-cookie"] = _cookie(visit, secret, 600)
        return answer

    async def back(self, visit: Visit) -> Response:
        settings, query = visit.runtime.settings, visit.request.query_params
        secret = visit.request.cookies.get(COOKIE, "")
        state, code = query.get("state", ""), query.get("code", "")
        if not (secret and code) or not hmac.compare_digest(state.encode(), _made_of(secret, "state").encode()):
            return sign_in.refused(visit, "this sign-in was not begun here, or took too long; begin again")
        try:
            claims = await self._claims(visit, settings, secret, code)
            name = _name(claims, settings.oidc_claim)
        except FAULTS as error:
            return _refused(visit, error)
        account = visit.runtime.store.account(name)
        if account is None or account.issuer != settings.oidc_issuer:
            return sign_in.refused(visit, f"{name} is known to the provider and has no account here")
        answer = await sign_in.opened(visit, account.name, sign_in.HOME)
        answer.raw_headers.append((b"set-cookie", _cookie(visit, "", 0).encode("latin-1")))
        return answer

    async def _claims(self, visit: Visit, settings: Settings, secret: str, code: str) -> Mapping[str, object]:
        """Of an id token that is good. Raises ProviderRefused, JoseError, httpx.HTTPError, ValueError."""
        known = await self.description(settings)
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": _back_address(visit),
            "code_verifier": _made_of(secret, "verifier"),
            "client_id": settings.oidc_client_id,
        }
        client_secret = settings.oidc_client_secret.get_secret_value()
        auth = httpx.BasicAuth(settings.oidc_client_id, client_secret) if client_secret else httpx.USE_CLIENT_DEFAULT
        async with httpx.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
            told = await client.post(known.token_endpoint, data=asked, auth=auth)
        if told.status_code != httpx.codes.OK:
            raise ProviderRefused(f"the token endpoint answered {told.status_code}")
        claims = await self._signed(settings, msgspec.json.decode(told.content, type=Tokens).id_token)
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": known.issuer},
            aud={"essential": True, "value": settings.oidc_client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": _made_of(secret, "nonce")},
        )
        registry.validate(dict(claims))
        if claims.get("azp", settings.oidc_client_id) != settings.oidc_client_id:
            raise ProviderRefused("the id token is for another party")
        return claims

    async def _signed(self, settings: Settings, token: str) -> Mapping[str, object]:
        """Keys change: one that is not known is looked for once more."""
        if self._keys is not None:
            try:
                return jwt.decode(token, self._keys, list(ALGORITHMS)).claims
            except (JoseError, ValueError):
                self._known = None
        await self.description(settings)
        if self._keys is None:
            raise ProviderRefused("the provider tells no keys")
        return jwt.decode(token, self._keys, list(ALGORITHMS)).claims

    async def description(self, settings: Settings) -> Description:
        """Raises ProviderRefused, JoseError, httpx.HTTPError, ValueError."""
        if self._known is not None and time.monotonic() - self._looked < _KEPT:
            return self._known
        address = f"{settings.oidc_issuer}/.well-known/openid-configuration"
        async with httpx.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
            told = (await client.get(address)).raise_for_status()
            known = msgspec.json.decode(told.content, type=Description)
            if known.issuer.rstrip("/") != settings.oidc_issuer:
                raise ProviderRefused(f"the provider calls itself {known.issuer}")
            keys = _keys((await client.get(known.jwks_uri)).raise_for_status().content)
        self._known, self._keys, self._looked = known, keys, time.monotonic()
        return known


def _keys(content: bytes) -> KeySet:
    """Raises JoseError, ValueError."""
    try:
        return KeySet.import_key_set(msgspec.json.decode(content))
    except (KeyError, TypeError, AttributeError) as error:  # of a document of another form
        raise ValueError(f"keys are unreadable ({type(error).__name__})") from error


def _name(claims: Mapping[str, object], claim: str) -> str:
    """The account's. Raises ProviderRefused."""
    told = claims.get(claim)
    if not isinstance(told, str) or not told.strip():
        raise ProviderRefused(f"the id token has no {claim}")
    if claim == "email" and claims.get("email_verified") is not True:
        raise ProviderRefused("the provider has not verified the e-mail address")
    return told.strip().lower()


def _back_address(visit: Visit) -> str:
    base = visit.runtime.settings.console_url or str(visit.request.base_url).rstrip("/")
    return f"{base}{PATH}/back"


def _made_of(secret: str, what: str) -> str:
    return digest(f"{what}\0{secret}")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _cookie(visit: Visit, secret: str, seconds: int) -> str:
    """Sent along when the provider sends the browser back, which is another site's doing."""
    return cookie(visit, COOKIE, secret, PATH, seconds)


def _refused(visit: Visit, error: Exception) -> Response:
    """What went wrong is for whoever runs the service."""
    logger.warning("the OpenID provider lets nobody in", extra={"reason": f"{type(error).__name__}: {error}"})
    return sign_in.refused(visit, "the provider did not let you in; try again, or ask whoever runs nextbest")
