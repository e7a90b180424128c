/* How a hit looks, in the header's list and on the browse page; texts of the catalogue arrive as text, never as markup. */

export function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const chinese = document.documentElement.lang.startsWith("zh");

/** The name of a thing in the language of the page, from its English and its Chinese one. */
export const named = (name, name_zh) => (chinese && name_zh) || name;

const SAID = 160; // letters of a summary, and
const AUTHORS = 3; // in lists, and the letters of a venue's name beyond which its short one stands there:
const LONG_VENUE = 24; // as sightglass/pages has them

/** 'Zhou, Khosla, Lapedriza and others · CVPR 2016', as meta_span() of the pages writes it. */
export function metaNodes(finder, record, others) {
  const names = record.authors.slice(0, AUTHORS).join(", ");
  const byline = record.authors.length > AUTHORS ? others.replace("{names}", () => names) : names;
  const [name, name_zh] = finder.venues[record.venue] || ["", ""];
  const long = named(name, name_zh).length > LONG_VENUE;
  const venue = !name ? [] : long ? [record.venue]
    : chinese && !name_zh ? [element("span", { lang: "en" }, name)] : [named(name, name_zh)];
  const place = record.year ? [...venue, venue.length ? ` ${record.year}` : String(record.year)] : venue;
  return [byline, byline && place.length ? " · " : "", ...place].filter(Boolean);
}

/** Title, Chinese title and a line about a record, as the lists of the site show them; a badge says what it is. */
export function titleNodes(record, meta, badge) {
  const [title, title_zh] = record.type === "entry" ? [record.title, record.title_zh]
    : chinese && record.title_zh ? [record.title_zh, ""] : [record.title, record.title_zh];
  const language = record.type === "entry" ? record.language : chinese && title === record.title_zh ? "zh" : "en";
  const nodes = [element("span", { class: "sg-hit-title", lang: language === "zh" ? "zh-Hans" : language }, title)];
  if (badge) nodes.push(element("span", { class: "sg-badge" }, badge));
  if (title_zh) nodes.push(element("span", { class: "sg-title-zh", lang: "zh-Hans" }, title_zh));
  if (meta.length) nodes.push(element("span", { class: "sg-meta" }, ...meta));
  return nodes;
}

/** One line of what is said about a record, in the language of the page if there is that. */
export function summaryNode({ summary = "", summary_zh = "" }) {
  const said = named(summary, summary_zh);
  const lang = chinese && !summary_zh ? "en" : undefined;
  return element("span", { class: "sg-gist", lang }, said.length > SAID ? `${said.slice(0, SAID - 1).trimEnd()}…` : said);
}
