"""A token is ours or it is refused, in whatever way it was changed."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.tokens import InvalidToken, Signer, TokenClaims

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
