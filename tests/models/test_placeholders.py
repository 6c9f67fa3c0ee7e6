"""Placeholders in content: each name can be known by whoever fills it, or is a fault with its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import catalogue_file
from models.catalogue import CatalogueInvalid, parse
from models.placeholders import ACTION_FIELDS, ITEM_FIELDS
from tests.models.test_catalogue import EXAMPLE, faults_of

SOURCE = catalogue_file.read_text(EXAMPLE)
SUBJECT = "Wash and dry for less"
"""Of an action that promotes items; the next is of one that promotes a category."""
REFILL = "Running low?"


def with_subject(text: str, of: str = SUBJECT) -> str:
    return EXAMPLE.replace(f'"{of}"', json.dumps(text))


@pytest.mark.parametrize(
    "text",
    [
        "Hello {{postcode}}",
        "{{ customer.postcode }}, {{customer.household_size}}",
        '{{ postcode | default: "you" }} and {{-member_since-}}',
        "{{action.name}} for {{ item.name }}: {{item.price}}",
        "{{#if x}}one{{/if}}, {% if y %}, {{> part}}, {{! said }}, {{}}, {{ }}, {single}, {{1}}",
        "nothing to fill {",
    ],
)
def test_what_can_be_known_or_is_the_tools_own_passes(text: str) -> None:
    source = catalogue_file.read_text(with_subject(text))
    (mail, *_) = parse(source.document, 1).actions[0].treatments
    assert mail.content["subject"] == text, "it is handed through as it is"


@pytest.mark.parametrize(
    ("text", "of", "name", "hint"),
    [
        (
            "Hi {{first_name}}",
            SUBJECT,
            "first_name",
            "a placeholder is a declared trait, action.<field>",
        ),
        ("Hi {{ post_code }}", SUBJECT, "post_code", "near it are ['postcode'"),
        ("{{post-code}}", SUBJECT, "post-code", "near it are ['postcode'"),
        ("{{customer.post}}", SUBJECT, "customer.post", "near it are ['customer.postcode'"),
        ("{{action.sku}}", SUBJECT, "action.sku", "declare the trait"),
        ("{{item.colour}}", SUBJECT, "item.colour", "item.<field>"),
        ("{{item.name}}", REFILL, "item.name", "the action promotes no item by name"),
        ("{{unsubscribe_url}}", REFILL, "unsubscribe_url", "list what the sending tool knows by itself"),
    ],
)
def test_what_nobody_can_know_is_a_fault_with_its_line(text: str, of: str, name: str, hint: str) -> None:
    written = with_subject(text, of)
    line = next(number for number, one in enumerate(written.split("\n"), 1) if json.dumps(text) in one)
    (fault,) = faults_of(written)
    place = 0 if of == SUBJECT else 1
    start = f"actions[{place}].treatments[0].content.subject is '{{{{{name}}}}}'; "
    assert fault.startswith(f"line {line}: {start}")
    assert hint in fault


def test_a_tools_own_name_is_listed_and_a_deep_text_is_read_too() -> None:
    deep = EXAMPLE.replace('content: {subject: "Running low?"}', 'content: {rows: [{text: "{{unsubscribe_url}}"}]}')
    (fault,) = faults_of(deep)
    assert "content.rows[0].text is '{{unsubscribe_url}}'" in fault
    listed = f"placeholders: [unsubscribe_url]\n{deep}"
    assert catalogue_file.read_text(listed).document


def test_a_trait_whose_declaration_is_refused_counts_as_declared() -> None:
    written = with_subject("{{postcode}} {{member_since}}").replace("postcode: text", "postcode: words")
    (fault,) = faults_of(written)
    assert "traits.postcode is 'words'" in fault


def test_what_was_stored_before_is_read_as_it_was_meant() -> None:
    document = json.loads(catalogue_file.read_text(EXAMPLE).document)
    document["actions"][0]["treatments"][0]["content"]["subject"] = "{{first_name}}"
    del document["placeholders"]
    assert parse(json.dumps(document), 3).actions[0].treatments[0].content["subject"] == "{{first_name}}"


_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,12}", fullmatch=True)


@settings(max_examples=40, deadline=None)
@given(name=_NAMES, before=st.text(max_size=5), filter_=st.sampled_from(["", " | upcase", ' | default: "x"']))
def test_a_name_passes_only_if_it_is_known(name: str, before: str, filter_: str) -> None:
    document = json.loads(SOURCE.document)
    text = before.replace("{", "") + "{{ " + name + filter_ + " }}"
    document["actions"][0]["treatments"][0]["content"]["subject"] = text
    traits = document["traits"]
    known = {*traits, *(f"customer.{one}" for one in traits), *(f"action.{one}" for one in ACTION_FIELDS)}
    known |= {f"item.{one}" for one in ITEM_FIELDS}
    if name in known:
        assert catalogue_file.checked(document, SOURCE.items).document
        return
    with pytest.raises(CatalogueInvalid) as refused:
        catalogue_file.checked(document, SOURCE.items)
    assert [one.path for one in refused.value.faults] == ["actions[0].treatments[0].content.subject"]
