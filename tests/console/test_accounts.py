"""The command line of the console's accounts; and what a frame of somebody else's page changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from nextbest import app
from serving.commands import touring
from serving.console.answering import security_headers
from serving.console.visit import COOKIE, cookie_text
from serving.settings import Settings
from tests.serving.synthetic import make_shop


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_shop(tmp_path, model=False)
    monkeypatch.setenv("NEXTBEST_HOME", str(tmp_path))
    return tmp_path


def run(*words: str, told: str = "") -> Result:
    return CliRunner().invoke(app, ["accounts", *words], input=told)


def test_accounts_are_made_changed_and_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.exists()
    assert run("add", "Ada.Smith", "--role", "agent", told="correct horse battery\n").exit_code == 0
    assert run("add", "bob@example.com", "--role", "admin", "--issuer", "https://id.example/").exit_code == 0
    assert run("roles", "ada.smith", "--role", "agent", "--role", "lead").exit_code == 0
    assert run("password", "ada.smith", told="another horse battery\n").exit_code == 0
    listed = json.loads(run("list", "--json").stdout)
    assert [(one["name"], one["roles"], one["signs in by"]) for one in listed] == [
        ("ada.smith", ["agent", "lead"], "password"),
        ("bob@example.com", ["admin"], "https://id.example"),
    ]
    assert run("sign-out", "ada.smith").exit_code == 0
    link = run("link", "ada.smith").stdout
    assert re.fullmatch(r"http://127\.0\.0\.1:3000/console/link/[\w-]{40,}\n", link)
    monkeypatch.setenv("NEXTBEST_CONSOLE_URL", "https://desk.example")
    assert run("link", "ada.smith").stdout.startswith("https://desk.example/console/link/")
    assert run("remove", "ada.smith").exit_code == 0
    assert [one["name"] for one in json.loads(run("list", "--json").stdout)] == ["bob@example.com"]
    assert "horse" not in (home / "store.db").read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("words", "told", "line"),
    [
        (["add", "ada", "--role", "pilot"], "correct horse battery", "role is pilot"),
        (["add", "a b", "--role", "agent"], "correct horse battery", "name is 'a b'"),
        (["add", "ada", "--role", "agent"], "short", "password is 5 characters"),
        (["remove", "nobody"], "", "name is nobody; there is no such account"),
        (["link", "nobody"], "", "name is nobody"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(home: Path, words: list[str], told: str, line: str) -> None:
    assert home.exists()
    ended = run(*words, told=told)
    assert ended.exit_code == 2
    assert line in ended.output
    assert json.loads(run("list", "--json").stdout) == []


def test_a_demo_makes_its_account_once(home: Path) -> None:
    assert home.exists()
    links = {touring._way_in() for _ in range(3)}
    assert len(links) == 3
    (one,) = json.loads(run("list", "--json").stdout)
    assert (one["name"], one["roles"], one["signs in by"]) == ("demo", ["admin"], "link")


def test_a_crm_desktop_may_frame_it_and_nobody_else() -> None:
    named = Settings(console_frame_ancestors="https://CRM.example https://desk.example:8443")
    policy = security_headers(named)["Content-Security-Policy"]
    assert "frame-ancestors https://crm.example https://desk.example:8443" in policy
    for wrong in ("crm.example", "*", "https://crm.example/path", "javascript:alert(1)"):
        with pytest.raises(ValidationError, match="origin is"):
            Settings(console_frame_ancestors=wrong)


def test_a_framed_cookie_is_for_that_page_alone() -> None:
    framed = set(cookie_text(COOKIE, "t", "/console", 60, framed=True, tls=False).split("; "))
    assert {"SameSite=None", "Secure", "Partitioned", "HttpOnly"} <= framed
    assert "Secure" not in cookie_text(COOKIE, "t", "/console", 60, framed=False, tls=False)
    assert {"SameSite=Lax", "Secure"} <= set(
        cookie_text(COOKIE, "t", "/console", 60, framed=False, tls=True).split("; ")
    )


def test_a_provider_is_asked_over_tls() -> None:
    assert Settings(oidc_issuer="https://id.example/").oidc_issuer == "https://id.example"
    assert Settings(oidc_issuer="http://127.0.0.1:9").oidc_issuer == "http://127.0.0.1:9"
    with pytest.raises(ValidationError, match="it is https"):
        Settings(oidc_issuer="http://id.example")
