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
    max_in_flight: requests that one worker takes at a time; more are answered 429. timeout: seconds for one request;
    batch_timeout: for a /recommend_batch, which makes up to 1,000 decisions.
    fast_lane: answer the declared endpoints in front of BentoML's stack. feature_sample: the share of decisions whose
    feature rows are logged whole. poll_seconds: how often catalogue, keys and model are looked at.
    identity_key: the secret that keeps identifiers unreadable (32 bytes in hex or base64), "" for the one in the file
    identity.key of home, made on first use. identifiers: whether their values are kept encrypted beside their digests,
    or omitted. region: of phone numbers written without country code, ISO 3166 alpha-2. strong_identifiers: types of
    external ids that belong to one person alone, separated by commas; declare one before it is first told.
    dead_letters, dead_letter_days: how many refused events are kept at most, and for how long; the oldest leave.
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
    timeout: float = Field(default=2.0, gt=0)
    batch_timeout: float = Field(default=60.0, gt=0)
    body_timeout: float = Field(default=10.0, gt=0)
    poll_seconds: float = Field(default=1.0, gt=0)
    fast_lane: bool = True
    feature_sample: float = Field(default=0.01, ge=0, le=1)
    identity_key: SecretStr = SecretStr("")
    identifiers: Literal["encrypted", "omitted"] = "encrypted"
    region: str | None = None
    strong_identifiers: str = ""
    dead_letters: int = Field(default=100_000, ge=1)
    dead_letter_days: int = Field(default=30, ge=1)

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None) -> str | None:
        code = (region or "").strip().upper()
        if code and code not in SUPPORTED_REGIONS:
            raise ValueError(f"region is {region}; it is a country's ISO 3166 code; write it like GB")
        return code or None

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
        }


def _listed(types: str) -> frozenset[str]:
    named = (one.strip().lower() for one in types.split(","))
    return frozenset(one for one in named if one)
