/* The result page: free text, facets whose counts follow the other choices, and the state in the address.
 *
 * Methods, guides and lists stand above the entries.  The page comes with its most useful entries and with the places
 * for everything; this script fills and changes them.  Nodes of facets are made once and then only changed, so that
 * focus stays where it is. */
import { load } from "./find.js";
import { element, metaNodes, named, summaryNode, titleNodes } from "./hits.js";

const PAGE = 50; // entries shown at once; as sightglass/pages/browse.py has it
const ANSWERS_SHOWN = 5;
const SORTS = ["relevance", "year", "title"];
const LONG = 28; // letters of a venue's name, beyond which a facet shows its short one
const ADDRESS_AFTER = 300; // milliseconds: browsers refuse an address that changes with every letter
const collator = new Intl.Collator(["en", "zh-Hans"], { numeric: true });

/** What an entry is filed under, by facet: the values that its filters offer. */
function filedUnder(finder, record) {
  const methods = record.methods.map((key) => finder.methods.get(key)).filter(Boolean);
  const isFamily = (topic) => finder.subjects.get(topic)?.type === "family";
  const families = new Set([...methods.map((method) => method.family), ...record.topics.filter(isFamily)]);
  return {
    kind: [record.folder, record.kind],
    family: [...families],
    method: methods.map((method) => method.key),
    topic: record.topics.filter((topic) => !isFamily(topic)),
    venue: record.venue ? [record.venue] : [],
    year: record.year ? [String(record.year)] : [],
    language: [record.language],
    framework: record.frameworks,
    reproduction: yes(methods.some((method) => method.runs)),
    verified: yes(methods.some((method) => method.verified)),
    scope: record.scope,
  };
}

const yes = (condition) => [condition ? "yes" : "not yet"];

/** Whether what is no entry passes the chosen filters: methods have some of them, everything else has none. */
function passes(record, chosen) {
  const of = record.type === "method" ? { family: [record.family], method: [record.key], reproduction: yes(record.runs), verified: yes(record.verified) } : {};
  return [...chosen].every(([name, values]) => (of[name] || []).some((value) => values.has(value)));
}

