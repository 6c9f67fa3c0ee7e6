"""nextbest catalogue: a file in, a version out; what is wrong is told line by line and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.stores import open_store
from models.catalogue_file import read_text
from tests.flow.test_operators import Done, nextbest, one_line
from tests.serving.synthetic import CATALOGUE, make_shop, store_url

ACTION = """
- id: power-cut
  kind: message
  group: incidents
  value: 0
  success: clicked
  treatments:
  - {id: power-cut-web, channel: web, content: {text: We know}}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """SYNTHETIC: a shop with one version of its catalogue."""
    home = tmp_path / "home"
    make_shop(home, model=False)
    return home


def written(folder: Path, text: str) -> str:
    path = folder / "catalogue.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def catalogue(home: Path, *arguments: str) -> Done:
    return nextbest(home, "catalogue", *arguments)


def history(home: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(catalogue(home, "history", "--json").stdout)
    return found


def test_a_catalogue_is_shown_edited_compared_applied_and_brought_back(home: Path, tmp_path: Path) -> None:
    shown = catalogue(home, "show", "--no-items").stdout
    file = written(tmp_path, shown)
    assert (catalogue(home, "diff", file).returncode, catalogue(home, "diff", file).stdout) == (0, "")
    assert "says the same already" in catalogue(home, "apply", file).stderr

    file = written(tmp_path, shown.replace("value: 60.0", "value: 61") + ACTION.lstrip())
    assert catalogue(home, "validate", file).stdout == "catalogue.yaml has no faults, 3 items\n"
    found = catalogue(home, "diff", file)
    assert found.returncode == 1
    assert found.stdout.splitlines() == ["~ actions.offer-washer.value: 60.0 -> 61.0", "+ actions.power-cut"]
    told = json.loads(catalogue(home, "diff", file, "--json").stdout)
    assert (told["against"], told["same"], len(told["diff"]["changes"])) == (1, False, 2)
    assert len(history(home)) == 1

    applied = catalogue(home, "apply", file, "--note", "power cut", "--expect", "1")
    assert (applied.returncode, "version 2 is published" in applied.stderr) == (0, True)
    newest, first = history(home)
    assert (newest["version"], newest["note"], newest["actions"], newest["items"]) == (2, "power cut", 4, 3)
    assert str(newest["author"]).startswith("operator ")
    assert "2 was expected" not in one_line(catalogue(home, "apply", file, "--expect", "1"))

    assert "version 3 is published" in catalogue(home, "rollback", "1").stderr
    newest = history(home)[0]
    assert (newest["note"], newest["digest"]) == ("rolled back to version 1", first["digest"])
    assert catalogue(home, "show").stdout == catalogue(home, "show", "--version", "1").stdout


def test_items_are_counted_and_the_first_are_named(home: Path, tmp_path: Path) -> None:
    more = "".join(f"  - {{id: new-{number}}}\n" for number in range(7))
    text = CATALOGUE.replace("items:\n", f"items:\n{more}", 1).replace("price: 499", "price: 500")
    found = catalogue(home, "diff", written(tmp_path, text)).stdout.splitlines()
    assert found == ["+ 7 items: new-0, new-1, new-2, new-3, new-4, ...", "~ 1 item: washer-1"]


@pytest.mark.parametrize("as_format", ["yaml", "json"])
def test_what_is_shown_is_the_catalogue(home: Path, as_format: str) -> None:
    shown = catalogue(home, "show", "--format", as_format).stdout
    again, meant = read_text(shown), read_text(CATALOGUE)
    assert (again.document, again.items_ipc()) == (meant.document, meant.items_ipc())


def test_every_fault_is_a_line_and_nothing_is_changed(home: Path, tmp_path: Path) -> None:
    text = CATALOGUE.replace("value: 60", "value: -3").replace("channel: sms", "channel: smoke", 1)
    file = written(tmp_path, text)
    places = [text[: text.index(part)].count("\n") + 1 for part in ("value: -3", "channel: smoke")]
    for command in ("validate", "diff", "apply"):
        done = catalogue(home, command, file)
        assert (done.returncode, done.stdout) == (2, "")
        lines = done.stderr.splitlines()
        assert [line.split(":")[0] for line in lines] == [f"catalogue.yaml line {line}" for line in places]
    assert len(history(home)) == 1


def test_a_file_with_faults_makes_no_store(tmp_path: Path) -> None:
    home = tmp_path / "nowhere"
    done = catalogue(home, "apply", written(tmp_path, "currency: x\n"))
    assert (done.returncode, home.exists()) == (2, False)
    assert catalogue(home, "apply", written(tmp_path, CATALOGUE)).returncode == 0
    assert history(home)[0]["version"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rollback", "9"), "version is 9; there is no such version; "),
        (("show", "--version", "9"), "version is 9; there is no such version; "),
        (("apply", "absent.yaml"), "file is absent.yaml; "),
        (("apply", "absent.yaml", "--expect", "7"), "version is 1; 7 was expected; "),
        (("rollback", "1", "--expect", "7"), "version is 1; 7 was expected; "),
    ],
)
def test_what_cannot_be_done_is_one_line(home: Path, arguments: tuple[str, ...], told: str) -> None:
    assert one_line(catalogue(home, *arguments)).startswith(told)


def test_without_a_store_only_what_looks_at_a_file_works(tmp_path: Path) -> None:
    file = written(tmp_path, CATALOGUE)
    home = tmp_path / "nowhere"
    assert catalogue(home, "validate", file).returncode == 0
    assert "+ actions.offer-washer" in catalogue(home, "diff", file).stdout.splitlines()
    assert "nothing is there yet" in one_line(catalogue(home, "history"))
    assert not home.exists()


def test_an_import_keeps_the_items_too(home: Path, tmp_path: Path) -> None:
    file = written(tmp_path, catalogue(home, "show", "--no-items").stdout.replace("value: 60.0", "value: 61"))
    assert nextbest(home, "import", "--catalogue", file).returncode == 0
    newest = history(home)[0]
    assert (newest["version"], newest["items"], newest["author"]) == (2, 3, "import")


def test_two_versions_are_compared_as_json_values_are(home: Path, tmp_path: Path) -> None:
    text = CATALOGUE.replace("{subject: A washing machine}", '{subject: "\\e[2J", on: true}')
    catalogue(home, "apply", written(tmp_path, text))
    found = catalogue(home, "diff", written(tmp_path, text.replace("on: true", "on: 1"))).stdout.splitlines()
    assert found == ["~ actions.offer-washer.treatments.washer-email.content.on: true -> 1"]
    told = catalogue(home, "diff", written(tmp_path, CATALOGUE)).stdout
    assert "\x1b" not in told
    store = open_store(store_url(home))
    try:
        assert store.catalogue_version() == 2
    finally:
        store.close()
