"""A token is ours or it is refused, in whatever way it was changed."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.stores import Store, open_store
from serving.tokens import InvalidToken, Signer, TokenClaims, signing_secret

SIGNER = Signer(b"k" * 32)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
CLAIMS = st.builds(TokenClaims, TEXT, TEXT, TEXT, st.integers(1, 20))


@given(CLAIMS)
def test_what_was_signed_is_read(claims: TokenClaims) -> None:
    assert SIGNER.read(SIGNER.sign(claims)) == claims


@given(CLAIMS, st.data())
def test_a_token_has_one_spelling(claims: TokenClaims, data: st.DataObject) -> None:
    token = SIGNER.sign(claims)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        st.sampled_from(string.ascii_letters + string.digits + "-_.=").filter(lambda c: c != token[place])
    )
    with pytest.raises(InvalidToken):
        SIGNER.read(token[:place] + other + token[place + 1 :])


@given(CLAIMS)
def test_another_secret_makes_another_token(claims: TokenClaims) -> None:
    with pytest.raises(InvalidToken):
        Signer(b"l" * 32).read(SIGNER.sign(claims))


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        SIGNER.read(text)


class _Slow:
    """A process that looked before another one wrote."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def setting(self, name: str) -> str | None:  # noqa: ARG002
        return None

    def put_setting_once(self, name: str, value: str) -> str:
        return self._store.put_setting_once(name, value)


def test_processes_that_start_at_once_have_one_secret(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    first = signing_secret(store)
    assert len(first) == 32
    assert signing_secret(_Slow(store)) == first
    assert signing_secret(store) == first
    store.close()
