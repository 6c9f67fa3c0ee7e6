"""Identifiers at rest: keyed digests, sealed values, and a key that is made once and kept."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.event import Identifier
from features.vault import KEY_BYTES, Vault, VaultError, key_file, key_from_text

ROOT = Path(__file__).parent.parent.parent
GOLDEN = Path(__file__).parent.parent / "golden" / "vault.json"
VAULT = Vault(bytes(range(KEY_BYTES)))
OTHER = Vault(bytes(KEY_BYTES))


def test_the_stored_formats_stand_still() -> None:
    golden = json.loads(GOLDEN.read_text())
    vault = Vault(key_from_text(golden["secret"]))
    assert vault.check_value == golden["check_value"]
    for one in golden["digests"]:
        assert vault.digest(Identifier(one["type"], one["value"])).hex() == one["digest"]
    for one in golden["sealed"]:
        assert vault.open(bytes.fromhex(one["sealed"])) == one["text"]
    plain = np.array([one["plain"] for one in golden["codes"]], dtype=np.int64)
    assert vault.codes(plain).tolist() == [one["code"] for one in golden["codes"]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True))
def test_codes_stay_apart_and_are_each_their_own(plain: list[int]) -> None:
    together = VAULT.codes(np.array(plain, dtype=np.int64)).tolist()
    assert together == [VAULT.codes(np.array([one])).tolist()[0] for one in plain]
    assert len(set(together)) == len(plain)
    assert not set(together) & set(OTHER.codes(np.array(plain, dtype=np.int64)).tolist())


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_what_is_sealed_opens_again_and_never_looks_the_same(text: str) -> None:
    one, other = VAULT.seal(text), VAULT.seal(text)
    assert one != other
    assert VAULT.open(one) == VAULT.open(other) == text
    assert len(text.encode()) < 8 or text.encode() not in one


@settings(max_examples=60, deadline=None)
@given(st.text(), st.data())
def test_one_altered_bit_is_refused(text: str, data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(text))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(VaultError, match="was altered"):
        VAULT.open(bytes(sealed))


@pytest.mark.parametrize("junk", [b"", b"\x01", b"\x01" * 13, b"\x01" * 28])
def test_what_was_never_sealed_is_refused(junk: bytes) -> None:
    with pytest.raises(VaultError):
        VAULT.open(junk)


def test_another_key_opens_nothing_and_digests_otherwise() -> None:
    identifier = Identifier("email", "a@example.com")
    assert VAULT.digest(identifier) != OTHER.digest(identifier)
    assert VAULT.check_value != OTHER.check_value
    with pytest.raises(VaultError, match="identity key"):
        OTHER.open(VAULT.seal("a@example.com"))


def test_the_type_is_part_of_the_digest() -> None:
    pairs = [("a", "b"), ("a", "c"), ("ab", ""), ("", "ab"), ("user_id", "1"), ("loyalty_card", "1")]
    assert len({VAULT.digest(Identifier(*pair)) for pair in pairs}) == len(pairs)


def test_a_digest_stands_for_itself() -> None:
    digest = VAULT.digest(Identifier("email", "a@example.com"))
    assert VAULT.digest(Identifier("digest", digest.hex())) == digest


def test_omitting_keeps_user_ids_alone() -> None:
    keeping, omitting = Vault(bytes(KEY_BYTES)), Vault(bytes(KEY_BYTES), omitted=True)
    for identifier, kept in ((Identifier("user_id", "ann"), True), (Identifier("email", "a@example.com"), False)):
        assert keeping.digest(identifier) == omitting.digest(identifier)
        assert keeping.open(keeping.keep(identifier) or b"") == identifier.value
        assert (omitting.keep(identifier) is not None) == kept


@pytest.mark.parametrize("text", ["00" * 32, " " + "Ff" * 32 + "\n", "A" * 43 + "=", "A" * 43, "-_" * 21 + "A"])
def test_a_key_is_hex_or_base64(text: str) -> None:
    assert len(key_from_text(text)) == KEY_BYTES


@pytest.mark.parametrize("text", ["", "secret word", "00" * 31, "00" * 33, "zz" * 32, "é" * 43])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(VaultError, match="hex or base64") as refusal:
        key_from_text(text)
    assert not text.strip() or text not in str(refusal.value)
    with pytest.raises(VaultError, match="bytes"):
        Vault(text.encode()[:31])


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "identity.key"
    secret = key_file(path)
    assert key_file(path) == secret != key_file(tmp_path / "other.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["identity.key"]
    assert key_from_text(path.read_text()) == secret


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    key_file(path)
    path.chmod(0o644)
    with pytest.raises(VaultError, match="mode 644"):
        key_file(path)


_MAKE = """
import sys
from pathlib import Path
from features.vault import key_file
sys.stdin.readline()
print(key_file(Path(sys.argv[1])).hex())
"""


def test_processes_that_make_the_key_at_once_have_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _MAKE, str(tmp_path / "identity.key")]
    pipe = subprocess.PIPE
    several = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for one in several:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    assert len({one.communicate(timeout=60)[0] for one in several}) == 1
