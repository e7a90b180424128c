"""Ask servers whether addresses are still there, politely.

HEAD first and GET where that is refused, never a body; one request at a time to a host and a pause after it; few at
once over all hosts; ``robots.txt`` obeyed (RFC 9309); a server that asks for patience (``Retry-After``) gets it.
"""

from __future__ import annotations

import asyncio
import email.utils
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.robotparser import RobotFileParser

import httpx

from sightglass.links import Answer, judge

ROBOTS_BYTES = 500 * 1024  # what RFC 9309 asks a reader to take at least
NOTHING_ALLOWED = ["User-agent: *", "Disallow: /"]
LONGEST_CRAWL_DELAY = 30.0
MOST_REDIRECTS = 10
REDIRECTS = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429)  # with 5xx: may be otherwise in a moment


@dataclass(frozen=True)
class Manners:
    """How politely to ask; times in seconds."""

    delay: float = 1.0  # between the end of one request to a host and the next
    concurrency: int = 8  # requests at a time, over all hosts
    timeout: float = 20.0  # for the connection, and again for an answer
    retries: int = 2  # after HEAD and GET, each after twice the pause before
    longest_wait: float = 60.0  # a server that asks for more is left for another day


@dataclass
class _Host:
    """What is known of a host: whose turn it is, when it may be asked again, how long it wants us to pause."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    delay: float = 0.0


@dataclass
class _Robots:
    """The rules of one origin, read once by whoever comes first."""

    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    rules: RobotFileParser | None = None
    why: str = "robots.txt disallows it"


class _NoAnswerError(Exception):
    """Asking ended without a status; carries what it comes to."""

    def __init__(self, answer: Answer, *, final: bool = False) -> None:
        super().__init__(answer.said)
        self.answer = answer
        self.final = final


class Asker:
    """Asks many addresses; ``agent`` is the User-Agent, whose word before the slash robots.txt may name."""

    def __init__(self, agent: str, manners: Manners) -> None:
        self.agent = agent
        self.manners = manners
        self._hosts: defaultdict[bytes, _Host] = defaultdict(_Host)
        self._robots: defaultdict[tuple[str, bytes], _Robots] = defaultdict(_Robots)

    async def ask_all(self, urls: Iterable[str], heard: Callable[[str, Answer], None]) -> None:
        """Ask all ``urls``, hosts side by side, those of one host in turn; ``heard`` gets each answer at once."""
        by_host: defaultdict[bytes, list[str]] = defaultdict(list)
        answers: dict[str, Answer] = {}
        for url in urls:
            try:
                by_host[httpx.URL(url).netloc].append(url)
            except httpx.InvalidURL as error:
                answers[url] = Answer("failed", f"not an address: {error}")
        for url, answer in answers.items():
            heard(url, answer)

        async def visit(urls_of_host: list[str]) -> None:
            for url in urls_of_host:
                heard(url, await self._ask(url))

        self._slots = asyncio.Semaphore(self.manners.concurrency)
        # No connection is kept: with a pause between requests that saves nothing, and a server that sends a body after
        # HEAD cannot spoil the next answer.  No compression: a body, if one comes, is not even unpacked.
        headers = {"User-Agent": self.agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(headers=headers, limits=limits, timeout=self.manners.timeout)
        async with self._client, asyncio.TaskGroup() as tasks:
            for urls_of_host in by_host.values():
                tasks.create_task(visit(urls_of_host))

    async def _ask(self, url: str) -> Answer:
        """HEAD, then GET, then GET again as long as the fault may be a passing one."""
        host = self._hosts[httpx.URL(url).netloc]
        answer = Answer("failed", "not asked")
        for attempt, method in enumerate(["HEAD", "GET"] + ["GET"] * self.manners.retries):
            wait = 0.0 if attempt == 0 else self.manners.delay * 2**attempt
            try:
                redirects, response = await self._travel(method, url)
            except _NoAnswerError as error:
                answer = error.answer
                if error.final:
                    return answer
            else:
                status = response.status_code
                answer = judge(url, redirects, status)
                passing = status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
                if answer.kind not in ("failed", "unknown") or (method == "GET" and not passing):
                    return answer
                asked = _patience(response.headers.get("Retry-After", ""))
                if asked is not None and asked > self.manners.longest_wait:
                    return Answer(answer.kind, f"{answer.said}; asks to come back in {asked:.0f} s")
                wait = asked if asked is not None else wait
            host.free_at = max(host.free_at, time.monotonic() + wait)
        return answer

    async def _travel(self, method: str, url: str) -> tuple[list[tuple[int, str]], httpx.Response]:
        """Follow ``url`` to its end: the redirects on the way, and the last response."""
        redirects: list[tuple[int, str]] = []
        at = url
        while True:
            await self._obey_robots(at)
            response, _ = await self._send(method, at)
            target = response.headers.get("Location")
            if response.status_code not in REDIRECTS or not target:
                return redirects, response
            at = _join(at, target)
            if [to for _, to in redirects].count(at) > 1:  # twice is how some sites set a cookie
                raise _NoAnswerError(Answer("failed", "redirects in a loop"), final=True)
            redirects.append((response.status_code, at))
            if len(redirects) > MOST_REDIRECTS:
                raise _NoAnswerError(Answer("failed", f"more than {MOST_REDIRECTS} redirects"), final=True)

    async def _send(self, method: str, url: str, body_bytes: int = 0) -> tuple[httpx.Response, bytes]:
        """One request in its host's turn; of the body at most ``body_bytes``, as they are on the wire."""
        host = self._hosts[httpx.URL(url).netloc]
        async with host.turn:
            await asyncio.sleep(host.free_at - time.monotonic())
            async with self._slots:
                try:
                    async with asyncio.timeout(2 * self.manners.timeout):  # httpx begins anew with each byte
                        return await self._exchange(method, url, body_bytes)
                except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                    raise _NoAnswerError(fault(error, self.manners.timeout)) from error
                finally:
                    host.free_at = max(host.free_at, time.monotonic() + max(self.manners.delay, host.delay))

    async def _exchange(self, method: str, url: str, body_bytes: int) -> tuple[httpx.Response, bytes]:
        response = await self._client.send(self._client.build_request(method, url), stream=True)
        body = b""
        try:
            if body_bytes:
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) >= body_bytes:
                        break
        finally:
            await response.aclose()
        return response, body[:body_bytes]

    async def _obey_robots(self, url: str) -> None:
        """Raise if the origin of ``url`` does not want it asked."""
        address = httpx.URL(url)
        robots = self._robots[address.scheme, address.netloc]
        async with robots.reading:
            if robots.rules is None:
                robots.rules = await self._read_robots(address, robots)
                wanted = float(robots.rules.crawl_delay(self.agent) or 0)
                self._hosts[address.netloc].delay = min(wanted, LONGEST_CRAWL_DELAY)
        if not robots.rules.can_fetch(self.agent, url):
            raise _NoAnswerError(Answer("unknown", robots.why), final=True)

    async def _read_robots(self, address: httpx.URL, robots: _Robots) -> RobotFileParser:
        """The rules: none where there is no file; nothing is allowed while the server cannot give the file."""
        rules = RobotFileParser()
        at = str(address.copy_with(raw_path=b"/robots.txt"))
        try:
            for _ in range(MOST_REDIRECTS):
                response, body = await self._send("GET", at, ROBOTS_BYTES)
                if response.status_code not in REDIRECTS or "Location" not in response.headers:
                    break
                at = _join(at, response.headers["Location"])
        except _NoAnswerError as error:
            if isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
                rules.parse([])  # nobody is there: the address itself will say so
            else:
                rules.parse(NOTHING_ALLOWED)
                robots.why = f"robots.txt: {error.answer.said}"
            return rules
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in PASSING:
            rules.parse(NOTHING_ALLOWED)
            robots.why = f"robots.txt: {response.status_code}"
        else:
            found = body.decode("utf-8-sig", errors="replace") if response.is_success else ""
            rules.parse(found.splitlines())
        return rules


