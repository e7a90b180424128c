"""The list of people: what is typed leaves those whose name holds it, however it is spelt."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def people(browser: Any, address: str) -> Any:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}people/")
    yield page
    context.close()


def shown(page: Any) -> list[str]:
    return list(dict.fromkeys(page.locator(".sg-people section li:visible a").all_text_contents()))


def test_names_are_filtered_as_they_are_typed(people: Any) -> None:
    everybody, box = shown(people), people.get_by_role("searchbox", name="Filter by name")
    assert len(everybody) > 300
    for typed in ("zhou bolei", "Bolei Zhou", "Zhou, B"):
        box.fill(typed)
        assert shown(people) == ["Zhou, Bolei"]
    assert people.locator(".sg-people h2:visible").all_text_contents()[-1] == "Z"
    assert people.get_by_text(f"1 of {len(everybody)} people").is_visible()
    for typed in ("Grégoire", "gregoire"):  # as it is written, and as it is typed
        box.fill(typed)
        assert "Montavon, Grégoire" in shown(people)
    box.fill("nobody at all")
    assert shown(people) == []
    box.fill("")
    assert shown(people) == everybody


def test_without_a_script_all_are_there_and_nothing_pretends_to_filter(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}zh/people/")
    assert len(shown(page)) > 300
    assert not page.locator(".sg-people input").is_visible()
    context.close()
