"""What a demo prints once it serves."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from serving.commands.asking import dry_run
from serving.commands.shell import the_store
from serving.tour import tour

if TYPE_CHECKING:
    from features.stores.protocol import Store
    from serving.settings import Settings


DEMO = "demo"
"""The account that a demo's link signs in."""


class Shown(Protocol):
    """What a demo shows. an_item_of: that the first action of a decision promotes. at_the_desk: lines about whom to
    find at the desk of an address."""

    @property
    def HOUSEHOLD(self) -> str: ...  # noqa: N802 a module's constant

    def an_item_of(self, store: Store, decision: Mapping[str, object]) -> str: ...

    def at_the_desk(self, store: Store, url: str) -> str: ...


def what_to_try(where: Settings, demo: Shown, store: Store) -> str:
    item = demo.an_item_of(store, dry_run(where, demo.HOUSEHOLD, ["mail"], 1, explain=False))
    mlflow = f"{Path(sys.executable).parent / 'mlflow'} ui --backend-store-uri {where.effective_tracking_uri}"
    shown = f"  MLflow           {mlflow} --port {where.port + 1}\n"
    url = f"http://{where.host}:{where.port}"
    desk = f"  agent desktop    {url}/console/link/{_way_in()}  (once)\n{demo.at_the_desk(store, url)}"
    return f"{shown}{desk}{tour(url, demo.HOUSEHOLD, item)}"


def _way_in() -> str:
    """Of a link that signs in to the console of this demo, once."""
    from features.stores.desk import Account
    from serving.console.accounts import new_link, now
    from serving.console.roles import Role

    with the_store() as store:
        if store.account(DEMO) is None:
            store.put_account(Account(DEMO, frozenset({Role.ADMIN.value}), "", "", now()))
        return new_link(store, DEMO)
