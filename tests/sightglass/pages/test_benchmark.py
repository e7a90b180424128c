"""The page of the benchmark says what the file says, in both languages, and says so when there is no file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sightglass import pages
from sightglass.catalogue import Catalogue
from sightglass.catalogue.models import Family, Method, Taxonomy
from sightglass.ledger import benchmark
from sightglass.ledger.benchmark import Benchmark, Row, Run
from sightglass.pages.benchmark import benchmark_page


@pytest.fixture
def site(tmp_path: Path) -> pages.Site:
    base = {"family": "attribution", "summary": "S.", "summary_zh": "要", "feasible": "yes"}
    methods = {
        "lrp": Method.model_validate(base | {"name": "LRP"}),
        "lrp-other": Method.model_validate(base | {"name": "Other"}),
    }
    family = Family(id="attribution", name="Attribution", name_zh="归因", description="d", description_zh="述")
    taxonomy = Taxonomy(families=[family], topics=[])
    books = Catalogue(root=tmp_path, entries={}, methods=methods, lists={}, taxonomy=taxonomy, venues={})
    return pages.Site(books)


def stored(root: Path, **times: list[float]) -> None:
    """One row: a floor of 2 seconds and 100 MiB, and these contestants with memory of 150 MiB each."""
    runs = {"floor": Run(seconds=[2.0, 2.0, 2.0], memory=100)}
    runs |= {name: Run(seconds=seconds, memory=150) for name, seconds in times.items()}
    result = Benchmark(
        device="cpu",
        device_name="a <b>processor</b>",
        command="python -m benchmarks.methods",
        date="2026-03-05",
        seconds=600,
        image_size=224,
        versions={"captum": "0.9.0"},
        left_out={"torch-cam": "not installed"},
        rows=[Row(method="lrp-epsilon", model="vgg16", batch=8, runs=runs)],
    )
    benchmark.write(benchmark.path_of(root, "cpu"), [result])


@pytest.mark.parametrize(("language", "words"), [("en", "Nothing has been measured yet"), ("zh", "尚未测量")])
def test_without_a_result_the_page_says_so(site: pages.Site, language: str, words: str) -> None:
    page = benchmark_page(site.in_language(language))
    assert words in page
    assert "`make bench`" in page


def test_figures_are_ratios_to_the_floor(site: pages.Site) -> None:
    stored(site.root, sightglass=[2.2, 2.2, 2.4], captum=[3.0, 4.0, 5.0])
    page = re.sub(r' data-label="[^"]*"', "", benchmark_page(site)).replace("&nbsp;", " ").replace("\n", "")
    row = ('<a href="../methods/lrp/">LRP</a> <code>epsilon</code>', "8", "3", "2 s<br><small>100 MiB</small>")
    assert "".join(f"<td>{cell}</td>" for cell in row) in page
    ours, theirs = "1.10 ± 0.10<br><small>memory 1.50</small>", "2.00 ± 0.50<br><small>memory 1.50</small>"
    assert f"<td>{ours}</td><td>{theirs}</td>" in page
    for told in ("5 March 2026", "10 minutes", "captum 0.9.0", "- torch-cam: not installed", "&lt;b&gt;processor"):
        assert told in page
    assert "2026 年 3 月 5 日" in benchmark_page(site.in_language("zh"))


@pytest.mark.parametrize(
    ("ours", "theirs", "slower"),
    [([3.0, 3.0, 3.0], [2.8, 2.8, 2.8], True), ([2.6, 3.0, 3.4], [2.8, 2.8, 2.8], False), ([2.0], [3.0], False)],
)
def test_slower_than_a_peer_means_by_more_than_the_rounds_differ(
    site: pages.Site, ours: list[float], theirs: list[float], slower: bool
) -> None:
    stored(site.root, sightglass=(ours * 3)[:3], zennit=(theirs * 3)[:3])
    page = benchmark_page(site)
    slow = re.search(r"by more than measurement noise: .*LRP.*epsilon.*vgg16.*, 8 at once\)\.", page)
    assert bool(slow) == slower
    assert ("Never slower" in page) != slower
    assert "Never uses more memory" in page


def test_each_of_several_runs_names_its_methods_and_one_table_holds_them_all(site: pages.Site) -> None:
    stored(site.root, sightglass=[2.2, 2.2, 2.4])
    (old,) = benchmark.load_all(site.root)["cpu"]
    again = old.model_copy(
        update={"date": "2026-04-06", "rows": [old.rows[0].model_copy(update={"method": "lrp-other"})]}
    )
    benchmark.write(benchmark.path_of(site.root, "cpu"), benchmark.after(again, [old]))
    page = benchmark_page(site)
    assert page.count("<table") == 1
    newer, older = page.index("6 April 2026"), page.index("5 March 2026")
    assert re.search(r"Methods measured in this run: .*Other", page[newer:older])
    assert re.search(r"Methods measured in this run: .*LRP.*epsilon", page[older:])
    assert page.index("epsilon</code></td>") < page.index(">Other</a></td>")
