"""``sightglass add`` from a file, and from servers that answer as arXiv and Crossref do, or misbehave."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sightglass import catalogue
from sightglass.catalogue import check

BIB = Path(__file__).parents[1] / "references.bib"
NUMBER = "1505.04321"
DOI = "10.5555/toy.2016.319"

ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <link href="http://arxiv.org/api/query?id_list=1505.04321" rel="self" type="application/atom+xml"/>
  <title type="html">ArXiv Query: search_query=&amp;id_list=1505.04321&amp;start=0&amp;max_results=1</title>
  <id>http://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">1</opensearch:totalResults>
  <entry>
    <id>http://arxiv.org/abs/1505.04321v2</id>
    <updated>2016-04-04T11:56:51Z</updated>
    <published>2015-05-14T15:35:46Z</published>
    <title>Layers that
  Look Back: &lt;b&gt;Maps&lt;/b&gt; &amp; More</title>
    <summary>  We look.
</summary>
    <author>
      <name>Laurens van der Berg</name>
      <arxiv:affiliation xmlns:arxiv="http://arxiv.org/schemas/atom">Toy Institute</arxiv:affiliation>
    </author>
    <author><name>Çağla Öztürk</name></author>
    <arxiv:doi xmlns:arxiv="http://arxiv.org/schemas/atom">10.5555/toy.2016.319</arxiv:doi>
    <link title="doi" href="http://dx.doi.org/10.5555/toy.2016.319" rel="related"/>
    <link href="http://arxiv.org/abs/1505.04321v2" rel="alternate" type="text/html"/>
    <arxiv:primary_category xmlns:arxiv="http://arxiv.org/schemas/atom" term="cs.CV"/>
    <category term="cs.CV" scheme="http://arxiv.org/schemas/atom"/>
    <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
</feed>
"""
EMPTY = ATOM[: ATOM.index("  <entry>")] + "</feed>\n"
ERROR = EMPTY.replace(
    "</feed>",
    "<entry><id>http://arxiv.org/api/errors#incorrect_id_format_for_1505.043210</id><title>Error</title>"
    "<summary>incorrect id format</summary></entry></feed>",
)
WORK = {
    "status": "ok",
    "message-type": "work",
    "message-version": "1.0.0",
    "message": {
        "DOI": DOI,
        "type": "proceedings-article",
        "title": ["Layers that Look Back"],
        "author": [{"given": "Laurens", "family": "van der Berg", "sequence": "first", "affiliation": []}],
        "container-title": ["IEEE Conference on Computer Vision and Pattern Recognition"],
        "page": "2921-2929",
        "issued": {"date-parts": [[2016, 6]]},
        "URL": "https://doi.org/" + DOI,
    },
}

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def text(body: str | bytes, status: int = 200, kind: str = "application/atom+xml", **headers: str) -> Answer:
    raw = body.encode() if isinstance(body, str) else body

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(raw)

    return answer


def silence(request: http.server.BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)


def drip(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(20):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)


def truncated(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(ATOM)))
    request.end_headers()
    request.wfile.write(ATOM[:300].encode())


