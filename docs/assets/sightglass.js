/* Search, facets and copy feedback of the site.  No library, no third-party host; every page works without it.
 *
 * Matching is plain substring matching over catalogue.json, which is exact in Chinese and English: each word of the query
 * must stand in some field of a record; where it stands decides the rank.  A longer Latin word that stands nowhere is
 * tried again with one typing error. */
(function () {
  "use strict";

  const FIELDS = [ // [name, weight for a match inside, extra for a match at the start of a word]
    ["short", 60, 30], ["title", 30, 20], ["title_zh", 30, 10], ["people", 22, 14],
    ["methods", 18, 8], ["venue", 12, 6], ["year", 14, 0], ["summary", 4, 2],
  ];
  const HITS_IN_HEADER = 8;
  const TYPO_FROM = 5; // letters

  const fold = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const isWordCharacter = (character) => /[\p{L}\p{N}+]/u.test(character || "");

  /** Query as words: Latin words, and runs of Chinese characters, which match inside longer runs. */
  function words(query) {
    return fold(query).match(/[\u3400-\u9fff]+|[\p{L}\p{N}][\p{L}\p{N}+.-]*/gu) || [];
  }

  function prepare(catalogue) {
    const methodsByKey = new Map(catalogue.methods.map((method) => [method.key, method]));
    const methodText = (key) => {
      const method = methodsByKey.get(key);
      return method ? [method.name, method.name_zh || "", key, ...(method.aliases || [])].join(" | ") : "";
    };
    const records = [];
    for (const method of catalogue.methods) {
      records.push({
        type: "method", key: method.key, url: `methods/${method.key}/`, title: method.name, title_zh: method.name_zh || "",
        meta: "method", data: method,
        fields: foldAll({ short: [method.name, method.key, ...(method.aliases || [])].join(" | "), title: method.name,
          title_zh: method.name_zh || "", summary: method.summary || "" }),
      });
    }
    for (const entry of catalogue.entries) {
      records.push({
        type: "entry", key: entry.key, url: `${entry.folder}/${entry.key}/`, title: entry.title, title_zh: entry.title_zh || "",
        meta: entry.meta || entry.kind, data: entry,
        fields: foldAll({ short: [entry.abbreviation || "", entry.key].join(" | "), title: entry.title,
          title_zh: entry.title_zh || "", people: [...(entry.authors || []), ...(entry.authors_zh || [])].join(" | "),
          methods: (entry.methods || []).map(methodText).join(" | "), venue: entry.venue || "", year: String(entry.year || ""),
          summary: `${entry.summary || ""} ${entry.summary_zh || ""}` }),
      });
    }
    for (const guide of catalogue.guides || []) {
      records.push({ type: "guide", key: guide.url, url: guide.url, title: guide.title, title_zh: "", meta: "guide", data: {},
        fields: foldAll({ title: guide.title }) });
    }
    return records;
  }

  function foldAll(fields) {
    const folded = {};
    for (const [name, value] of Object.entries(fields)) folded[name] = fold(value);
    return folded;
  }

  /** Whether `word` is within one insertion, deletion, substitution or swap of the start of `candidate`. */
  function nearly(word, candidate) {
    if (Math.abs(word.length - candidate.length) > 1) return false;
    let i = 0;
    while (i < word.length && word[i] === candidate[i]) i++;
    const a = word.slice(i), b = candidate.slice(i);
    return a.slice(1) === b.slice(1) || a.slice(1) === b || a === b.slice(1) ||
      (a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2));
  }

  function scoreWord(word, record, typo) {
    let best = 0;
    for (const [name, inside, atStart] of FIELDS) {
      const value = record.fields[name];
      if (!value) continue;
      if (typo) {
        if (name === "summary") continue;
        for (const candidate of value.match(/[a-z0-9]+/g) || []) {
          if (nearly(word, candidate)) best = Math.max(best, inside / 2);
        }
        continue;
      }
      let at = value.indexOf(word);
      while (at !== -1) {
        const starts = !isWordCharacter(value[at - 1]);
        const ends = !isWordCharacter(value[at + word.length]);
        best = Math.max(best, inside * (starts || /[\u3400-\u9fff]/.test(word) ? 1 : 0.4) + (starts ? atStart : 0) + (starts && ends ? atStart : 0));
        at = best >= inside + 2 * atStart ? -1 : value.indexOf(word, at + 1);
      }
    }
    return best;
  }

  /** Records that match, best first; an empty query gives all of them, newest first. */
  function search(records, query) {
    const parts = words(query);
    const whole = fold(query.trim());
    let hits = records.map((record) => ({ record, score: 0 }));
    for (const part of parts) {
      let next = hits.map((hit) => ({ record: hit.record, gain: scoreWord(part, hit.record, false), score: hit.score }))
        .filter((hit) => hit.gain > 0);
      if (!next.length && part.length >= TYPO_FROM && /^[a-z0-9-]+$/.test(part)) {
        next = hits.map((hit) => ({ record: hit.record, gain: scoreWord(part, hit.record, true), score: hit.score }))
          .filter((hit) => hit.gain > 0);
      }
      hits = next.map((hit) => ({ record: hit.record, score: hit.score + hit.gain }));
    }
    for (const hit of hits) {
      if (!parts.length) continue;
      const { fields, type, data } = hit.record;
      if (fields.title === whole || fields.title_zh === whole || (fields.short || "").split(" | ").includes(whole)) hit.score += 120;
      else if (fields.title.startsWith(whole)) hit.score += 25;
      else if (fields.title.includes(whole) || fields.title_zh.includes(whole)) hit.score += 15;
      if (type === "method") hit.score += 12;
      if (type === "entry" && data.folder === "papers") hit.score += 8;
      if (type === "entry" && (data.proposes || []).length) hit.score += 4;
      hit.score -= Math.min(8, fields.title.length / 40);
    }
    hits.sort((a, b) => b.score - a.score || (b.record.data.year || 0) - (a.record.data.year || 0) ||
      (a.record.title < b.record.title ? -1 : 1));
    return hits.map((hit) => hit.record);
  }

  let loading = null;
  function load(base) {
    loading = loading || fetch(new URL("catalogue.json", base)).then((response) => {
      if (!response.ok) throw new Error(`catalogue.json: ${response.status}`);
      return response.json();
    }).then((catalogue) => ({ catalogue, records: prepare(catalogue) }));
    return loading;
  }

  function element(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) if (value !== undefined) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== "" && child !== null && child !== undefined));
    return node;
  }

  function titleNodes(record) {
    const nodes = [element("span", { class: "sg-hit-title", lang: record.data.language }, record.title)];
    if (record.title_zh) nodes.push(element("span", { class: "sg-title-zh", lang: "zh-Hans" }, record.title_zh));
    nodes.push(element("span", { class: "sg-meta" }, record.meta));
    return nodes;
  }

  /** The box in the header: a combobox after the ARIA pattern; Enter without a choice opens the browse page. */
  function headerSearch(form) {
    const input = form.querySelector("input"), list = form.querySelector("ul");
    const base = new URL(form.dataset.base.replace(/\/?$/, "/"), location.href);
    let chosen = -1;
    const close = () => { list.hidden = true; chosen = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
    const choose = (index) => {
      const options = list.querySelectorAll("[role=option]");
      if (!options.length) return;
      chosen = (index + options.length) % options.length;
      options.forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)));
      input.setAttribute("aria-activedescendant", options[chosen].id);
      options[chosen].scrollIntoView({ block: "nearest" });
    };
    const show = async () => {
      const query = input.value;
      if (!query.trim()) return close();
      let loaded;
      try { loaded = await load(base); } catch (error) { return close(); }
      if (query !== input.value) return;
      const hits = search(loaded.records, query).slice(0, HITS_IN_HEADER);
      list.replaceChildren(...hits.map((record, i) => element("li", { role: "option", id: `sg-hit-${i}`, "aria-selected": "false" },
        element("a", { href: new URL(record.url, base).href, tabindex: "-1" }, ...titleNodes(record)))));
      if (!hits.length) list.append(element("li", { class: "sg-meta", role: "presentation" }, "Nothing found / 没有结果"));
      list.hidden = false; chosen = -1;
      input.setAttribute("aria-expanded", "true");
    };
    input.addEventListener("focus", () => { load(base).catch(() => {}); });
    input.addEventListener("input", show);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(chosen + (event.key === "ArrowDown" ? 1 : -1)); }
      else if (event.key === "Escape") { close(); }
      else if (event.key === "Enter" && chosen >= 0) { event.preventDefault(); list.querySelectorAll("a")[chosen].click(); }
    });
    form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) close(); });
    list.addEventListener("mousedown", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => {
      const typing = /^(input|textarea|select)$/i.test(document.activeElement.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); input.focus(); }
    });
  }

  const FACETS = [
    ["kind", "Kind", (entry) => [entry.kind]],
    ["family", "Family", (entry) => entry.families || []],
    ["topic", "Topic", (entry) => entry.topics || []],
    ["method", "Method", (entry) => entry.methods || []],
    ["venue", "Venue", (entry) => (entry.venue ? [entry.venue] : [])],
    ["year", "Year", (entry) => (entry.year ? [String(entry.year)] : [])],
    ["language", "Language", (entry) => [entry.language]],
    ["framework", "Framework of the code", (entry) => entry.frameworks || []],
    ["runs", "Has a reproduction", (entry) => [entry.runs ? "yes" : "no"]],
  ];
  const PAGE = 60;

  /** The browse page: free text, facets whose counts follow the other choices, and the state in the address. */
  async function browse(root) {
    const base = new URL("../", location.href);
    let loaded;
    try { loaded = await load(base); } catch (error) {
      root.append(element("p", {}, `The catalogue could not be loaded (${error.message}). The lists below hold everything.`));
      return;
    }
    const { catalogue } = loaded;
    const records = loaded.records.filter((record) => record.type === "entry");
    const methodNames = Object.fromEntries(catalogue.methods.map((method) => [method.key, method.name]));
    const label = (facet, value) => facet === "method" ? methodNames[value] || value
      : (facet === "family" || facet === "topic") ? (catalogue.subjects[value] || [value])[0]
      : facet === "language" ? ({ en: "English", zh: "中文" }[value] || value) : value;

    const input = element("input", { type: "search", class: "sg-query", "aria-label": "Search in all entries", placeholder: "Words, names, years / 关键词、作者、年份" });
    const sort = element("select", { "aria-label": "Sort by" });
    for (const [value, name] of [["relevance", "Relevance"], ["year", "Newest first"], ["title", "Title"]]) sort.append(element("option", { value }, name));
    const count = element("p", { class: "sg-meta", role: "status" });
    const facets = element("div", { class: "sg-facets" });
    const list = element("ul", { class: "sg-results" });
    const more = element("button", { type: "button", class: "md-button" }, "Show more");
    const reset = element("button", { type: "button", class: "sg-reset" }, "Clear all choices");
    const details = element("details", { class: "sg-filter" }, element("summary", {}, "Filter"), facets, reset);
    if (matchMedia("(min-width: 60em)").matches) details.open = true;
    root.replaceChildren(element("div", { class: "sg-browse" }, details,
      element("div", { class: "sg-found" }, element("div", { class: "sg-bar" }, input, sort), count, list, more)));

    let limit = PAGE;
    const state = { q: "", sort: "relevance", chosen: {} };
    const readAddress = () => {
      const address = new URLSearchParams(location.search);
      state.q = address.get("q") || "";
      state.sort = address.get("sort") || "relevance";
      state.chosen = {};
      for (const [name] of FACETS) if (address.getAll(name).length) state.chosen[name] = new Set(address.getAll(name));
      input.value = state.q; sort.value = state.sort; limit = PAGE;
    };
    const writeAddress = (replace) => {
      const address = new URLSearchParams();
      if (state.q) address.set("q", state.q);
      if (state.sort !== "relevance") address.set("sort", state.sort);
      for (const [name, values] of Object.entries(state.chosen)) for (const value of values) address.append(name, value);
      const url = location.pathname + (address.size ? `?${address}` : "");
      history[replace ? "replaceState" : "pushState"](null, "", url);
    };
    const passes = (record, except) => FACETS.every(([name, , values]) => {
      const chosen = state.chosen[name];
      return name === except || !chosen || !chosen.size || values(record.data).some((value) => chosen.has(value));
    });

    function draw() {
      const found = search(records, state.q);
      if (state.sort === "year" || (state.sort === "relevance" && !state.q)) found.sort((a, b) => (b.data.year || 0) - (a.data.year || 0) || (a.title < b.title ? -1 : 1));
      if (state.sort === "title") found.sort((a, b) => a.title.localeCompare(b.title));
      const shown = found.filter((record) => passes(record));
      count.textContent = `${shown.length} of ${records.length} entries`;
      list.replaceChildren(...shown.slice(0, limit).map((record) => element("li", { "data-sg-key": record.key }, element("a", { href: new URL(record.url, base).href }, ...titleNodes(record)))));
      more.hidden = shown.length <= limit;
      const open = new Set([...facets.querySelectorAll("details[open]")].map((node) => node.dataset.facet));
      const focused = document.activeElement && document.activeElement.id;
      facets.replaceChildren(...FACETS.map(([name, title, values], position) => {
        const counts = new Map();
        for (const record of found) if (passes(record, name)) for (const value of values(record.data)) counts.set(value, (counts.get(value) || 0) + 1);
        for (const value of state.chosen[name] || []) if (!counts.has(value)) counts.set(value, 0);
        const sorted = [...counts].sort((a, b) => name === "year" ? b[0] - a[0] : b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
        const box = element("details", { "data-facet": name }, element("summary", {}, title));
        if (open.has(name) || (state.chosen[name] || new Set()).size || (!open.size && position < 2 && !facets.childElementCount)) box.open = true;
        const group = element("div", { role: "group", "aria-label": title });
        for (const [value, number] of sorted) {
          const id = `sg-${name}-${value}`;
          const check = element("input", { type: "checkbox", id });
          check.checked = (state.chosen[name] || new Set()).has(value);
          check.addEventListener("change", () => {
            const set = state.chosen[name] = state.chosen[name] || new Set();
            if (check.checked) set.add(value); else set.delete(value);
            limit = PAGE; writeAddress(false); draw();
          });
          group.append(element("label", { for: id }, check, ` ${label(name, value)} `, element("span", { class: "sg-count" }, String(number))));
        }
        box.append(group);
        return box;
      }));
      if (focused) { const again = document.getElementById(focused); if (again) again.focus(); }
    }

    input.addEventListener("input", () => { state.q = input.value; limit = PAGE; writeAddress(true); draw(); });
    sort.addEventListener("change", () => { state.sort = sort.value; writeAddress(false); draw(); });
    more.addEventListener("click", () => { limit += PAGE; draw(); });
    reset.addEventListener("click", () => { state.chosen = {}; writeAddress(false); draw(); });
    addEventListener("popstate", () => { readAddress(); draw(); });
    readAddress();
    draw();
  }

  if (typeof document !== "undefined") {
    document.querySelectorAll("[data-sg-search]").forEach(headerSearch);
    const root = document.getElementById("sg-browse");
    if (root) browse(root);
  }
  if (typeof module !== "undefined") module.exports = { prepare, search, words };
})();
