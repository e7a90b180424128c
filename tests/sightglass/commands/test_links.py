"""``sightglass links`` as people run it, against servers here that misbehave in every way a server on the web does."""

from __future__ import annotations

import datetime
import email.utils
import gzip
import http.server
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
from sightglass.commands import links as command
from sightglass.links import FINE, STORE
from typer.testing import CliRunner

DELAY = 0.05
TIMEOUT = 1.0
HUGE = 1 << 30
BOMB = gzip.compress(bytes(20 << 20))
app = typer.Typer(rich_markup_mode=None)
app.command()(command.links)


@dataclass
class Request:
    """A line of a server's own log; times by the monotonic clock."""

    method: str
    path: str
    begun: float
    ended: float = 0.0
    agent: str = ""


@dataclass
class Site:
    """A server, what it was asked, and its robots.txt (None: missing)."""

    base: str = ""
    robots: bytes | str | None = None
    log: list[Request] = field(default_factory=list)
    written: int = 0
    hold: float = 0.0  # seconds for every answer

    def asked(self, path: str) -> list[str]:
        """The methods by which ``path`` was asked."""
        return [request.method for request in self.log if request.path == path]


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site
    elsewhere: Site | None = None

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        request = Request(self.command, self.path, time.monotonic(), agent=self.headers["User-Agent"])
        self.site.log.append(request)
        try:
            time.sleep(self.site.hold)
            if self.path == "/robots.txt":
                self._robots()
            else:
                self._page(self.path.strip("/"))
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            request.ended = time.monotonic()

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _robots(self) -> None:
        robots = self.site.robots
        if robots is None:
            self.say(404)
        elif robots == "slow":
            time.sleep(3 * TIMEOUT)
        elif robots == "500":
            self.say(500)
        elif robots == "moved":
            self.say(301, Location="/elsewhere/robots.txt")
        elif isinstance(robots, str):
            self.say(200, robots.encode())
        else:
            self.say(200, robots, Content_Encoding="gzip")

    def _page(self, name: str) -> None:
        first = self.site.asked(self.path) in (["HEAD"], ["HEAD", "GET"])
        if name.startswith("no-head-"):
            self.say(int(name[-3:]) if self.command == "HEAD" else 200)
        elif name.isdecimal():
            self.say(int(name))
        elif name == "404-then-200":
            self.say(404 if self.command == "HEAD" else 200)
        elif name == "patience":
            self.say(429, Retry_After="1") if first and self.command == "HEAD" else self.say(200)
        elif name == "patience-date":
            date = email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1))
            self.say(429, Retry_After=date)
        elif name == "recovers":
            self.say(503 if first else 200)
        elif name == "slow":
            time.sleep(3 * TIMEOUT)
        elif name == "drips":
            for letter in "HTTP/1.1 200 OK and so on and on and on":
                self.wfile.write(letter.encode())
                time.sleep(TIMEOUT / 2)
        elif name.startswith("chain-"):
            step = int(name[6:])
            self.say(301, Location=f"/chain-{step - 1}") if step else self.say(200)
        elif name == "loop":
            self.say(302, Location="/loop")
        elif name == "loop-of-two":
            self.say(301, Location="/loop-back")
        elif name == "loop-back":
            self.say(301, Location="/loop-of-two")
        elif name == "away" and self.elsewhere:
            self.say(301, Location=self.elsewhere.base + "new")
        elif name == "away-for-now" and self.elsewhere:
            self.say(302, Location=self.elsewhere.base + "new")
        elif name == "away-forbidden" and self.elsewhere:
            self.say(301, Location=self.elsewhere.base + "private/x")
        elif name == "home":
            self.say(302, Location="/")
        elif name == "cookie":
            if "seen=1" in (self.headers["Cookie"] or ""):
                self.say(200)
            else:
                self.say(302, Location="/cookie", Set_Cookie="seen=1")
        elif name == "files":
            self.say(301, Location="ftp://x.example/")
        elif name == "mail":
            self.say(301, Location="mailto:somebody@x.example")
        elif name == "garbage-location":
            self.say(301, Location="http://[::1/")
        elif name == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif name == "no-http":
            self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        elif name == "huge":
            self._pour() if self.command == "GET" else self.say(405)
        elif name == "bomb":
            self.say(200 if self.command == "GET" else 405, BOMB, Content_Encoding="gzip")
        elif name == "too-long":
            self.say(200 if self.command == "GET" else 405, b"x" * 1000, Content_Length="10")
        elif name == "too-short":
            self.say(200 if self.command == "GET" else 405, b"x", Content_Length="1000000")
        elif name == "body-after-head":
            self.say(200)
            self.wfile.write(b"HTTP/1.1 500 No\r\n\r\n" * 10)
        else:
            self.say(200, b"ok")

    def _pour(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(HUGE))
        self.end_headers()
        while self.site.written < HUGE:
            self.site.written += self.wfile.write(bytes(1 << 16))


