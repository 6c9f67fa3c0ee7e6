"""What a demo prints once it serves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from serving.commands.asking import dry_run
from serving.commands.shell import the_store
from serving.tour import tour

if TYPE_CHECKING:
    from serving.settings import Settings


DEMO = "demo"
"""The account that a demo's link signs in."""


def what_to_try(where: Settings, customer_id: str, item_of: Callable[[Mapping[str, object]], str]) -> str:
    """item_of: an item that the first action of a decision promotes."""
    item = item_of(dry_run(where, customer_id, ["mail"], 1, explain=False))
    mlflow = f"{Path(sys.executable).parent / 'mlflow'} ui --backend-store-uri {where.effective_tracking_uri}"
    shown = f"  MLflow           {mlflow} --port {where.port + 1}\n"
    url = f"http://{where.host}:{where.port}"
    return f"{shown}  agent desktop    {url}/console/link/{_way_in()}  (once)\n{tour(url, customer_id, item)}"


def _way_in() -> str:
    """Of a link that signs in to the console of this demo, once."""
    from features.stores.desk import Account
    from serving.console.accounts import new_link, now
    from serving.console.roles import Role

    with the_store() as store:
        if store.account(DEMO) is None:
            store.put_account(Account(DEMO, frozenset({Role.ADMIN.value}), "", "", now()))
        return new_link(store, DEMO)
