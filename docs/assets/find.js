/* The engine that both boxes ask: entries, methods, families, guides, tutorials, reading lists and the site's pages.
 *
 * Texts are cut into tokens: Latin words, and unbroken runs of Chinese, within which any part matches.  A word of the
 * query is compared with each different token once, however many entries there are; an entry's rank comes from how well
 * the word fits, and from where it stands.  The index arrives in parts (see sightglass/pages/finding.py), and whatever
 * is there can be searched. */

const LATIN = "[a-z0-9+\\u00df-\\u024f\\u0370-\\u1fff]+";
const CHUNK = new RegExp(`[\\u3040-\\u30ff\\u3400-\\u9fff]+|${LATIN}(?:[-.'’_]${LATIN})*`, "g");
const CHINESE = /[\u3040-\u30ff\u3400-\u9fff]/;
const UNDECOMPOSED = { ø: "o", ł: "l", ß: "ss", æ: "ae", đ: "d", ı: "i" };

/** Lower case, without accents: "Gölge" as "golge", "Øygard" as "oygard"; Chinese stays. */
export function fold(text) {
  const lower = text.toLowerCase();
  if (!/[^\x00-\x7f]/.test(lower)) return lower;
  return lower.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[øłßæđı]/g, (letter) => UNDECOMPOSED[letter]);
}

