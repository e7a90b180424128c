/* The box in the header: a combobox after the ARIA pattern.  Without this script it is a form that leads to the browse page. */
import { ANSWERS, load } from "./find.js";
import { element, metaNodes, titleNodes } from "./hits.js";

const HITS = 8;
const TYPES = ["entry", ...ANSWERS];

function searchBox(form) {
  const input = form.querySelector("input"), list = form.querySelector("ul");
  const base = new URL(form.dataset.base.replace(/\/?$/, "/"), location.href);
  const words = JSON.parse(form.dataset.words);
  const place = (record) => new URL((record.translated === false ? "" : form.dataset.folder) + record.url, base).href;
  let chosen = -1;

  function close() {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    const options = list.querySelectorAll("[role=option]:not([aria-disabled])");
    if (list.hidden || !options.length) return;
    chosen = (index + options.length) % options.length;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)));
    input.setAttribute("aria-activedescendant", options[chosen].id);
    options[chosen].scrollIntoView({ block: "nearest" });
  }

  const option = (number, link, ...nodes) => element("li", { role: "option", id: `sg-hit-${number}`, "aria-selected": "false" },
    element("a", { href: link, tabindex: "-1" }, ...nodes));
  const onBrowse = (query) => `${form.action}?${new URLSearchParams({ q: query })}`;

  /** The best hits and a way to all of them; or, where there are none, to what is spelled nearly so. */
  function show(finder) {
    const query = input.value.trim(), hits = finder.best(query, HITS, TYPES);
    list.replaceChildren(...hits.map((record, i) => option(i, place(record),
      ...titleNodes(record, record.type === "entry" ? metaNodes(finder, record, words.others) : [words[record.type]]))));
    if (hits.length) list.append(option(hits.length, onBrowse(query), words.all.replace("{query}", () => query)));
    else {
      list.append(element("li", { class: "sg-meta", role: "option", "aria-disabled": "true" }, words.none));
      const match = finder.match(query), nearest = match && finder.suggest(query, match.ignored);
      if (nearest) list.append(option(0, onBrowse(nearest), words.maybe.replace("{query}", () => nearest)));
    }
    list.hidden = false;
    chosen = -1;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
    return hits.length;
  }

  /** Show what the parts that have come say, and again when more have come; summaries only if names give too little. */
  async function search() {
    const query = input.value;
    const current = () => query === input.value && document.activeElement === input;
    if (!query.trim()) return close();
    try {
      const stages = load();
      const finder = await stages.first;
      if (!current()) return;
      let found = show(finder);
      if (finder.entries < finder.total) {
        await stages.names;
        if (current()) found = show(finder);
      }
      if (found < HITS) {
        await stages.words();
        if (current() && chosen < 0) show(finder);
      }
    } catch {
      list.replaceChildren(element("li", { class: "sg-meta", role: "option", "aria-disabled": "true" }, words.failed));
      list.hidden = false;
    }
  }

  input.addEventListener("focus", () => { load().first.catch(() => {}); });
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // an input method is at work on Chinese: its keys are not ours
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(event.key === "ArrowDown" ? chosen + 1 : Math.max(chosen, 0) - 1);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); // which would empty the field
      close();
    } else if (event.key === "Enter" && chosen >= 0) {
      const link = list.querySelectorAll("a")[chosen];
      if (link) { event.preventDefault(); link.click(); }
    }
  });
  form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) close(); });
  list.addEventListener("mousedown", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const typing = document.activeElement.matches("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); input.focus(); }
  });
}

document.querySelectorAll("[data-sg-search]").forEach(searchBox);
const root = document.getElementById("sg-browse");
if (root) import("./browse.js").then(({ browse }) => browse(root));
