"""The process's copy of the vocabulary, and new codes that become real only with the transaction that gives them."""

from __future__ import annotations

import threading

from features.event import NO_CODE
from features.history import NO_CHANNEL
from features.stores.protocol import StoreError
from features.stores.sql.session import Session, table
from features.vocabulary import DOMAINS, Vocabulary

_VOCABULARY = table("vocabulary", domain="text", code="integer", text="text")

_ADDITION = "SELECT domain, code, text FROM vocabulary WHERE domain = ? AND code >= ?"
_ADDITIONS = f"{' UNION ALL '.join([_ADDITION] * len(DOMAINS))} ORDER BY 1, 2"

Mark = tuple[int, ...]


class SharedVocabulary:
    """One Vocabulary that reading threads look things up in while the writer extends it."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self._lock = threading.Lock()

    def refresh(self, session: Session) -> None:
        """Take over the codes that any process has given since."""
        known = [value for domain in DOMAINS for value in (domain, self.vocabulary.size(domain))]
        additions: dict[str, list[tuple[int, str]]] = {}
        for domain, code, text in session.rows(_ADDITIONS, known):
            additions.setdefault(domain, []).append((code, text))
        for domain, given in additions.items():
            self.learn(domain, given)

    def learn(self, domain: str, additions: list[tuple[int, str]]) -> None:
        with self._lock:
            self.vocabulary.learn(domain, additions)


class Interning:
    """Codes within one write transaction; use only while it is open, and `publish` only after its commit."""

    def __init__(self, session: Session, shared: SharedVocabulary) -> None:
        shared.refresh(session)
        self._session = session
        self._shared = shared
        self._fresh: dict[str, dict[str, int]] = {domain: {} for domain in DOMAINS}

    def code(self, domain: str, text: str | None) -> int:
        """The text's code, given now if it had none. Raises StoreError when 255 channels are taken."""
        if text is None:
            return NO_CHANNEL if domain == "channel" else NO_CODE
        known = self._shared.vocabulary.codes[domain].get(text)
        if known is not None:
            return known
        fresh = self._fresh[domain]
        if text not in fresh:
            code = self._shared.vocabulary.size(domain) + len(fresh)
            if domain == "channel" and code >= NO_CHANNEL:
                message = f"channel is {text[:40]!r}; a store knows at most {NO_CHANNEL} channels; use one of them"
                raise StoreError(message)
            fresh[text] = code
        return fresh[text]

    def mark(self) -> Mark:
        return tuple(len(self._fresh[domain]) for domain in DOMAINS)

    def back_to(self, mark: Mark) -> None:
        """Forget the codes given since the mark."""
        for domain, kept in zip(DOMAINS, mark, strict=True):
            fresh = self._fresh[domain]
            for text in list(fresh)[kept:]:
                del fresh[text]

    def store(self) -> None:
        rows = [(domain, code, text) for domain, fresh in self._fresh.items() for text, code in fresh.items()]
        self._session.insert(_VOCABULARY, rows)

    def publish(self) -> None:
        for domain, fresh in self._fresh.items():
            self._shared.learn(domain, [(code, text) for text, code in fresh.items()])