/** What is left of a name when it no longer matters how it is spaced: "Grad-CAM++", "grad cam++" and "gradcam++" alike. */
const bare = (folded) => (folded.match(CHUNK) || []).join("").replace(/[-.'’_]/g, "");

/** Words, each as the parts around its hyphens; "t-sne" is ["t", "sne"]. */
const chunks = (folded) => (folded.match(CHUNK) || []).map((chunk) => chunk.split(/[-.'’_]/));

const NAME = 0, TITLE = 1, FIRST_AUTHOR = 2, PEOPLE = 3, YEAR = 4, SUMMARY = 5; // where a token stands ...
const WEIGHTS = [60, 30, 30, 24, 18, 4]; // ... and what a match there is worth
const SHIFT = 3; // a posting is a number: the record's, shifted, and the field's
const LINKED = { method: 0.35, about: 0.25, venue: 0.25, subject: 0.15 }; // the share of a match with what an entry refers to

const SYNONYM = 0.9;
const GOOD = 0.6; // of the best entry's score: what fits worse does not stand above it
/** The types of records that are no entries and have a page. */
export const ANSWERS = ["method", "family", "topic", "guide", "tutorial", "list", "page"];
const WHOLE = 1, START = 0.8, NEAR = 0.5, INSIDE = 0.35;
const INSIDE_FROM = 3; // letters: a shorter Latin word matches at the start of words only
const NEAR_FROM = 5; // letters: a shorter word is taken as it is typed

/** Whether two words differ by one letter put in, left out or exchanged, or by two neighbours swapped. */
export function nearly(a, b) {
  if (Math.abs(a.length - b.length) > 1) return false;
  let i = 0, end = 0;
  while (i < a.length && a[i] === b[i]) i++;
  while (end < Math.min(a.length, b.length) - i && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const left = a.length - i - end, right = b.length - i - end;
  return (left <= 1 && right <= 1) || (left === 2 && right === 2 && a[i] === b[i + 1] && a[i + 1] === b[i]);
}

function fit(word, token, chinese, typos) {
  if (token === word) return WHOLE;
  if (token.length > word.length && token.startsWith(word) || word === token + "s") return START;
  if (chinese) return token.includes(word) ? START : 0;
  if (word.length >= INSIDE_FROM && token.length > word.length && token.includes(word)) return INSIDE;
  return typos && nearly(word, token) ? NEAR : 0;
}

/** Scores of several words together: their mean where a record has them all. */
function together(each) {
  if (each.length === 1) return each[0];
  const mean = new Float32Array(each[0].length);
  for (let id = 0; id < mean.length; id++) {
    if (each.every((scores) => scores[id])) mean[id] = each.reduce((sum, scores) => sum + scores[id], 0) / each.length;
  }
  return mean;
}

/** The better of two scores for each record, of which the other counts for a share only. */
function better(scores, others, share) {
  const best = new Float32Array(scores);
  for (let id = 0; id < best.length; id++) if (others[id] * share > best[id]) best[id] = others[id] * share;
  return best;
}

/** The fewest letters put in, left out or exchanged between two words. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] !== b[j - 1]));
    row = next;
  }
  return row[b.length];
}

/** A pattern for any of some phrases, the longest first: "heat map" in "heat-maps", but not in "cheat mapping". */
function anyOf(phrases) {
  const patterns = [...phrases].sort((a, b) => b.length - a.length).map((phrase) => {
    const pattern = phrase.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/[ -]/g, "[ -]");
    return CHINESE.test(phrase) ? pattern : `(?<![a-z0-9-])${pattern}(?:s|es)?(?![a-z0-9+-])`;
  });
  return patterns.length ? new RegExp(`(${patterns.join("|")})`) : /(?!)/;
}

export class Finder {
  constructor() {
    this.records = []; // methods, venues, subjects, pages, then entries, newest first
    this.entries = 0; // how many entries are there, and how many there will be
    this.total = 0;
    this.synonyms = new Map(); // a folded word: all that mean the same, itself included
    this.filler = new Set(); // words of a question that need not stand in an answer
    this.known = /(?!)/; // the words of both
    this.links = { from: [], to: [], share: [] }; // what entries refer to: (entry, method, share of the method's score)
    this.worths = new Map(); // the scores of words typed before: with each letter only the last word is new
    this.latin = { ids: new Map(), tokens: [], postings: [] };
    this.chinese = { ids: new Map(), tokens: [], postings: [] };
  }

  add(record) {
    const id = this.records.push(record) - 1;
    record.bare = record.names.map((name) => bare(fold(name)));
    return id;
  }

  /** Index what stands in a field of a record. */
  index(id, field, text) {
    if (!text) return;
    const posting = (id << SHIFT) + field;
    this.worths.clear();
    for (const parts of chunks(fold(text))) {
      for (const part of parts) this.post(part, posting);
      if (parts.length > 1) this.post(parts.join(""), posting);
    }
  }

  post(token, posting) {
    const side = CHINESE.test(token) ? this.chinese : this.latin;
    let at = side.ids.get(token);
    if (at === undefined) {
      at = side.tokens.push(token) - 1;
      side.ids.set(token, at);
      side.postings.push([]);
    }
    const postings = side.postings[at];
    if (postings[postings.length - 1] !== posting) postings.push(posting);
  }

  link(from, to, share) {
    this.links.from.push(from);
    this.links.to.push(to);
    this.links.share.push(share);
  }

  /** For each record what a word is worth there: the best of the fields it stands in, and of what the record refers to. */
  worth(word) {
    const known = this.worths.get(word);
    if (known) return known;
    const scores = new Float32Array(this.records.length);
    const chinese = CHINESE.test(word);
    const typos = !chinese && word.length >= NEAR_FROM && !/[0-9+]/.test(word);
    const { tokens, postings } = chinese ? this.chinese : this.latin;
    for (let at = 0; at < tokens.length; at++) {
      const quality = fit(word, tokens[at], chinese, typos);
      if (!quality) continue;
      const worths = WEIGHTS.map((weight) => weight * quality);
      for (const posting of postings[at]) {
        const id = posting >> SHIFT, score = worths[posting & (1 << SHIFT) - 1];
        if (score > scores[id]) scores[id] = score;
      }
    }
    const { from, to, share } = this.links;
    for (let link = 0; link < to.length; link++) {
      const score = scores[to[link]];
      if (score > WEIGHTS[SUMMARY] && score * share[link] > scores[from[link]]) scores[from[link]] = score * share[link];
    }
    if (this.worths.size > 100) this.worths.clear();
    this.worths.set(word, scores);
    return scores;
  }

  /** A word with hyphens is looked for as one, or else as its parts. */
  worthOf(parts) {
    const whole = this.worth(parts.join(""));
    return parts.length === 1 ? whole : better(whole, together(parts.map((part) => this.worth(part))), 1);
  }

  /** Whether Chinese characters stand somewhere side by side. */
  stands(piece) { return this.chinese.tokens.some((token) => token.includes(piece)); }

  /** A run of Chinese that stands nowhere as a whole, in the longest pieces that do: 对抗样本 + 攻击方法. */
  pieces(run) {
    const found = [];
    let at = 0;
    while (at < run.length && run.length <= 40) {
      let end = run.length;
      while (end > at + 1 && !this.stands(run.slice(at, end))) end--;
      if (end > at + 1) found.push(run.slice(at, end));
      at = end;
    }
    return found.length ? found : [run];
  }

  /** The terms of a folded query: each as typed, with its words and those of what means the same, and whether it is filler. */
  terms(folded) {
    const own = (text) => chunks(text).map((parts) => ({ text: parts.join("-"), said: [[parts]] }));
    const known = (text) => {
      const spaced = text.replace(/-/g, " ");
      const word = [spaced, spaced.replace(/s$/, ""), spaced.replace(/es$/, "")].find((form) => this.synonyms.has(form) || this.filler.has(form));
      const said = [text, ...(this.synonyms.get(word) || []).filter((other) => other !== word)].map(chunks);
      return { text, said, filler: this.filler.has(word) };
    };
    const rest = (text) => own(text).flatMap((term) => CHINESE.test(term.text) ? this.pieces(term.text).flatMap(own) : [term]);
    const split = (text) => text.split(this.known).flatMap((part, i) => i % 2 ? [known(part)] : rest(part));
    return folded.split(/([\u3040-\u30ff\u3400-\u9fff]+)/).flatMap((part, i) =>
      i % 2 && !this.synonyms.has(part) && this.stands(part) ? own(part) : split(part));
  }

  /** For each record what a term is worth: in its own words, or nearly as much in others that mean the same. */
  worthOfTerm({ said: [own, ...others] }) {
    const worth = (words) => together(words.map((parts) => this.worthOf(parts)));
    return others.reduce((scores, words) => better(scores, worth(words), SYNONYM), worth(own));
  }

  /** The scores of all records for a query (0: not found), or null for an empty one.
   *
   * ``ignored`` holds the words that stand nowhere, which are left out of account; ``partly`` says that no record has
   * all the others: then those count that have the most of them. */
  match(query) {
    const folded = fold(query).replace(/\bet al\b\.?/, " ");
    const scores = new Float32Array(this.records.length), found = new Uint8Array(this.records.length);
    const terms = this.terms(folded), ignored = [];
    if (!terms.length) return query.trim() ? { scores, ignored, partly: false } : null;
    const needed = terms.some((term) => !term.filler) ? (term) => !term.filler : () => true;
    let wanted = 0;
    for (const term of terms) {
      const worth = this.worthOfTerm(term);
      let somewhere = false;
      for (let id = 0; id < worth.length; id++) if (worth[id]) { somewhere = true; scores[id] += worth[id]; if (needed(term)) found[id]++; }
      if (needed(term)) { if (somewhere) wanted++; else ignored.push(term.text); }
    }
    let most = 0;
    for (const count of found) if (count > most) most = count;
    const enough = wanted > 3 && most * 2 < wanted ? Infinity : most; // a third of a long question is no answer
    const wholes = [bare(folded)], [only] = terms;
    if (terms.length === 1) for (const words of only.said.slice(1)) wholes.push(words.flat().join(""));
    for (let id = 0; id < scores.length; id++) {
      if (enough && found[id] >= enough) scores[id] = Math.max(0.1, scores[id] + this.bonus(this.records[id], wholes));
      else scores[id] = 0;
    }
    return { scores, ignored, partly: most > 0 && most < wanted };
  }

  /** What the query as a whole adds: being the very name of something counts more than anything else. */
  bonus(record, wholes) {
    const bonus = record.nudge - Math.min(8, record.bare[0].length / 40);
    const [whole] = wholes;
    let named = 0;
    for (const name of record.bare) {
      const at = wholes.indexOf(name);
      if (at === 0) return bonus + 150;
      if (at > 0) named = 100;
      if (named < 25 && name.startsWith(whole)) named = 25;
      else if (!named && name.includes(whole)) named = 15;
    }
    for (const method of record.proposes || []) { // it proposes the method of that name
      if (this.records[this.targets.method.get(method)].bare.includes(whole)) return bonus + named + 40;
    }
    return bonus + named;
  }

  /** The query with each Latin word that stands nowhere replaced by the nearest that does; "" if there is none. */
  suggest(query, ignored) {
    let found = "";
    const spelled = fold(query).replace(new RegExp(LATIN, "g"), (word) => {
      if (!ignored.includes(word) || word.length < 3) return word;
      let best = null, least = Math.max(1, Math.floor(word.length / 3)) + 0.5;
      this.latin.tokens.forEach((token, at) => {
        if (Math.abs(token.length - word.length) >= least || /[0-9]/.test(token)) return;
        const far = (nearly(word, token) ? 1 : distance(word, token)) - this.latin.postings[at].length / 1e5; // the more common of two equally near
        if (far < least) { least = far; best = token; }
      });
      return found = best || word;
    });
    return found && spelled !== fold(query) ? spelled : "";
  }

  /** The best ``count`` records of the types asked for. */
  best(query, count, types) {
    const found = this.match(query);
    if (!found) return [];
    return this.ranked(found.scores, ({ type }) => types.includes(type)).slice(0, count).map((id) => this.records[id]);
  }

  /** What answers a query without being an entry, best first; if an entry fits best, only what fits nearly as well. */
  answers({ scores }, fits = () => true) {
    const least = scores.subarray(this.firstEntry).reduce((a, b) => Math.max(a, b), 0) * GOOD;
    return this.ranked(scores, (record, id) => ANSWERS.includes(record.type) && scores[id] >= least && fits(record)).map((id) => this.records[id]);
  }

  ranked(scores, fits) {
    const ids = [];
    for (let id = 0; id < scores.length; id++) if (scores[id] && fits(this.records[id], id)) ids.push(id);
    return ids.sort((a, b) => scores[b] - scores[a] || a - b);
  }

  /** Methods, venues, subjects and pages: few, and entries refer to them. */
  addIndex(index) {
    this.total = index.entries;
    this.subjects = new Map(index.subjects.map((subject) => [subject.key, subject]));
    this.venues = index.venues;
    this.methods = new Map(index.methods.map((method) => [method.key, method]));
    this.targets = { method: new Map(), venue: new Map(), subject: new Map() };
    for (const group of index.synonyms) {
      const folded = group.map((word) => fold(word).replace(/-/g, " "));
      for (const word of folded) this.synonyms.set(word, [...(this.synonyms.get(word) || []), ...folded]);
    }
    this.filler = new Set(index.filler.map(fold));
    this.known = anyOf(new Set([...this.synonyms.keys(), ...this.filler]));
    const put = (type, key, names, more) => {
      const record = { type, key, title: names[0], title_zh: "", names: names.filter(Boolean), nudge: 0, ...more };
      const id = this.add(record);
      // A word is worth more where it is the whole name: 'LRP', but not the 'Yosinski' of 'Yosinski regularizers'.
      for (const name of record.names) this.index(id, chunks(fold(name)).length === 1 ? NAME : TITLE, name);
      for (const words of [record.summary, record.summary_zh]) this.index(id, SUMMARY, words);
      return id;
    };
    for (const { key, name, name_zh, aliases, ...more } of index.methods) {
      const id = put("method", key, [name, name_zh, key, ...aliases], { title_zh: name_zh, url: `methods/${key}/`, nudge: more.runs ? 14 : 12, ...more });
      this.targets.method.set(key, id);
    }
    for (const [key, names] of Object.entries(index.venues)) this.targets.venue.set(key, put("venue", key, [key, ...names]));
    for (const { key, type, name, name_zh, aliases, ...more } of index.subjects) {
      const url = type === "family" ? `families/${key}/` : `topics/${key}/`;
      this.targets.subject.set(key, put(type, key, [name, name_zh, ...aliases], { title_zh: name_zh, url, nudge: type === "family" ? 4 : 0, ...more }));
    }
    for (const { key, family } of index.methods) this.link(this.targets.method.get(key), this.targets.subject.get(family), LINKED.subject);
    for (const { type, url, title, title_zh, aliases = [], headings = [], ...more } of index.pages) {
      const method = this.targets.method.get(url.replace(/^tutorials\/|\/$/g, ""));
      const id = put(type, url, [title, title_zh, ...aliases], { title_zh, url, ...more });
      if (type === "tutorial" && method !== undefined) this.link(id, method, LINKED.about);
      for (const heading of headings) this.index(id, PEOPLE, heading);
    }
    this.firstEntry = this.records.length;
  }

  /** The entry at row ``row`` of a part, with its names indexed. */
  addEntry(part, row) {
    const cell = (column) => [part[column].cells[row]].flat().map((value) => part[column].values[value]);
    const methods = cell("methods"), topics = cell("topics"), [venue] = cell("venue"), [folder] = cell("folder");
    const record = {
      type: "entry", key: part.key[row], folder, kind: cell("kind")[0], title: part.title[row], title_zh: part.title_zh[row],
      names: [part.title[row], part.title_zh[row], part.abbreviation[row], part.key[row]].filter(Boolean),
      authors: part.authors[row] ? part.authors[row].split("\n") : [], year: part.year[row], venue: venue || "",
      language: cell("language")[0], methods, topics, frameworks: cell("frameworks"), scope: cell("scope"), proposes: methods.slice(0, part.proposes[row]),
      url: `${folder}/${part.key[row]}/`, nudge: (folder === "papers" ? 8 : 0) + (part.proposes[row] ? 4 : 0),
    };
    const id = this.add(record);
    this.index(id, TITLE, record.title);
    this.index(id, TITLE, record.title_zh);
    this.index(id, NAME, part.abbreviation[row]);
    this.index(id, YEAR, record.key);
    this.index(id, FIRST_AUTHOR, record.authors[0]);
    this.index(id, PEOPLE, record.authors.slice(1).join("\n"));
    this.index(id, PEOPLE, part.authors_zh[row]);
    this.index(id, YEAR, record.year ? String(record.year) : "");
    const link = (type, key, share) => { if (this.targets[type].has(key)) this.link(id, this.targets[type].get(key), share); };
    for (const method of methods) link("method", method, record.proposes.includes(method) ? LINKED.method : LINKED.about);
    for (const topic of topics) link("subject", topic, LINKED.subject);
    link("venue", venue, LINKED.venue);
    this.entries++;
    return id;
  }

  /** What is said about an entry: its summary in both languages, and the numbers that it is known by. */
  addWords(id, [summary, summary_zh, numbers]) {
    Object.assign(this.records[id], { summary, summary_zh });
    for (const words of [summary, summary_zh, numbers]) this.index(id, SUMMARY, words);
  }
}

const SLICE = 8; // milliseconds of indexing at a stretch, so that a keystroke never waits for it
const breath = () => new Promise((done) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = done; port2.postMessage(0); });

async function inSlices(count, each) {
  let since = performance.now();
  for (let row = 0; row < count; row++) {
    each(row);
    if (performance.now() - since > SLICE) { await breath(); since = performance.now(); }
  }
}

const FOLDER = new URL("../find/", import.meta.url);
let stages = null; // one index for the page: its parts are fetched once, and both boxes look at the same records

async function fetched(name) {
  const response = await fetch(new URL(name, FOLDER));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response.json();
}

/** Start loading, once.  Promises of the finder: with its ``first`` part, with all ``names``, and a function for the ``words``. */
export function load() {
  if (stages) return stages;
  const finder = new Finder();
  const parts = []; // [first id, part]
  const take = async (part) => {
    parts.push([finder.records.length, part]);
    await inSlices(part.key.length, (row) => finder.addEntry(part, row));
  };
  const first = Promise.all([fetched("index.json"), fetched("names-0.json")]).then(async ([index, part]) => {
    finder.addIndex(index);
    await take(part);
    return { finder, index };
  });
  const names = first.then(async ({ index }) => {
    await breath(); // what has come is shown before more is asked for
    const rest = Array.from({ length: Math.max(0, index.parts - 1) }, (_, n) => fetched(`names-${n + 1}.json`));
    for (const part of rest) await take(await part);
    return finder;
  });
  let words = null;
  stages = {
    first: first.then(() => finder),
    names,
    words: () => words ||= names.then(async () => {
      for (const [number, [start, part]] of parts.entries()) {
        const said = await fetched(`words-${number}.json`);
        if (said.of === part.of) await inSlices(said.words.length, (row) => finder.addWords(start + row, said.words[row]));
      }
      return finder;
    }),
  };
  for (const failed of [stages.first, names, first]) failed.catch(() => { stages = null; }); // offline for a moment: try again later
  return stages;
}
