"""Where things are and how the service behaves, from the environment; importable without BentoML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from features.stores.protocol import LetterLimits
    from features.vault import Vault


class Settings(BaseSettings):
    """Each field is NEXTBEST_<NAME> in the environment, except tracking_uri, which is MLFLOW_TRACKING_URI.

    home: folder of store, default MLflow database and metrics. store_url, tracking_uri: "" for the ones in home.
    max_in_flight: requests that one worker takes at a time; more are answered 429. max_wait: seconds that a request may
    expect to wait for its turn, else it is answered 429; max_background_wait: of events, feedback and batches. timeout:
    seconds for one request; batch_timeout: for a /recommend_batch, which makes up to 1,000 decisions.
    fast_lane: answer the declared endpoints in front of BentoML's stack. feature_sample: the share of decisions whose
    feature rows are logged whole. poll_seconds: how often catalogue, keys and model are looked at; a swap is noticed
    within two. training_people: about how many people's histories training and its judging hold at most; None:
    everybody's.
    identity_key: the secret that keeps identifiers unreadable (32 bytes in hex or base64), "" for the one in the file
    identity.key of home, made on first use. identifiers: whether their values are kept encrypted beside their digests,
    or omitted. region: of phone numbers written without country code, ISO 3166 alpha-2. strong_identifiers: types of
    external ids that belong to one person alone, separated by commas; declare one before it is first told.
    dead_letters, dead_letter_days: how many refused events are kept at most, and for how long; the oldest leave.
    console_channel: the channel whose actions the console suggests. console_frame_ancestors: origins of the pages that
    may show it in a frame, separated by spaces. console_mlflow: where people open MLflow; "": where the registry is, if
    it is a server. console_url: where people open the console, without a path; "": as it is asked for. oidc_*: of an
    OpenID provider, and the claim of its id token that is the account's name. console_session_hours,
    console_idle_minutes: how long somebody stays signed in, and without doing anything.
    """

    model_config = SettingsConfigDict(env_prefix="NEXTBEST_", frozen=True, extra="ignore", populate_by_name=True)

    home: Path = Path(".nextbest")
    store_url: str = ""
    tracking_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
    model_name: str = "nextbest"
    host: str = "127.0.0.1"
    port: int = Field(default=3000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    max_in_flight: int = Field(default=256, ge=1)
    max_wait: float = Field(default=0.1, gt=0)
    max_background_wait: float = Field(default=1.0, gt=0)
    timeout: float = Field(default=2.0, gt=0)
    batch_timeout: float = Field(default=60.0, gt=0)
    body_timeout: float = Field(default=10.0, gt=0)
    poll_seconds: float = Field(default=1.0, gt=0, le=2)
    fast_lane: bool = True
    feature_sample: float = Field(default=0.01, ge=0, le=1)
    training_people: int | None = Field(default=None, ge=100)
    identity_key: SecretStr = SecretStr("")
    identifiers: Literal["encrypted", "omitted"] = "encrypted"
    region: str | None = None
    strong_identifiers: str = ""
    dead_letters: int = Field(default=100_000, ge=1)
    dead_letter_days: int = Field(default=30, ge=1)
    console_channel: str = "agent"
    console_frame_ancestors: str = ""
    console_mlflow: str = ""
    console_url: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_claim: str = "email"
    console_session_hours: int = Field(default=12, ge=1, le=168)
    console_idle_minutes: int = Field(default=30, ge=1, le=1440)

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None) -> str | None:
        code = (region or "").strip().upper()
        if code and code not in SUPPORTED_REGIONS:
            raise ValueError(f"region is {region}; it is a country's ISO 3166 code; write it like GB")
        return code or None

    @field_validator("console_frame_ancestors")
    @classmethod
    def _origins(cls, ancestors: str) -> str:
        from serving.origins import checked_origin  # noqa: PLC0415

        return " ".join(checked_origin(one) for one in ancestors.split())

    @field_validator("oidc_issuer", "console_url")
    @classmethod
    def _over_tls(cls, address: str) -> str:
        from urllib.parse import urlsplit  # noqa: PLC0415

        from serving.loopback import is_loopback  # noqa: PLC0415

        parts = urlsplit(address)
        if address and parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError(
                f"address is {address}; it is https, or http on this machine; write it like https://id.example"
            )
        return address.rstrip("/")

    @field_validator("strong_identifiers")
    @classmethod
    def _of_one_person_alone(cls, types: str) -> str:
        from features.identity import check_declared  # noqa: PLC0415

        check_declared(_listed(types))
        return types

    @property
    def absolute_home(self) -> Path:
        return self.home.expanduser().resolve()

    @property
    def effective_store_url(self) -> str:
        return self.store_url or f"sqlite:///{quote(str(self.absolute_home / 'store.db'))}"

    @property
    def effective_tracking_uri(self) -> str:
        return self.tracking_uri or f"sqlite:///{self.absolute_home / 'mlflow.db'}"

    @property
    def declared_strong(self) -> frozenset[str]:
        return _listed(self.strong_identifiers)

    @property
    def console_ancestors(self) -> tuple[str, ...]:
        """Origins of pages that may show the console in a frame; none: nobody's."""
        return tuple(self.console_frame_ancestors.split())

    @property
    def mlflow_pages(self) -> str:
        """Where people open MLflow, without a slash at the end; "" for nowhere."""
        server = self.effective_tracking_uri if self.effective_tracking_uri.startswith(("http://", "https://")) else ""
        return (self.console_mlflow or server).rstrip("/")

    @property
    def letter_limits(self) -> LetterLimits:
        from features.stores.protocol import LetterLimits  # noqa: PLC0415

        return LetterLimits(self.dead_letters, self.dead_letter_days)

    @property
    def omits_identifiers(self) -> bool:
        return self.identifiers == "omitted"

    def vault(self) -> Vault:
        """What keeps the store's identifiers unreadable. Raises VaultError, OSError."""
        from features.vault import KEY_FILE, Vault, key_file, key_from_text  # noqa: PLC0415

        told = self.identity_key.get_secret_value()
        secret = key_from_text(told) if told else key_file(self.absolute_home / KEY_FILE)
        return Vault(secret, omitted=self.omits_identifiers)

    def environment(self) -> dict[str, str]:
        """The variables that make another process read these very settings, paths absolute."""
        return {
            "NEXTBEST_HOME": str(self.absolute_home),
            "NEXTBEST_STORE_URL": self.effective_store_url,
            "MLFLOW_TRACKING_URI": self.effective_tracking_uri,
            "NEXTBEST_MODEL_NAME": self.model_name,
            "NEXTBEST_HOST": self.host,
            "NEXTBEST_PORT": str(self.port),
            "NEXTBEST_WORKERS": str(self.workers),
            "NEXTBEST_MAX_IN_FLIGHT": str(self.max_in_flight),
            "NEXTBEST_MAX_WAIT": str(self.max_wait),
            "NEXTBEST_MAX_BACKGROUND_WAIT": str(self.max_background_wait),
            "NEXTBEST_TIMEOUT": str(self.timeout),
            "NEXTBEST_BATCH_TIMEOUT": str(self.batch_timeout),
            "NEXTBEST_BODY_TIMEOUT": str(self.body_timeout),
            "NEXTBEST_POLL_SECONDS": str(self.poll_seconds),
            "NEXTBEST_FAST_LANE": str(self.fast_lane),
            "NEXTBEST_FEATURE_SAMPLE": str(self.feature_sample),
            "NEXTBEST_IDENTITY_KEY": self.identity_key.get_secret_value(),
            "NEXTBEST_IDENTIFIERS": self.identifiers,
            "NEXTBEST_REGION": self.region or "",
            "NEXTBEST_STRONG_IDENTIFIERS": self.strong_identifiers,
            "NEXTBEST_DEAD_LETTERS": str(self.dead_letters),
            "NEXTBEST_DEAD_LETTER_DAYS": str(self.dead_letter_days),
            "NEXTBEST_CONSOLE_CHANNEL": self.console_channel,
            "NEXTBEST_CONSOLE_FRAME_ANCESTORS": self.console_frame_ancestors,
            "NEXTBEST_CONSOLE_URL": self.console_url,
            "NEXTBEST_OIDC_ISSUER": self.oidc_issuer,
            "NEXTBEST_OIDC_CLIENT_ID": self.oidc_client_id,
            "NEXTBEST_OIDC_CLIENT_SECRET": self.oidc_client_secret.get_secret_value(),
            "NEXTBEST_OIDC_CLAIM": self.oidc_claim,
            "NEXTBEST_CONSOLE_MLFLOW": self.console_mlflow,
            "NEXTBEST_CONSOLE_SESSION_HOURS": str(self.console_session_hours),
            "NEXTBEST_CONSOLE_IDLE_MINUTES": str(self.console_idle_minutes),
        }


def _listed(types: str) -> frozenset[str]:
    named = (one.strip().lower() for one in types.split(","))
    return frozenset(one for one in named if one)
