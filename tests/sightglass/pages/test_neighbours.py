"""Before and after: the pages of a folder follow each other in the order in which they are made."""

from __future__ import annotations

from sightglass.pages.markup import page
from sightglass.pages.neighbours import linked

from tests.sightglass.pages.test_pages import HOSTILE, front

PAGES = {
    "papers/index.md": page("Papers", "# Papers"),
    "papers/b.md": page(HOSTILE, "# B { lang=de data-sg-key=b }\n\n## A { lang=fr }"),
    "timeline.md": page("Timeline", "# Timeline"),
    "papers/a.md": page("A", "# A\n\nText\n---\n", source="catalog/papers/a.yaml"),
    "papers/b.bib": "@misc{b}",
    "tools/c.md": page("C", "# C"),
    "zh/papers/b.md": page("乙", "# 乙"),
    "zh/timeline.md": page("T", "# T"),
    "zh/x.md": page("X", "# X"),
    "papers/z.md": page("Z", "# Z { lang=en }"),
}


def ways(path: str) -> tuple[object, object]:
    found = front(str(linked(PAGES)[path]))
    return found.get("previous"), found.get("next")


def test_neighbours_are_those_of_the_folder_in_the_order_of_the_pages() -> None:
    assert ways("papers/b.md") == (None, ["papers/a/", "A", ""])
    assert ways("papers/a.md") == (["papers/b/", HOSTILE, "de"], ["papers/z/", "Z", "en"])
    assert ways("papers/z.md") == (["papers/a/", "A", ""], None)


def test_lists_pages_of_their_own_and_files_have_none() -> None:
    made = linked(PAGES)
    alone = set(PAGES) - {"papers/a.md", "papers/b.md", "papers/z.md"}
    assert {path for path in PAGES if made[path] == PAGES[path]} == alone
    assert str(made["papers/a.md"]).endswith("Text\n---\n")