@pytest.fixture
def start() -> Iterator[Callable[..., Site]]:
    """Start a server; its own log is in what comes back."""
    servers = []

    def begin(elsewhere: Site | None = None, **options: Any) -> Site:
        site = Site(**options)
        handler = type("Handler", (_Handler,), {"site": site, "elsewhere": elsewhere})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        site.base = f"http://127.0.0.1:{server.server_port}/"
        return site

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one post, without links as yet."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "catalog/posts").mkdir(parents=True)
    (tmp_path / "catalog/taxonomy.yaml").write_text("families: []\ntopics: []\n")
    (tmp_path / "catalog/venues.yaml").write_text("[]\n")
    (tmp_path / "pyproject.toml").write_text('[tool.sightglass]\nrepository = "https://code.example/o/r"\n')
    monkeypatch.setenv("SIGHTGLASS_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("SIGHTGLASS_REPOSITORY", "SIGHTGLASS_SITE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(root: Path, urls: list[str], status: str | None = None) -> None:
    """A post that links to ``urls``."""
    mark = f", status: {status}" if status else ""
    lines = "".join(f"  - {{url: {json.dumps(url)}, role: page{mark}}}\n" for url in urls)
    (root / "catalog/posts/p.yaml").write_text(f"title: P\nlinks:\n{lines}summary: s\nkind: blog\n")


def run(*arguments: str, delay: float = DELAY, retries: int = 1) -> tuple[int, str, str]:
    options = ["--delay", str(delay), "--timeout", str(TIMEOUT), "--retries", str(retries)]
    result = CliRunner().invoke(app, [*options, *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def ask(root: Path, *urls: str, status: str | None = None, **options: Any) -> dict[str, tuple[str, str]]:
    """State and words of each of ``urls`` after one run, by address; ('fine', '') for those that are."""
    write(root, list(urls), status)
    code, out, err = run("--json", "--again", **options)
    assert (code in (0, 1), err) == (True, "")
    fine = json.loads((root / FINE).read_text())
    return {item["url"]: (item["state"], item["said"]) for item in json.loads(out)} | dict.fromkeys(fine, ("fine", ""))


BEHAVIOUR = [  # path, state, words, methods asked
    ("ok", "fine", "", ["HEAD"]),
    ("no-head-405", "fine", "", ["HEAD", "GET"]),
    ("no-head-501", "fine", "", ["HEAD", "GET"]),
    ("no-head-403", "fine", "", ["HEAD", "GET"]),
    ("404-then-200", "fine", "", ["HEAD", "GET"]),
    ("404", "failing", "404 Not Found", ["HEAD", "GET"]),
    ("410", "failing", "410 Gone", ["HEAD", "GET"]),
    ("403", "unknown", "403 Forbidden", ["HEAD", "GET"]),
    ("401", "unknown", "401 Unauthorized", ["HEAD", "GET"]),
    ("429", "unknown", "429 Too Many Requests", ["HEAD", "GET", "GET"]),
    ("patience-date", "unknown", "429 Too Many Requests; asks to come back in 3", ["HEAD"]),
    ("500", "failing", "500 Internal Server Error", ["HEAD", "GET", "GET"]),
    ("recovers", "fine", "", ["HEAD", "GET", "GET"]),
    ("slow", "failing", "no answer within 1 s", ["HEAD", "GET", "GET"]),
    ("drips", "failing", "no answer within 1 s", ["HEAD", "GET", "GET"]),
    ("chain-3", "moved", "redirected for good", ["HEAD"]),
    ("chain-40", "failing", "more than 10 redirects", ["HEAD"]),
    ("loop", "failing", "redirects in a loop", ["HEAD"] * 3),
    ("loop-of-two", "failing", "redirects in a loop", ["HEAD"] * 3),
    ("cookie", "fine", "", ["HEAD"] * 2),
    ("home", "doubtful", "leads to a home page", ["HEAD"]),
    ("files", "failing", "redirects to what is no web address: 'ftp://x.example/'", ["HEAD"]),
    ("mail", "failing", "no usable answer", ["HEAD", "GET", "GET"]),
    ("garbage-location", "failing", "no usable answer", ["HEAD", "GET", "GET"]),
    ("reset", "failing", "connection closed without an answer", ["HEAD", "GET", "GET"]),
    ("no-http", "failing", "no usable answer", ["HEAD", "GET", "GET"]),
    ("bomb", "fine", "", ["HEAD", "GET"]),
    ("too-long", "fine", "", ["HEAD", "GET"]),
    ("too-short", "fine", "", ["HEAD", "GET"]),
    ("body-after-head", "fine", "", ["HEAD"]),
]


def test_whatever_a_server_does_is_judged_for_what_it_is(root: Path, start: Callable) -> None:
    servers = {path: start() for path, *_ in BEHAVIOUR}  # one each: side by side, and nobody's pause is another's
    found = ask(root, *(server.base + path for path, server in servers.items()))
    for path, state, said, methods in BEHAVIOUR:
        url = servers[path].base + path
        assert found[url][0] == state, (path, found[url])
        assert found[url][1].startswith(said), path
        assert servers[path].asked("/" + path) == methods, path


def test_a_huge_body_is_not_read(root: Path, start: Callable) -> None:
    server = start()
    assert ask(root, server.base + "huge")[server.base + "huge"] == ("fine", "")
    time.sleep(0.2)
    assert 0 < server.written < 16 << 20  # what the sockets hold between them, of a gigabyte


def test_nobody_there_and_no_tls(root: Path, start: Callable) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets this port
        taken.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        server = start()
        tls = server.base.replace("http:", "https:") + "x"
        nowhere = "http://no-such-host.invalid/"
        found = ask(root, server.base + "ok", refused, tls, nowhere)
    assert found[refused] == ("failing", "connection refused")
    assert found[tls][0] == "failing"
    assert found[tls][1].startswith("TLS: ")
    assert found[nowhere][0] == "failing"
    assert found[nowhere][1].startswith(("no such host", "no connection"))
    assert found[server.base + "ok"][0] == "fine"


def test_a_server_that_asks_for_patience_gets_it_from_all_that_is_asked_there(root: Path, start: Callable) -> None:
    server = start()
    found = ask(root, server.base + "patience", server.base + "patience-not-asked")
    assert set(found.values()) == {("fine", "")}
    refused, *later = [request for request in server.log if request.path != "/robots.txt"]
    assert refused.path == "/patience"
    assert len(later) == 2
    assert all(request.begun - refused.ended >= 0.95 for request in later)  # Retry-After: 1


def test_a_redirect_to_another_host(root: Path, start: Callable) -> None:
    other = start(robots="User-agent: *\nDisallow: /private/\n")
    server = start(elsewhere=other)
    write(root, [server.base + path for path in ("away", "away-for-now", "away-forbidden")])
    code, out, _ = run("--json")
    found = {item["url"]: item for item in json.loads(out)}
    assert code == 0
    assert found[server.base + "away"]["now"] == other.base + "new"
    assert found[server.base + "away"]["state"] == "moved"
    assert server.base + "away-for-now" not in found
    assert found[server.base + "away-forbidden"]["state"] == "unknown"  # the other host's robots.txt counts there
    assert "/private/x" not in [request.path for request in other.log]


def test_robots_txt_is_obeyed_whatever_state_it_is_in(root: Path, start: Callable) -> None:
    forbidden = "User-agent: sightglass\nDisallow: /private\n\nUser-agent: *\nDisallow: /\n"
    servers = {
        "missing": start(robots=None),
        "disallows": start(robots=forbidden),
        "for others": start(robots="User-agent: SomeBot\nDisallow: /\n"),
        "broken": start(robots="\x00\ufffd<html>\nDisallow\n:::\n" * 3),
        "bomb": start(robots=BOMB),
        "500": start(robots="500"),
        "slow": start(robots="slow"),
    }
    found = ask(root, *(server.base + "private" for server in servers.values()), servers["disallows"].base + "open")
    said = {name: found[server.base + "private"] for name, server in servers.items()}
    assert said == {
        "missing": ("fine", ""),
        "disallows": ("unknown", "robots.txt disallows it"),
        "for others": ("fine", ""),
        "broken": ("fine", ""),
        "bomb": ("fine", ""),
        "500": ("unknown", "robots.txt: 500"),
        "slow": ("unknown", "robots.txt: no answer within 1 s"),
    }
    assert found[servers["disallows"].base + "open"] == ("fine", "")
    for name in ("disallows", "500", "slow"):
        assert servers[name].asked("/private") == []
    assert all(server.asked("/robots.txt") == ["GET"] for server in servers.values())  # once


def test_one_host_is_asked_one_thing_at_a_time_with_a_pause(root: Path, start: Callable) -> None:
    server = start(hold=0.02)
    ask(root, *(f"{server.base}page-{i}" for i in range(8)), delay=0.1)
    assert len(server.log) == 9
    for before, after in zip(server.log, server.log[1:], strict=False):
        assert after.begun - before.ended >= 0.09


def test_a_host_that_wants_a_longer_pause_gets_it(root: Path, start: Callable) -> None:
    server = start(robots="User-agent: *\nCrawl-delay: 1\n")
    ask(root, server.base + "a", server.base + "b")
    first, second = [request for request in server.log if request.path != "/robots.txt"]
    assert second.begun - first.ended >= 0.95


def test_only_so_many_requests_run_at_a_time_over_all_hosts(root: Path, start: Callable) -> None:
    servers = [start(hold=0.15) for _ in range(8)]
    write(root, [server.base + "x" for server in servers])
    run("--concurrency", "3")
    requests = [request for server in servers for request in server.log]
    assert len(requests) == 16
    busiest = max(sum(other.begun <= request.begun < other.ended for other in requests) for request in requests)
    assert busiest <= 3
    assert busiest >= 2  # and hosts are asked side by side


def test_it_says_who_asks_and_where_to_complain(root: Path, start: Callable) -> None:
    server = start()
    ask(root, server.base + "x")
    (agent,) = {request.agent for request in server.log}
    assert agent.startswith("sightglass/")
    assert "+https://code.example/o/r/" in agent


def test_a_link_is_dead_after_three_days_and_the_exit_code_says_so(
    root: Path, start: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    url = server.base + "404"
    write(root, [url, server.base + "ok"])
    seen = []
    for day in (1, 1, 2, 3):
        monkeypatch.setattr(command, "_today", lambda day=day: datetime.date(2026, 3, day))
        code, out, _ = run("--again")
        seen.append((code, out.splitlines()[0].split(": ")[1]))
    assert seen == [(0, "failing"), (0, "failing"), (0, "failing"), (1, "dead")]
    assert out.startswith(f"catalog/posts/p.yaml:3: dead: {url} (404 Not Found since 2026-03-01)\n")
    assert out.endswith("2 addresses: 1 fine, 1 dead\n")
    stored = (root / STORE).read_text()
    assert stored.count("\n") == 6
    assert "ok" not in stored.replace("fine", "")
    write(root, [url], "dead")
    assert run("--limit", "0")[0] == 0  # the catalogue says so already
    write(root, [server.base + "ok"])
    assert run("--limit", "0")[1] == "1 addresses: 1 fine\n"  # what left the catalogue is forgotten


def test_404_one_day_and_200_the_next_is_forgotten(
    root: Path, start: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    write(root, [server.base + "no-head-404", server.base + "404"])
    run()
    assert "no-head-404" not in (root / STORE).read_text()


def test_what_is_marked_dead_and_answers_is_reported(root: Path, start: Callable) -> None:
    server = start()
    write(root, [server.base + "ok"], "dead")
    code, out, _ = run()
    assert code == 0
    assert f"catalog/posts/p.yaml:3: answers: {server.base}ok (200 OK)" in out


def test_a_day_asks_each_address_once_unless_told(root: Path, start: Callable) -> None:
    server = start()
    write(root, [server.base + "a", server.base + "404"])
    run()
    before = len(server.log)
    run()
    assert len(server.log) == before
    run("--since", "2000-01-01")
    assert len(server.log) == before
    run("--again")
    assert len(server.log) > before


def test_limit_and_host_choose(root: Path, start: Callable) -> None:
    one, two = start(), start()
    write(root, [one.base + "a", one.base + "b", two.base.replace("127.0.0.1", "localhost") + "c"])
    assert "1 not asked yet" in run("--limit", "2")[1]
    assert len(two.log) == 0
    code, out, _ = run("--host", "localhost")
    assert (code, out) == (0, "1 addresses: 1 fine\n")
    assert len(two.log) == 2
    code, _, err = run("--host", "localhots")
    assert code == 2
    assert "no address is at 'localhots', did you mean 'localhost'?" in err


def test_nothing_is_held_against_anybody_while_this_machine_is_offline(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        write(root, [f"http://127.0.0.1:{taken.getsockname()[1]}/{i}" for i in range(2)])
        code, _, err = run()
    assert code == 2
    assert "is this machine online?" in err
    assert not (root / STORE).exists()


def test_bad_input_ends_in_a_line_and_not_in_a_traceback(root: Path, start: Callable) -> None:
    write(root, [start().base + "ok", "http://[::1/", "http://a b/", "http://" + "x" * 300 + "/"])
    assert run()[0] == 0
    (root / STORE).write_text("{")
    code, _, err = run()
    assert code == 2
    assert err.startswith("sightglass: results/links.json:1:")
    assert run("--delay", "-1")[0] == 2
    assert run("--since", "soon")[0] == 2


def test_help_has_examples() -> None:
    out = CliRunner().invoke(app, ["--help"]).stdout
    for word in ("Examples:", "--host", "--limit", "--since", "--json", "Exit code"):
        assert word in out


def test_ctrl_c_loses_nothing_and_the_next_run_goes_on(root: Path, start: Callable) -> None:
    server = start()
    urls = [f"{server.base}{'404' if i == 0 else f'page-{i}'}" for i in range(40)]
    write(root, urls)
    # where the tests themselves run in the background of a script, Ctrl-C is switched off for all that they start
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from sightglass.cli import main; main()"
    arguments = [sys.executable, "-c", code, "links", "--delay", "0.05", "--timeout", "5"]
    environment = {**os.environ, "PYTHONPATH": str(Path(command.__file__).parents[2])}
    with subprocess.Popen(arguments, env=environment, stdout=-1, stderr=-1, text=True) as process:
        while len(server.log) < 8:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "run the same command to continue" in err
    done = len(json.loads((root / FINE).read_text())) + len(json.loads((root / STORE).read_text())["links"])
    assert 5 <= done < 40
    assert f"{40 - done} not asked yet" in out
    before = len(server.log)
    run(delay=0.0)
    asked_now = {request.path for request in server.log[before:]} - {"/robots.txt"}
    assert len(asked_now) == 40 - done
    assert len(json.loads((root / FINE).read_text())) == 39


def test_results_are_written_while_it_runs(root: Path, start: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start()
    write(root, [f"{server.base}{i}-page" for i in range(6)])
    monkeypatch.setattr(command, "SAVE_SECONDS", 0.0)
    sizes = []
    save = command.stored.save_fine
    monkeypatch.setattr(command.stored, "save_fine", lambda at, fine: (save(at, fine), sizes.append(len(fine))))
    run()
    assert sizes == [1, 2, 3, 4, 5, 6, 6]
