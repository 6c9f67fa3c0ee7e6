"""Logged decisions made again twice, by the catalogue in force and by one that is not published.

Both are made from the same record, request, model, snapshot and dice of then, so that what differs comes from the
catalogue. Nothing is written: what the new catalogue names and the store does not know has codes in memory only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.event import Identifier
from features.history import NO_CHANNEL
from features.progress import Advance
from features.stores.protocol import AmbiguousIdentifier, Store, StoredCatalogue
from features.vocabulary import Vocabulary
from models.catalogue import CatalogueUncompiled, UnknownChannel, UnknownPlacement, parse
from models.catalogue_file import CatalogueSource
from models.catalogue_items import from_ipc
from models.columns import CompiledCatalogue, compile_catalogue
from models.learned_windows import with_learned_windows
from models.rehearsal import Answered, Comparing, Comparison, Unanswerable
from serving.addresses import with_addresses
from serving.replaying import Replayer, Then

_SEED = 20260101
"""Of the sample: the same log gives the same one, so that two drafts are rehearsed on the same decisions."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it. against: the version of the catalogue in force. logged: decisions of the period. drawn: of them,
    those that were to be made again. erased: of the drawn, those whose person was erased meanwhile. missing: of the
    drawn, those of which something is not kept; a decision counts under each thing that is missing: request, catalogue,
    model, snapshot, record, or addresses (the new catalogue needs them, and who had them then is not clear any more).
    unmade: how many those are. identical, different, fault: of the rest, those that are as logged when made again by
    their own catalogue, and those that are not, on another revision of the code and on the same one. currencies: of the
    catalogue in force and of the draft, in which their values are."""

    against: int
    logged: int
    drawn: int
    erased: int
    unmade: int
    missing: Mapping[str, int]
    identical: int
    different: int
    fault: int
    currencies: tuple[str, str]
    changes: Comparison


class Rehearser:
    """Makes decisions again, one at a time, in one thread."""

    def __init__(self, store: Store, revision: str, base: StoredCatalogue, draft: StoredCatalogue) -> None:
        """revision: of the code that runs. base: as it is published. draft: checked, but not published. Make it after
        the decisions were listed: what they had read has codes by then, which no new name may take. Raises
        CatalogueError."""
        self._store = store
        self._replayer = Replayer(store, revision)
        self._base = base
        self._vocabulary = with_names(store.vocabulary, draft)
        self._draft = compile_catalogue(draft, self._vocabulary)
        self._model: tuple[str, str | None] | None = None
        self._seen = self._draft
        self._comparing = Comparing()
        self._results, self._missing, self._erased, self._unmade = Counter[str](), Counter[str](), 0, 0

    def rehearse(self, decision_ids: Sequence[str], logged: int, advance: Advance) -> Rehearsal:
        """logged: of how many they were drawn. Raises StoreError, CatalogueError."""
        for one in decision_ids:
            self._rehearse(one)
            advance(1)
        results = self._results
        return Rehearsal(
            against=self._base.version,
            logged=logged,
            drawn=len(decision_ids),
            erased=self._erased,
            unmade=self._unmade,
            missing=dict(sorted(self._missing.items())),
            identical=results["identical"],
            different=results["different"],
            fault=results["fault"],
            currencies=(parse(self._base.document, 0).currency, self._draft.catalogue.currency),
            changes=self._comparing.result,
        )

    def _rehearse(self, decision_id: str) -> None:
        logged = self._store.decision(decision_id)
        if logged is None:
            self._erased += 1
            return
        then = self._replayer.then(logged)
        if not isinstance(then, Then):
            self._lost(*then.missing)
            return
        base, draft = self._replayer.seen(self._base.version, logged), self._draft_seen(then)
        try:
            before, after = self._known(then, base), self._known(then, draft)
        except AmbiguousIdentifier:
            self._lost("addresses")
            return
        own = then.decided(then.compiled, explain=False)
        self._results[self._replayer.compared(then, own).result] += 1
        is_own = logged.catalogue_version == self._base.version
        self._comparing.add(logged.person, own if is_own else _answered(before, base), _answered(after, draft))

    def _lost(self, *missing: str) -> None:
        self._unmade += 1
        self._missing.update(missing)

    def _known(self, then: Then, compiled: CompiledCatalogue) -> Then:
        """With the kinds of address that the person had then, where this catalogue asks for them and the decision did
        not."""
        if then.record.addresses is not None:
            return then
        channels = compiled.catalogue.channels if then.question.channels is None else then.question.channels
        identifier = Identifier(*then.question.identifier)
        record = with_addresses(self._store, identifier, then.record, compiled, channels, at=then.logged.decided_at)
        return replace(then, record=record)

    def _draft_seen(self, then: Then) -> CompiledCatalogue:
        """As the decision's model sees it; that of the last one is kept, for they come in order."""
        model = then.logged.model_version, then.logged.model_digest
        if model != self._model:
            self._model = model
            self._seen = with_learned_windows(self._draft, then.model, self._vocabulary)
        return self._seen


def draft_of(source: CatalogueSource, base: StoredCatalogue) -> StoredCatalogue:
    """As it would be published next."""
    return replace(base, version=base.version + 1, digest="", document=source.document, items=source.items_ipc())


def drawn(decision_ids: Sequence[str], sample: int) -> Sequence[str]:
    """At most `sample` of them, each as likely as any other, in their order."""
    if len(decision_ids) <= sample:
        return decision_ids
    places = np.random.default_rng(_SEED).choice(len(decision_ids), sample, replace=False)
    return [decision_ids[place] for place in sorted(places.tolist())]


def _answered(then: Then, compiled: CompiledCatalogue) -> Answered:
    try:
        return then.decided(compiled, explain=False)
    except (UnknownChannel, UnknownPlacement) as error:
        return Unanswerable(str(error))


def with_names(vocabulary: Vocabulary, draft: StoredCatalogue) -> Vocabulary:
    """With codes for what the draft names, as publishing it would give them. Raises CatalogueUncompiled."""
    catalogue = parse(draft.document, draft.version)
    named = vocabulary.with_texts("channel", catalogue.channels)
    if named.size("channel") > NO_CHANNEL:
        raise CatalogueUncompiled(
            f"channels are {named.size('channel')}, with those that events have named; a store knows at most"
            f" {NO_CHANNEL}; use one of them"
        )
    named = named.with_texts("action", [action.id for action in catalogue.actions])
    return named.with_texts("item", from_ipc(draft.items)["id"].to_pylist())
