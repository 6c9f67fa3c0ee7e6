"""Settings of identity: what they refuse, and that another process reads the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from features.event import Identifier
from features.stores import StoreError, open_store
from features.vault import VaultError
from nextbest import app
from serving.settings import Settings

KEY = "0123456789abcdef" * 4
MAIL = Identifier("email", "a@example.com")


def test_another_process_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Settings(home=tmp_path, identity_key=KEY, identifiers="omitted", region="gb", strong_identifiers="CRM, club")
    for name, value in told.environment().items():
        monkeypatch.setenv(name, value)
    read = Settings()
    assert (read.region, read.declared_strong) == ("GB", frozenset({"crm", "club"}))
    assert read.vault().digest(MAIL) == told.vault().digest(MAIL)
    assert read.vault().omitted
    assert list(tmp_path.iterdir()) == []
    assert KEY not in repr(read)


def test_without_a_key_the_homes_own_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEXTBEST_IDENTITY_KEY", raising=False)
    one, other = Settings(home=tmp_path / "home"), Settings(home=tmp_path / "home")
    assert one.vault().digest(MAIL) == other.vault().digest(MAIL)
    assert not one.vault().omitted
    assert (one.region, one.declared_strong) == (None, frozenset())
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["identity.key"]


@pytest.mark.parametrize(
    "type_",
    [
        *("phone", "Email", "e-mail", "mobile", "phone_number", "anonymous_id", "anonymousId", "digest"),
        *("device", "device_id", "device_token", "advertising_id", "order_number"),
    ],
)
def test_what_several_people_share_is_not_declared_to_be_of_one(
    type_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = f"strong_identifiers is {type_.lower()}; several people may have one value"
    monkeypatch.setenv("NEXTBEST_STRONG_IDENTIFIERS", f"crm, {type_}")
    with pytest.raises(ValidationError, match=sentence):
        Settings()
    ended = CliRunner().invoke(app, ["identity", "show", "c-17"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(sentence)
    assert ended.stderr.count("; ") == ended.stderr.count("\n") + 1 == 2
    with pytest.raises(StoreError, match=sentence):
        open_store(f"sqlite:///{tmp_path}/store.db", declared=frozenset({"crm", type_.lower()}))
    assert not (tmp_path / "store.db").exists()


def test_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="ISO 3166"):
        Settings(region="Atlantis")
    with pytest.raises(ValidationError, match="omitted"):
        Settings(identifiers="plain")
    with pytest.raises(VaultError, match="hex or base64"):
        Settings(home=tmp_path, identity_key="a word").vault()
