"""A synthetic shop served from a store on either engine, as often as it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from features.vault import Vault
from tests.checks.store_examples import SECRET, VAULT
from tests.serving.running import Running, started, wait_until_ready
from tests.serving.synthetic import make_shop


@dataclass(frozen=True, slots=True)
class Place:
    """home: of the service. url: of the store. vault: None for the key file beside an SQLite store."""

    home: Path
    url: str
    vault: Vault | None
    workers: int = 2
    extra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str, home: Path, **extra: str) -> Place:
        return cls(home, url, None if url.startswith("sqlite:") else VAULT, extra=extra)

    def make_shop(self) -> None:
        make_shop(self.home, url=self.url, vault=self.vault)

    def started(self, port: int | None = None) -> Running:
        key = {} if self.vault is None else {"NEXTBEST_IDENTITY_KEY": SECRET.hex()}
        return started(self.home, self.workers, port=port, NEXTBEST_STORE_URL=self.url, **key, **self.extra)

    @contextmanager
    def served(self, new: bool = True) -> Iterator[Running]:
        """Ready; killed in the end. new: the shop is made first."""
        if new:
            self.make_shop()
        running = self.started()
        try:
            wait_until_ready(running)
            yield running
        finally:
            running.kill()
