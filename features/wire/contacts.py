"""Names of contacts: whoever tells of one message to one person, and however often, gives it the same name."""

from __future__ import annotations

import hashlib
import json

from features.event import Identifier
from features.vault import Vault

_CONTENTS = Identifier("wire:contents", "")
"""No identifier that anybody could tell: its digest is the vault's secret."""


def contents_key(vault: Vault) -> bytes:
    """The key of ids that are made of what calls say, addresses among it."""
    return vault.digest(_CONTENTS)


def contact_of_decision(channel: str | None, decision: str, action: str, key: bytes) -> str:
    """The message id of the contact that a decision's action became on a channel. key: see features.wire.segment."""
    return contact_id([channel, "decision", decision, action], key)


def contact_id(parts: list[object], key: bytes) -> str:
    return "contact:" + keyed_digest(parts, key)


def keyed_digest(content: object, key: bytes) -> str:
    """32 hexadecimal digits; they tell nothing of the content to who has not the key."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16, key=key).hexdigest()
