"""nextbest accounts: who may sign in to the console, and who looked at whose record."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.output import AsJson, Rows, Several, show
from serving.commands.shell import console, one_line, settings, stop, the_store

if TYPE_CHECKING:
    from features.stores import Store
    from features.stores.desk import Account

app = typer.Typer(help="Accounts of the console: agents, leads, marketers, scientists, admins.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="As it is typed at sign-in, like ada.smith.")]
Roles = Annotated[list[str], typer.Option("--role", help="agent, lead, marketer, scientist or admin; may be repeated.")]


@app.command("add", epilog="nextbest accounts add ada.smith --role agent < password.txt")
def add_account(
    name: Name,
    role: Roles,
    issuer: Annotated[str, typer.Option(help="https://id.example: signs in through this OpenID provider only.")] = "",
    no_password: Annotated[bool, typer.Option("--no-password", help="Signs in by one-time links only.")] = False,
) -> None:
    """Make an account. The password is asked for twice, or is the first line of standard input; only a slow hash of it
    is kept."""
    from features.stores.desk import Account
    from serving.console.accounts import checked_name, hashed, now
    from serving.console.roles import roles_of

    with one_line(), the_store(create=True) as store, _sentences():
        plain, roles = checked_name(name), roles_of(role)
        if store.account(plain) is not None:
            stop(f"name is {plain}; there is such an account; use another, or `nextbest accounts roles`")
        password = "" if no_password or issuer else hashed(_asked_for())
        store.put_account(Account(plain, frozenset(map(str, roles)), password, issuer.rstrip("/"), now()))
    console.print(f"account {plain} is there ({', '.join(sorted(roles))})", markup=False, highlight=False)


@app.command("password")
def change_password(name: Name) -> None:
    """Give an account another password, and sign it out everywhere."""
    from dataclasses import replace

    from serving.console.accounts import hashed

    with one_line(), the_store() as store, _sentences():
        found = _known(store, name)
        store.put_account(replace(found, password=hashed(_asked_for())))
        store.close_sessions(found.name)


@app.command("roles")
def change_roles(name: Name, role: Roles) -> None:
    """Give an account other roles; it stays signed in, with these."""
    from dataclasses import replace

    from serving.console.roles import roles_of

    with one_line(), the_store() as store, _sentences():
        store.put_account(replace(_known(store, name), roles=frozenset(map(str, roles_of(role)))))


@app.command("link")
def make_link(name: Name) -> None:
    """A link that signs the account in, once and within a day: for the first time, or without a password. It leads to
    NEXTBEST_CONSOLE_URL, else to NEXTBEST_HOST and NEXTBEST_PORT."""
    from serving.console.accounts import new_link

    where = settings()
    with one_line(), the_store() as store:
        token = new_link(store, _known(store, name).name)
    print(f"{where.console_url or f'http://{where.host}:{where.port}'}/console/link/{token}")


@app.command("sign-out")
def sign_out(name: Name) -> None:
    """End all sessions of an account at once."""
    with one_line(), the_store() as store:
        ended = store.close_sessions(_known(store, name).name)
    console.print(f"{ended} {'session is' if ended == 1 else 'sessions are'} over")


@app.command("remove")
def remove_account(name: Name) -> None:
    """Take an account away; whoever is signed in with it is out at once."""
    with one_line(), the_store() as store:
        store.remove_account(_known(store, name).name)


@app.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """The accounts, by name."""
    from features.instants import render_instant

    with one_line(), the_store() as store:
        found = store.accounts()
    rows = [(one.name, Several(sorted(one.roles)), _way(one), render_instant(one.created_at)) for one in found]
    show(Rows(("name", "roles", "signs in by", "created"), rows, "there is no account"), as_json)


@app.command("views")
def list_views(
    customer: Annotated[str | None, typer.Option(help="Of this customer's record only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Who looked at whose record at the console, the newest first; whose stands as a keyed digest."""
    from features.instants import render_instant

    with one_line(), the_store() as store:
        found = store.views(limit, customer)
    rows = [(render_instant(one.at), one.account, one.what, one.subject) for one in found]
    show(Rows(("at", "account", "what", "subject"), rows, "nobody looked at a record"), as_json)


def _known(store: Store, name: str) -> Account:
    found = store.account(name.strip().lower())
    if found is None:
        stop(f"name is {name}; there is no such account; see `nextbest accounts list`")
    return found


def _way(account: Account) -> str:
    return account.issuer or ("password" if account.password else "link")


def _asked_for() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        stop(str(error))
