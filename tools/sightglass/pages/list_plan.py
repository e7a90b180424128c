"""The form with which a reader gives a list dates of their own; ``docs/assets/plan-form.js`` makes it work.

Without a script there is the command instead, which makes the same calendar.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable

from sightglass.pages.markup import address, details, ready, text
from sightglass.pages.phrases import PHRASES
from sightglass.pages.site import Site

WORDS = "plan.words."
FIELDS = {  # by the name of the command line's option: what the element is
    "from": '<input type="date" min="2000-01-01" max="2999-12-31" required{}>',
    "every": "<select{}></select>",
    "time": '<input type="time" required{}>',
    "timezone": "<select{}></select>",
    "minutes": '<input type="number" min="1" max="1440" required{}>',
    "weeks": '<input type="number" min="1" max="52" required{}>',
    "place": "<input{}>",
    "presenters": "<input{}>",
    "skip": "<input{}>",
}
HINTS = ("skip", "presenters", "place")


def plan_form(site: Site, slug: str, sessions: Iterable[tuple[str, str, str]]) -> str:
    """The form and the sessions that it dates, each as its place on the page, its title and the title's language."""
    words = {key.removeprefix(WORDS): site.say(key) for key in PHRASES if key.startswith(WORDS)}
    words |= {"same": site.say("plan.same"), "times": site.say("list.times")}
    texts = address(site.shared(f"lists/{slug}.plan.json"), f"lists/{slug}.md")
    buttons = "".join(
        f'<button type="{"submit" if name == "download" else "button"}" class="sg-button" data-sg-do="{name}">'
        f"{site.say(f'plan.{name}')}</button>\n"
        for name in ("download", "link", "mine", "clear")
    )
    rows = "".join(
        f'<li><time></time> <a href="#{name}" lang="{language}">{text(title)}</a> <span class="sg-meta"></span></li>\n'
        for name, title, language in sessions
    )
    command = f"sightglass list plan {slug} --from DATE --time 16:00 --timezone Europe/Berlin --output {slug}.ics"
    body = f"""<p>{site.say("plan.lead")}</p>
<form novalidate hidden>
<div class="sg-plan-fields">
{"".join(_field(site, name) for name in FIELDS)}</div>
<p class="sg-plan-buttons">{buttons}<span role="status"></span></p>
</form>
<div class="sg-plan-dates" hidden>
<ol>
{rows}</ol>
<p class="sg-meta"></p>
</div>
<p class="sg-plan-command">{site.say("plan.command")} <code>{command}</code></p>
"""
    data = (
        f'data-sg-plan="{slug}" data-texts="{texts}" data-words="{html.escape(json.dumps(words, ensure_ascii=False))}"'
    )
    return ready(f"<div {data}>\n{details(site.say('plan'), body, css='note sg-plan')}</div>")


def _field(site: Site, name: str) -> str:
    """A labelled field, the hint to it, and the place for what is wrong with it."""
    hint = (
        f'<span class="sg-meta" id="sg-plan-{name}-hint">{site.say(f"plan.{name} hint")}</span>'
        if name in HINTS
        else ""
    )
    described = f"sg-plan-{name}-hint sg-plan-{name}-wrong" if hint else f"sg-plan-{name}-wrong"
    element = FIELDS[name].format(
        f' name="{name}" id="sg-plan-{name}" aria-describedby="{described}" autocomplete="off"'
    )
    wrong = f'<span class="sg-plan-wrong" id="sg-plan-{name}-wrong"></span>'
    return f'<div><label for="sg-plan-{name}">{site.say(f"plan.{name}")}</label>\n{element}\n{hint}{wrong}</div>\n'
