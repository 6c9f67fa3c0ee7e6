"""Texts of the outside world as small integers, interned once, in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from features.event import NO_CODE
from features.history import NO_CHANNEL

DOMAINS = ("channel", "item", "action")


@dataclass(slots=True)
class Vocabulary:
    """The texts by domain in code order, and the codes by text. Append-only: a code once given stands for ever, so a
    copy that lags behind is incomplete but never wrong. Only a store adds to it."""

    texts: dict[str, list[str]] = field(default_factory=lambda: {domain: [] for domain in DOMAINS})
    codes: dict[str, dict[str, int]] = field(default_factory=lambda: {domain: {} for domain in DOMAINS})

    def code(self, domain: str, text: str | None) -> int:
        """The code of `text`; "none" (255 for a channel, else -1) for None and for what was never interned."""
        none = NO_CHANNEL if domain == "channel" else NO_CODE
        return none if text is None else self.codes[domain].get(text, none)

    def text(self, domain: str, code: int) -> str | None:
        texts = self.texts[domain]
        return texts[code] if 0 <= code < len(texts) else None

    def size(self, domain: str) -> int:
        return len(self.texts[domain])

    def with_texts(self, domain: str, texts: Iterable[str]) -> Vocabulary:
        """A copy in which they have codes too, as a store would give them next: for trying out what no store keeps."""
        copy = Vocabulary(
            {name: list(known) for name, known in self.texts.items()},
            {name: dict(known) for name, known in self.codes.items()},
        )
        unknown = [text for text in dict.fromkeys(texts) if text not in copy.codes[domain]]
        copy.learn(domain, list(enumerate(unknown, start=copy.size(domain))))
        return copy

    def learn(self, domain: str, additions: Mapping[int, str] | Sequence[tuple[int, str]]) -> None:
        """Take over codes that the store has given, in ascending order without gaps."""
        pairs = additions.items() if isinstance(additions, Mapping) else additions
        for code, text in pairs:
            if code < len(self.texts[domain]):
                continue
            if code != len(self.texts[domain]):
                message = f"code is {code}; codes of {domain} are without gaps and the next is {self.size(domain)}"
                raise ValueError(message)
            self.texts[domain].append(text)
            self.codes[domain][text] = code