export function browse(root) {
  const say = JSON.parse(root.dataset.words);
  const form = root.querySelector("form"), input = form.elements.q, sort = form.elements.sort;
  const filter = root.querySelector(".sg-filter"), count = root.querySelector("[role=status]");
  const together = root.querySelector(".sg-together"), addAll = together.firstElementChild;
  const chosenList = root.querySelector(".sg-chosen"), list = root.querySelector(".sg-results"), more = root.querySelector(".sg-more");
  const answers = root.querySelector(".sg-answers"), answerList = answers.querySelector("ul"), moreAnswers = answers.querySelector("button");
  const nothing = root.querySelector(".sg-nothing"), maybe = nothing.querySelector(".sg-maybe"), everything = nothing.querySelector("li button");
  const facets = [...root.querySelectorAll("[data-facet]")].map((box) => ({
    name: box.dataset.facet, title: box.querySelector("summary").textContent, box, group: box.querySelector("[role=group]"),
    values: new Map(), // value -> {label, check, number, count}
    of: [], // for each entry the values it is filed under
  }));
  const base = new URL("../", location.href); // of the pages in this language
  const state = { q: "", sort: "relevance", chosen: new Map(), limit: PAGE, allAnswers: false };
  let finder = null, byTitle = null, complete = false, untouched = true;

  // The address

  function readAddress() {
    const address = new URLSearchParams(location.search);
    state.q = address.get("q") || "";
    state.sort = SORTS.includes(address.get("sort")) ? address.get("sort") : "relevance";
    state.chosen = new Map(facets.filter(({ name }) => address.has(name)).map(({ name }) => [name, new Set(address.getAll(name))]));
    state.limit = (history.state && history.state.limit) || PAGE;
    if (input.value !== state.q) input.value = state.q;
    sort.value = state.sort;
    if (state.q || state.chosen.size || state.sort === "title" || state.limit > PAGE) untouched = false;
  }

  function address() {
    const query = new URLSearchParams();
    if (state.q) query.set("q", state.q);
    if (state.sort !== "relevance") query.set("sort", state.sort);
    for (const [name, values] of state.chosen) for (const value of values) query.append(name, value);
    return location.pathname + (query.size ? `?${query}` : "");
  }

  let typing = false, timer = 0; // one stretch of typing is one step for the Back button
  function writeAddress(step) {
    clearTimeout(timer);
    history[step ? "pushState" : "replaceState"]({ limit: state.limit }, "", address());
  }
  function typed() {
    clearTimeout(timer);
    timer = setTimeout(() => { writeAddress(!typing); typing = true; }, ADDRESS_AFTER);
  }
  function settle() { // what was typed last, before anything else changes
    if (timer) writeAddress(!typing);
    timer = 0;
    typing = false;
  }

  function change(apply) {
    settle();
    apply();
    untouched = false;
    state.limit = PAGE;
    state.allAnswers = false;
    writeAddress(true);
    draw();
  }

  // The facets

  const folders = { papers: 0, tools: 1, posts: 2, resources: 3 };
  function label(facet, value) {
    const venue = facet === "venue" && finder.venues[value];
    if (venue) return named(...venue).length > LONG ? value : named(...venue);
    const thing = facet === "method" ? finder.methods.get(value) : ["family", "topic"].includes(facet) && finder.subjects.get(value);
    return thing ? named(thing.name, thing.name_zh) : say[`${facet}.${value}`] || value;
  }

  /** Values of a facet in the order in which they are offered: years downwards, kinds below their folder, else the most used first. */
  function ordered(facet, totals, folderOf) {
    const values = [...totals.keys()];
    const rank = (value) => (value in folders ? folders[value] : folders[folderOf.get(value)] + 0.5);
    return values.sort((a, b) => facet === "year" ? b - a
      : facet === "kind" ? rank(a) - rank(b) || totals.get(b) - totals.get(a) || collator.compare(a, b)
      : ["reproduction", "verified"].includes(facet) ? (a === "yes" ? -1 : 1)
      : totals.get(b) - totals.get(a) || collator.compare(label(facet, a), label(facet, b)));
  }

  function file() { // what arrived since the last time
    for (let rank = facets[0].of.length; rank < finder.entries; rank++) {
      const under = filedUnder(finder, finder.records[finder.firstEntry + rank]);
      for (const facet of facets) facet.of.push(under[facet.name].map((value) => valueOf(facet, value)));
    }
  }

  function valueOf(facet, value) {
    if (!facet.values.has(value)) facet.values.set(value, { value, count: 0, chosen: false });
    return facet.values.get(value);
  }

  function build() { // once all names are there
    const folderOf = new Map(finder.records.filter((record) => record.type === "entry").map((record) => [record.kind, record.folder]));
    for (const facet of facets) {
      const totals = new Map([...facet.values.keys()].map((value) => [value, 0]));
      for (const values of facet.of) for (const { value } of values) totals.set(value, totals.get(value) + 1);
      for (const value of state.chosen.get(facet.name) || []) if (!totals.has(value)) totals.set(value, 0);
      facet.group.replaceChildren(...ordered(facet.name, totals, folderOf).map((value) => {
        const shown = valueOf(facet, value);
        shown.check = element("input", { type: "checkbox" });
        shown.number = element("span", { class: "sg-count" });
        shown.label = element("label", { class: facet.name === "kind" && !(value in folders) ? "sg-sub" : undefined },
          shown.check, ` ${label(facet.name, value)} `, shown.number);
        shown.check.dataset.value = value;
        shown.check.addEventListener("change", () => change(() => choose(facet.name, value, shown.check.checked)));
        return shown.label;
      }));
      if (state.chosen.has(facet.name)) facet.box.open = true;
    }
  }

  function choose(name, value, yes) {
    const values = state.chosen.get(name) || new Set();
    values[yes ? "add" : "delete"](value);
    if (values.size) state.chosen.set(name, values); else state.chosen.delete(name);
  }

  function drawChosen() {
    const buttons = [];
    for (const [name, values] of state.chosen) {
      for (const value of values) {
        const what = `${facets.find((facet) => facet.name === name).title}: ${label(name, value)}`;
        const button = element("button", { type: "button", "aria-label": say.remove.replace("{choice}", () => what) }, `${what} ×`);
        button.addEventListener("click", () => { change(() => choose(name, value, false)); (chosenList.querySelector("button") || input).focus(); });
        buttons.push(element("li", {}, button));
      }
    }
    chosenList.replaceChildren(...buttons);
    chosenList.hidden = !buttons.length;
  }

  // What is found

  /** Ranks (0 is the most useful entry) of what matches words and choices; counts in each facet what the other choices leave. */
  function find(scores) {
    const active = facets.filter((facet) => state.chosen.has(facet.name));
    for (const facet of facets) {
      for (const value of facet.values.values()) {
        value.count = 0;
        value.chosen = Boolean(state.chosen.get(facet.name)?.has(value.value));
      }
    }
    const found = [];
    for (let rank = 0; rank < facets[0].of.length; rank++) {
      if (scores && !scores[finder.firstEntry + rank]) continue;
      let misses = 0, missed = null;
      for (const facet of active) if (!facet.of[rank].some((value) => value.chosen)) { misses++; missed = facet; }
      if (misses > 1) continue;
      if (!misses) found.push(rank);
      for (const facet of missed ? [missed] : facets) for (const value of facet.of[rank]) value.count++;
    }
    return found;
  }

  function sorted(ranks, scores) {
    if (state.sort === "title") {
      byTitle ||= [];
      if (byTitle.length !== finder.entries) {
        const titles = Array.from({ length: finder.entries }, (_, rank) => finder.records[finder.firstEntry + rank].title);
        byTitle = [];
        titles.map((title, rank) => rank).sort((a, b) => collator.compare(titles[a], titles[b]) || a - b).forEach((rank, place) => { byTitle[rank] = place; });
      }
      return ranks.sort((a, b) => byTitle[a] - byTitle[b]);
    }
    const year = (rank) => finder.records[finder.firstEntry + rank].year;
    if (state.sort === "year") return ranks.sort((a, b) => year(b) - year(a) || a - b);
    if (!scores) return ranks; // as they come: the most useful first
    return ranks.sort((a, b) => scores[finder.firstEntry + b] - scores[finder.firstEntry + a] || a - b);
  }

  /** The basket and the bibliography for all that was found, shown or not. */
  function drawTogether(ranks) {
    together.hidden = !complete || ranks.length < 2;
    addAll.dataset.sgAddAll = ranks.map((rank) => finder.records[finder.firstEntry + rank].key).join(",");
    if (!together.hidden) window.sightglassBasket?.dressTogether(addAll);
  }

  let summaries = null; // they weigh most, and are asked for once something is drawn
  function withSummaries() {
    summaries ||= stages.words().then(draw, () => { summaries = null; });
  }

  function row(record) {
    const entry = record.type === "entry", folder = record.translated === false && document.documentElement.lang.startsWith("zh") ? "../" : "";
    return element("li", entry ? { "data-sg-key": record.key } : {},
      element("a", { href: new URL(folder + record.url, base).href },
        ...titleNodes(record, entry ? metaNodes(finder, record, say.others) : [], say[`hit.${entry ? record.folder : record.type}`]),
        summaryNode(record)));
  }

  /** Other rows in place of those that are there; the focus stays on the link that it is on (summaries come later). */
  function replace(rows, nodes) {
    const focused = rows.contains(document.activeElement) && document.activeElement.href;
    rows.replaceChildren(...nodes);
    if (focused) [...rows.querySelectorAll("a")].find((link) => link.href === focused)?.focus({ preventScroll: true });
  }

  /** What is no entry, above the entries: what answers the words, or the methods that pass the filters. */
  function drawAnswers(match) {
    const fits = (record) => passes(record, state.chosen);
    const records = match ? finder.answers(match, fits) : state.chosen.size ? finder.records.filter((record) => record.type === "method" && fits(record)) : [];
    if (!match) records.sort((a, b) => b.runs - a.runs);
    const shown = state.allAnswers ? records : records.slice(0, ANSWERS_SHOWN);
    replace(answerList, shown.map(row));
    moreAnswers.hidden = shown.length === records.length;
    moreAnswers.textContent = say.more.replace("{count}", records.length - shown.length);
    answers.hidden = !records.length;
    return records.length;
  }

  /** What is said above the rows; and where there are none, what may have been meant, and ways on. */
  function drawNotes(match, shown, answered) {
    const none = complete && !shown && !answered;
    const notes = [!none ? say.count.replace("{shown}", shown).replace("{all}", finder.total)
      : state.chosen.size ? say["nothing chosen"] : say.nothing.replace("{query}", () => state.q.trim())];
    if (match && !none && match.ignored.length) notes.push(say.ignored.replace("{words}", () => match.ignored.join(", ")));
    if (match && !none && match.partly) notes.push(say.partly);
    if (!complete) notes.push(say.loading);
    const said = notes.join(" · ");
    if (count.textContent !== said) count.textContent = said;
    const nearest = match && complete ? finder.suggest(state.q, match.ignored) : "";
    maybe.hidden = !nearest;
    maybe.firstElementChild.textContent = say.maybe.replace("{query}", () => nearest);
    maybe.dataset.query = nearest;
    nothing.hidden = !none && !nearest;
    nothing.lastElementChild.hidden = !none;
  }

  function draw() {
    if (!finder) return;
    if (complete && !untouched) withSummaries();
    file();
    const match = finder.match(state.q);
    const scores = match && match.scores;
    const ranks = sorted(find(scores), scores);
    if (!untouched) {
      replace(list, ranks.slice(0, state.limit).map((rank) => row(finder.records[finder.firstEntry + rank])));
      more.hidden = ranks.length <= state.limit;
    }
    drawNotes(match, ranks.length, drawAnswers(match));
    drawTogether(match || state.chosen.size ? ranks : []);
    for (const { group, values } of complete ? facets : []) {
      for (const value of values.values()) {
        const number = String(value.count);
        if (value.number.textContent !== number) value.number.textContent = number;
        if (value.check.checked !== value.chosen) value.check.checked = value.chosen;
        // A value that leads nowhere is not offered, unless somebody is on it.
        value.label.hidden = !value.count && !value.chosen && document.activeElement !== value.check;
      }
      group.parentElement.hidden = ![...values.values()].some((value) => !value.label.hidden);
    }
    drawChosen();
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", () => { state.q = input.value; state.limit = PAGE; state.allAnswers = false; untouched = false; typed(); draw(); });
  input.addEventListener("change", settle);
  sort.addEventListener("change", () => change(() => { state.sort = sort.value; }));
  more.addEventListener("click", () => {
    const before = list.childElementCount;
    untouched = false;
    state.limit += PAGE;
    writeAddress(false);
    draw();
    list.children[before]?.querySelector("a").focus(); // on with the first that is new
  });
  moreAnswers.addEventListener("click", () => {
    const before = answerList.childElementCount;
    state.allAnswers = true;
    draw();
    answerList.children[before]?.querySelector("a").focus();
  });
  const ask = (query) => { change(() => { state.q = input.value = query; }); input.focus(); };
  maybe.firstElementChild.addEventListener("click", () => ask(maybe.dataset.query));
  everything.addEventListener("click", () => { state.chosen.clear(); ask(""); });
  addEventListener("popstate", () => { clearTimeout(timer); timer = 0; typing = false; untouched = false; readAddress(); draw(); });

  if (matchMedia("(min-width: 60em)").matches) filter.open = true;
  readAddress();
  const stages = load();
  (async () => {
    finder = await stages.first;
    if (finder.entries < finder.total) draw();
    await stages.names;
    file();
    build();
    complete = true;
    draw();
  })().catch(() => { count.textContent = say.failed; });
}
