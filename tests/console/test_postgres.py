"""The console over PostgreSQL: the same stories of a call, told by the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checks.postgres import Server
from tests.checks.store_examples import SECRET, VAULT
from tests.console.call_centre import CallCentre, call_centre
from tests.console.test_acting import test_a_change_moves_no_button_and_takes_nothing_from_whoever_types  # noqa: F401
from tests.console.test_answered import test_of_many_who_press_at_once_one_is_recorded  # noqa: F401
from tests.console.test_call import test_from_the_pop_up_to_an_accepted_offer_in_the_log  # noqa: F401
from tests.console.test_gone import test_every_desk_is_told_at_once_and_keeps_what_was_typed  # noqa: F401
from tests.console.test_promises import test_promises_are_listed_and_kept_and_everybody_sees_it  # noqa: F401


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[CallCentre]:
    home = tmp_path_factory.mktemp("centre")
    with (
        postgres.store() as url,
        call_centre(home, url, VAULT, NEXTBEST_STORE_URL=url, NEXTBEST_IDENTITY_KEY=SECRET.hex()) as opened,
    ):
        yield opened