def endless(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(80):
        request.wfile.write(b" " * 100_000)


class Server:
    """A local server: gives ``answers`` in turn, the last one again and again, and notes what was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                try:
                    outer.answers[min(len(outer.asked), len(outer.answers)) - 1](self)
                except OSError:  # the client has gone
                    self.close_connection = True

            def log_message(self, *words: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    local = Server()
    monkeypatch.setenv("SIGHTGLASS_ARXIV", f"{local.address}/api/query")
    monkeypatch.setenv("SIGHTGLASS_CROSSREF", f"{local.address}/works")
    monkeypatch.setenv("SIGHTGLASS_TIMEOUT", "20")
    monkeypatch.setenv("SIGHTGLASS_RETRY_SECONDS", "0.01")
    yield local
    local.http.shutdown()
    local.http.server_close()


def papers(toy: Path) -> set[str]:
    return {path.name for path in (toy / "catalog" / "papers").iterdir()}


def complaints(toy: Path, name: str) -> set[str]:
    problems = check.check(toy)[1]
    assert {p.file for p in problems} == {f"catalog/papers/{name}"}, problems
    return {p.rule for p in problems}


def test_a_preprint_from_arxiv(toy: Path, server: Server, sightglass: Any) -> None:
    server.answers = [text(ATOM)]
    done = sightglass("add", NUMBER)
    assert (done.code, done.out) == (0, "written: catalog/papers/berg2015layers.yaml\n")
    assert server.asked == [f"/api/query?id_list={NUMBER}&max_results=1"]
    assert "sightglass add 10.5555/toy.2016.319" in done.err
    assert (toy / "catalog/papers/berg2015layers.yaml").read_text("utf-8") == (
        "title: 'Layers that Look Back: Maps & More'\n".replace("'", '"')
        + "authors:\n  - van der Berg, Laurens\n  - Öztürk, Çağla\nyear: 2015\nmonth: 5\nvenue: arXiv\n"
        + f'arxiv: "{NUMBER}"\narxiv_class: cs.CV\n'
        + f"links:\n  - url: https://arxiv.org/abs/{NUMBER}\n    role: paper\nsummary: To be written.\n"
        + "confirmed:\n  - source: preprint\n    fields:\n      - title\n      - authors\n      - year\n      - month\n"
        + f"      - arxiv\n      - arxiv_class\n      - venue\n    at: https://arxiv.org/abs/{NUMBER}\nkind: preprint\n"
    )
    assert complaints(toy, "berg2015layers.yaml") == {"summary", "subject", "about-none"}


@pytest.mark.parametrize(
    "source",
    [
        "arXiv:1505.04321v2",
        "https://arxiv.org/abs/1505.04321",
        "http://www.arxiv.org/pdf/1505.04321v1.pdf",
        "10.48550/arXiv.1505.04321",
        "https://doi.org/10.48550/arXiv.1505.04321",
    ],
)
def test_the_many_ways_to_name_a_preprint(source: str, toy: Path, server: Server, sightglass: Any) -> None:
    server.answers = [text(ATOM)]
    assert sightglass("add", source, "--dry-run").code == 0
    assert server.asked == [f"/api/query?id_list={NUMBER}&max_results=1"]


def test_an_old_number(toy: Path, server: Server, sightglass: Any) -> None:
    server.answers = [text(ATOM.replace("1505.04321", "cs/0112017"))]
    assert "arxiv: cs/0112017\n" in sightglass("add", "cs/0112017", "--dry-run").out


@pytest.mark.parametrize(
    "source", [DOI, f"doi:{DOI}", f"https://doi.org/{DOI}", f"http://dx.doi.org/{DOI.replace('/', '%2F')}"]
)
def test_a_paper_from_crossref(source: str, toy: Path, server: Server, sightglass: Any) -> None:
    server.answers = [text(json.dumps(WORK), kind="application/json")]
    done = sightglass("add", source, "--key", "berg2016look")
    assert (done.code, done.out) == (0, "written: catalog/papers/berg2016look.yaml\n")
    assert server.asked == [f"/works/{DOI}"]
    assert complaints(toy, "berg2016look.yaml") == {"summary", "subject", "about-none"}
    written = (toy / "catalog/papers/berg2016look.yaml").read_text("utf-8")
    assert f'doi: "{DOI}"\n' in written
    assert "venue: CVPR\n" in written


def test_odd_characters_of_a_doi_are_encoded(toy: Path, server: Server, sightglass: Any) -> None:
    server.answers = [text(json.dumps(WORK), kind="application/json")]
    done = sightglass("add", "10.1002/(SICI)1097<1::AID>3.0.CO;2-#?x", "--dry-run")
    assert done.code == 0
    assert "url: https://doi.org/10.1002/(SICI)1097%3C1::AID%3E3.0.CO;2-%23%3Fx\n" in done.out
    assert server.asked == ["/works/10.1002/%28SICI%291097%3C1%3A%3AAID%3E3.0.CO%3B2-%23%3Fx"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([truncated], "arXiv cannot be reached"),
        ([endless], "more than 4,194,304 bytes"),
        ([text("gone", 404)], "arXiv does not know it"),
        ([text("slow down", 429)], "arXiv is overloaded or broken (HTTP 429), 3 tries"),
        ([text("Rate exceeded.")], "arXiv is overloaded or broken"),
        ([text("oops", 500)], "arXiv is overloaded or broken (HTTP 500), 3 tries"),
        ([text("no", 403)], "arXiv refused (HTTP 403)"),
        ([text("not <xml")], "something that is not XML"),
        ([text(b"\xff\xfe\x00\x01")], "something that is not XML"),
        ([text("<html><body><p>Sorry</p></body></html>", kind="text/html")], "a page instead of a feed"),
        ([text("<!DOCTYPE html><html><br></html>", kind="text/html")], "something that is not XML"),
        ([text("")], "something that is not XML"),
        ([text(EMPTY)], f"arXiv has no paper {NUMBER}"),
        ([text(ERROR)], f"arXiv has no paper {NUMBER}"),
        ([text(ATOM.replace("1505.04321v2", "1505.99999v1"))], "another paper, '1505.99999'"),
        ([text("", 302, Location="/api/query?id_list=again")], "arXiv cannot be reached"),
    ],
)
def test_an_arxiv_that_misbehaves_gives_one_line(
    answers: list[Answer], said: str, toy: Path, server: Server, sightglass: Any
) -> None:
    server.answers = answers
    before = papers(toy)
    done = sightglass("add", NUMBER)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"sightglass: {NUMBER}: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert papers(toy) == before


@pytest.mark.parametrize("slow", [silence, drip])
def test_an_arxiv_that_does_not_answer_in_time(
    slow: Answer, toy: Path, server: Server, monkeypatch: pytest.MonkeyPatch, sightglass: Any
) -> None:
    monkeypatch.setenv("SIGHTGLASS_TIMEOUT", "0.3")
    server.answers = [slow]
    done = sightglass("add", NUMBER)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "arXiv did not answer in time, 3 tries" in done.err


@pytest.mark.parametrize("first", [text("slow down", 429), text("oops", 503), truncated])
def test_a_passing_fault_is_tried_again(first: Answer, toy: Path, server: Server, sightglass: Any) -> None:
    server.answers = [first, text(ATOM)]
    assert sightglass("add", NUMBER).code == 0
    assert len(server.asked) == 2


def test_a_redirect_is_followed(toy: Path, server: Server, sightglass: Any) -> None:
    server.answers = [text("", 301, Location="/elsewhere"), text(ATOM)]
    assert sightglass("add", NUMBER).code == 0
    assert server.asked[1] == "/elsewhere"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>error</html>", "something that is not JSON"),
        ("[" * 100_000, "something that is not JSON"),
        ('{"message": 5}', "in a form that is not known here"),
        (json.dumps(WORK).replace("proceedings-article", "dataset"), "only papers can be added"),
        (json.dumps(WORK).replace("[2016, 6]", "[2016, 16]"), "does not make a valid entry: month"),
    ],
)
def test_a_crossref_that_misbehaves_gives_one_line(
    body: str, said: str, toy: Path, server: Server, sightglass: Any
) -> None:
    server.answers = [text(body, kind="application/json")]
    before = papers(toy)
    done = sightglass("add", DOI)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert papers(toy) == before


def test_no_network(toy: Path, monkeypatch: pytest.MonkeyPatch, sightglass: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("SIGHTGLASS_ARXIV", f"http://127.0.0.1:{port}/")
    monkeypatch.setenv("SIGHTGLASS_RETRY_SECONDS", "0")
    done = sightglass("add", NUMBER)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "arXiv cannot be reached" in done.err
    assert "A .bib file works without one" in done.err


@pytest.mark.parametrize(
    ("name", "value"),
    [("SIGHTGLASS_ARXIV", "no address"), ("SIGHTGLASS_ARXIV", "http://[x/"), ("SIGHTGLASS_TIMEOUT", "soon")],
)
def test_a_wrong_setting_gives_one_line(
    name: str, value: str, toy: Path, server: Server, monkeypatch: pytest.MonkeyPatch, sightglass: Any
) -> None:
    monkeypatch.setenv(name, value)
    done = sightglass("add", NUMBER)
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_a_bib_file_adds_all_its_entries(toy: Path, sightglass: Any) -> None:
    done = sightglass("add", str(BIB))
    assert done.code == 0
    new = ["muller2016cnns", "lin2015whole", "okafor2014seeing", "anonymous2017notes"]
    assert done.out == "".join(f"written: catalog/papers/{key}.yaml\n" for key in new)
    problems = check.check(toy)[1]
    assert {p.file for p in problems} == {f"catalog/papers/{key}.yaml" for key in new}
    assert {p.rule for p in problems} == {"summary", "subject", "about-none", "vocabulary"}  # a venue is new


def test_dry_run_prints_and_writes_nothing(toy: Path, sightglass: Any) -> None:
    before = papers(toy)
    done = sightglass("add", str(BIB), "--dry-run")
    assert done.code == 0
    assert "title: A Whole Title\n" in done.out
    assert "4 entries: 4 new, 0 there already, 0 left out" in done.err
    assert papers(toy) == before


def one_entry(tmp_path: Path, fields: str) -> str:
    path = tmp_path / "one.bib"
    path.write_text(f"@article{{a, title={{Something New}}, author={{Lin, Ada}}, year=2020, {fields}}}", "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("fields", "words", "said"),
    [
        ("", ["--key", "glowkit"], "catalog/tools/glowkit.yaml exists; choose another key"),
        ("", ["--key", "heat-sum"], "catalog/methods/heat-sum.yaml exists; choose another key"),
        ("", ["--key", "../../etc/x"], "can't be a key"),
        ("", ["--key", "Lin2020"], "can't be a key"),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    fields: str, words: list[str], said: str, toy: Path, tmp_path: Path, sightglass: Any
) -> None:
    before = papers(toy)
    done = sightglass("add", one_entry(tmp_path, fields), *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert papers(toy) == before


@pytest.mark.parametrize(
    ("fields", "by"),
    [
        ("doi={10.5555/CVPR.2015.101}", "DOI"),
        ("eprint={1504.01234v4}", "arXiv number"),
        ("journal={arXiv preprint arXiv:1504.01234}", "arXiv number"),
        ("url={https://arxiv.org/pdf/1504.01234v2.pdf}", "arXiv number"),
        ("url={https://dx.doi.org/10.5555%2Fcvpr.2015.101}", "DOI"),
    ],
)
def test_what_is_there_already_is_named_and_skipped(
    fields: str, by: str, toy: Path, tmp_path: Path, sightglass: Any
) -> None:
    before = papers(toy)
    done = sightglass("add", one_entry(tmp_path, fields))
    assert (done.code, done.out) == (0, "")
    assert f"there already  catalog/papers/lin2015where.yaml (the same {by})" in done.err
    assert done.err.endswith("1 entry: 0 added, 1 there already, 0 left out\n")
    assert papers(toy) == before


def test_what_is_there_by_its_title_alone(toy: Path, tmp_path: Path, sightglass: Any) -> None:
    """The same first author makes it the same work; another makes it one that the catalogue does not take."""
    title = catalogue.load(toy).entries["lin2015where"].title.upper().replace(" ", "  ")
    path = tmp_path / "title.bib"
    for author, result, code in (("Ada Lin", "there already", 0), ("Someone Else", "left out", 1)):
        path.write_text(f"@article{{a, title={{{title}}}, author={{{author}}}, year=2016}}", "utf-8")
        done = sightglass("add", str(path))
        assert (done.code, done.out) == (code, "")
        assert result in done.err
        assert "catalog/papers/lin2015where.yaml" in done.err


def two(tmp_path: Path) -> str:
    path = tmp_path / "two.bib"
    entry = "@article{%s, title={%s Thing}, author={Lin, Ada}, year=2020, doi={10.5555/same}}\n"
    path.write_text(entry % ("first", "New") + entry % ("second", "Old"), "utf-8")
    return str(path)


def test_two_entries_that_are_one_work_are_added_once(toy: Path, tmp_path: Path, sightglass: Any) -> None:
    assert "--key names one entry, and" in sightglass("add", two(tmp_path), "--key", "new2020x").err
    done = sightglass("add", two(tmp_path))
    assert (done.code, done.out) == (0, "written: catalog/papers/lin2020new.yaml\n")
    assert "second  there already  catalog/papers/lin2020new.yaml (the same DOI)" in done.err


@pytest.mark.parametrize("name", ["second", "2"])
def test_only_one_entry_by_its_key_or_its_line(name: str, toy: Path, tmp_path: Path, sightglass: Any) -> None:
    done = sightglass("add", two(tmp_path), "--only", name, "--key", "lin2020old")
    assert (done.code, done.out) == (0, "written: catalog/papers/lin2020old.yaml\n")
    assert "title: Old Thing\n" in (toy / "catalog/papers/lin2020old.yaml").read_text("utf-8")


def test_only_an_entry_that_is_not_in_the_file(toy: Path, tmp_path: Path, sightglass: Any) -> None:
    done = sightglass("add", two(tmp_path), "--only", "secnd")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "no entry 'secnd' in it, did you mean 'second'?" in done.err


def test_what_is_not_the_same_work_gets_a_key_of_its_own(toy: Path, tmp_path: Path, sightglass: Any) -> None:
    path = tmp_path / "notes.bib"
    entry = "@misc{%s, title={Notes on %s}, year=2017, url={https://example.org/%s}}\n"
    path.write_text("".join(entry % (word, word, word) for word in ("Layers", "Maps", "Maps-and-more")), "utf-8")
    done = sightglass("add", str(path))
    assert done.code == 0
    stem = "written: catalog/posts/anonymous2017notes"
    assert done.out == f"{stem}.yaml\n{stem}-maps.yaml\n{stem}-2.yaml\n"


def test_run_again_nothing_doubles(toy: Path, sightglass: Any) -> None:
    sightglass("add", str(BIB))
    before = {path: path.read_bytes() for path in (toy / "catalog").rglob("*.yaml")}
    done = sightglass("add", str(BIB))
    assert (done.code, done.out) == (0, "")
    assert "4 entries: 0 added, 4 there already, 0 left out" in done.err
    assert {path: path.read_bytes() for path in (toy / "catalog").rglob("*.yaml")} == before


def test_what_cannot_be_added_does_not_stop_the_rest(toy: Path, tmp_path: Path, sightglass: Any) -> None:
    path = tmp_path / "mixed.bib"
    path.write_text("@article{a, title={A Map}, year=2020}\n@patent{p, title={P}}\n@article{b, title={B\n", "utf-8")
    done = sightglass("add", str(path))
    assert (done.code, done.out) == (1, "written: catalog/papers/anonymous2020map.yaml\n")
    rows = [line.split(maxsplit=2) for line in done.err.splitlines()]
    assert rows[1][:2] == ["2", "p"]
    assert rows[2][:2] == ["3", "b"]
    assert "3 entries: 1 added, 0 there already, 2 left out" in done.err


def test_new_venues_are_offered_and_written_when_asked(toy: Path, sightglass: Any) -> None:
    offered = "- id: Journal-of-Nowhere\n  name: Journal of Nowhere\n  kind: journal\n"
    file = toy / "catalog/venues.yaml"
    before = file.read_text("utf-8")
    assert offered in sightglass("add", str(BIB)).err
    assert file.read_text("utf-8") == before
    assert {p.rule for p in check.check(toy)[1]} == {"summary", "subject", "about-none", "vocabulary"}
    done = sightglass("add", str(BIB), "--venues")
    assert (done.code, done.out) == (0, "written: catalog/venues.yaml\n")
    assert file.read_text("utf-8") == before + offered
    assert {p.rule for p in check.check(toy)[1]} == {"summary", "subject", "about-none"}


def test_what_the_catalogue_has_no_field_for_is_counted(toy: Path, tmp_path: Path, sightglass: Any) -> None:
    done = sightglass("add", one_entry(tmp_path, "abstract={A long one}, editor={Lin, Bo}, note={}"))
    assert "the catalogue has no field for: abstract (1), editor (1)\n" in done.err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing.bib", "No such file"),
        ("folder.bib", "Is a directory"),
        ("latin1.bib", "not UTF-8; convert it first"),
        ("notes.txt", "neither a .bib, .ris or .json file nor"),
        ("1505.432100", "neither a .bib, .ris or .json file nor"),
        ("", "neither a .bib, .ris or .json file nor"),
        ("empty.bib", "no entry in it"),
        ("empty.ris", "no entry in it"),
        ("empty.json", "no entry in it"),
    ],
)
def test_a_source_that_cannot_be_used_gives_one_line(
    source: str, said: str, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sightglass: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.bib").mkdir()
    Path("latin1.bib").write_bytes("@article{a, title={Grün}}".encode("latin-1"))
    for name in ("empty.bib", "empty.ris", "empty.json"):
        Path(name).write_text("\n", "utf-8")
    Path("notes.txt").write_text("x", "utf-8")
    done = sightglass("add", source)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_a_full_disk_gives_one_line(
    toy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sightglass: Any
) -> None:
    before = papers(toy)

    def full(part: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    done = sightglass("add", one_entry(tmp_path, ""))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "No space left on device" in done.err
    assert papers(toy) == before


def test_a_disk_that_fills_up_on_the_way_undoes_the_import(
    toy: Path, monkeypatch: pytest.MonkeyPatch, sightglass: Any
) -> None:
    before = {path: path.read_bytes() for path in (toy / "catalog").rglob("*") if path.is_file()}
    replace = os.replace

    def full(part: Path, target: Path) -> None:
        if Path(target).name.startswith("anonymous"):  # the last of four, after three and before the venues
            raise OSError(28, "No space left on device")
        replace(part, target)

    monkeypatch.setattr(os, "replace", full)
    done = sightglass("add", str(BIB), "--venues")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.endswith("No space left on device; nothing was written\n")
    assert {path: path.read_bytes() for path in (toy / "catalog").rglob("*") if path.is_file()} == before


def test_a_catalogue_that_cannot_be_read_is_not_added_to(toy: Path, sightglass: Any) -> None:
    (toy / "catalog/papers/okafor2013glow.yaml").write_text("title: [", "utf-8")
    done = sightglass("add", str(BIB))
    assert done.code == 2
    assert "catalog/papers/okafor2013glow.yaml:" in done.err
    assert len(papers(toy)) == 2


def test_the_steps_of_contributing_lead_to_a_clean_catalogue(toy: Path, sightglass: Any) -> None:
    """Add a paper, as CONTRIBUTING.md says it, step by step."""
    guide = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = guide.partition("## Add a paper")[2].partition("\n## ")[0]
    for words in ("sightglass add", "refs.bib", "`summary`", "`summary_zh`", "`topics`", "`proposes`", "`about`"):
        assert words in steps
    assert sightglass("check").code == 0  # 1
    shutil.copy(BIB, toy / "refs.bib")
    assert sightglass("add", str(toy / "refs.bib"), "--venues").code == 0  # 2
    for path in (toy / "catalog/papers").glob("*20*.yaml"):  # 3, with the keys where they come to a person's mind
        written = path.read_text(encoding="utf-8")
        if "To be written." in written:
            about = "about:\n- heat-sum\ntopics: [survey]\nsummary_zh:   一句话。\n"
            path.write_text(about + written.replace("To be written.", "'One sentence.'"), encoding="utf-8")
    assert "`confirmed`" in steps  # 4: the import has noted its source
    assert "check --fix" in steps
    done = sightglass("check", "--fix")  # 5
    assert (done.code, done.out) == (0, "9 entries, 2 methods, 8 links: 0 problems\n"), done.out
    assert done.err.count("rewritten: ") == 4