def _join(url: str, target: str) -> str:
    """Where a redirect from ``url`` leads."""
    try:
        joined = httpx.URL(url).join(target).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        joined = httpx.URL()
    if joined.scheme not in ("http", "https") or not joined.host:
        raise _NoAnswerError(Answer("failed", f"redirects to what is no web address: {target[:200]!r}"), final=True)
    return str(joined)


def _patience(value: str) -> float | None:
    """``Retry-After`` in seconds: a number or a date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def fault(error: BaseException, timeout: float) -> Answer:
    """Why there was no answer, in words that say what to look at."""
    causes: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        cause = queue.pop()
        if cause is not None and cause not in causes:
            causes.append(cause)
            queue += [cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]

    def has(*kinds: type[BaseException]) -> BaseException | None:
        return next((cause for cause in causes if isinstance(cause, kinds)), None)

    if isinstance(error, httpx.ProxyError):  # the way out refuses, not the server
        return Answer("unknown", f"the proxy says: {error}", reached=False)
    tls = has(ssl.SSLError)
    if tls:
        return Answer("failed", f"TLS: {getattr(tls, 'verify_message', '') or getattr(tls, 'reason', '') or tls}")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return Answer("failed", f"no answer within {timeout:g} s", reached=not isinstance(error, httpx.ConnectTimeout))
    if has(socket.gaierror):
        return Answer("failed", "no such host", reached=False)
    if has(ConnectionRefusedError):
        return Answer("failed", "connection refused", reached=False)
    if isinstance(error, httpx.ConnectError):
        return Answer("failed", f"no connection ({error})", reached=False)
    if isinstance(error, httpx.ReadError | httpx.WriteError) or has(ConnectionResetError):
        return Answer("failed", "connection closed without an answer")
    return Answer("failed", f"no usable answer ({error})")
