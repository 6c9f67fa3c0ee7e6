"""The smaller parts of what a store does: bundles of models, keys, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from features.stores.protocol import AccessKey


@dataclass(frozen=True, slots=True)
class ServingModel:
    version: str
    digest: str
    run_id: str
    since: int


class BundleStore(Protocol):
    def put_bundle(self, digest: str, files: Mapping[str, bytes]) -> None: ...

    def bundle(self, digest: str) -> Mapping[str, bytes] | None: ...

    def set_serving(self, version: str, digest: str, run_id: str, since: int) -> None:
        """The last good model: what serves when the registry cannot be reached."""

    def serving(self) -> ServingModel | None: ...


class KeyStore(Protocol):
    def add_key(self, key: AccessKey) -> None: ...

    def revoke_key(self, key_id: str) -> bool: ...

    def keys(self) -> tuple[AccessKey, ...]: ...


CLOCK_SETTING: Final = "clock"
DRIVEN: Final = "driven"
"""What CLOCK_SETTING says where the store's present is moved forward by hand, as a demo's is."""
DATA_SETTING: Final = "data"
"""Where a store with a driven clock keeps, in words, whose data these are: public or SYNTHETIC."""


class Settings(Protocol):
    """Facts about the store itself: the driven clock's present, whether it is a demo, the signing secret."""

    def setting(self, name: str) -> str | None: ...

    def put_setting(self, name: str, value: str) -> None: ...

    def put_setting_once(self, name: str, value: str) -> str:
        """Set it unless any process has, and return what stands: the same for everybody who asks."""

    def advance_present(self, moment: int) -> int:
        """Move the driven clock's present forward to `moment` (never back) and return the present."""


class Paced(Protocol):
    def foresee(self, coming: Callable[[], bool]) -> None:
        """coming: whether more will be written at once, so that a group had better wait for it; asked from the thread
        that writes. What nobody foresees is written within two milliseconds."""
