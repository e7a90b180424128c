/* How a hit looks, in the header's list and on the browse page; texts of the catalogue arrive as text, never as markup. */

export function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const AUTHORS = 3; // in lists; as sightglass/pages/entries.py has it
const SHORT_FROM = 24; // letters of a venue's name, from which its short one is shown

/** 'Zhou, Khosla, Lapedriza and others · CVPR 2016', as meta_line() of the pages writes it. */
export function metaLine(finder, record, others = "and others") {
  const byline = record.authors.slice(0, AUTHORS).join(", ") + (record.authors.length > AUTHORS ? ` ${others}` : "");
  const name = (finder.venues[record.venue] || [""])[0];
  const where = [name.length > SHORT_FROM ? record.venue : name, record.year || ""].filter(Boolean).join(" ");
  return [byline, where].filter(Boolean).join(" · ");
}

/** Title, Chinese title and a line about a record, as the lists of the site show them. */
export function titleNodes(record, meta) {
  const nodes = [element("span", { class: "sg-hit-title", lang: record.language }, record.title)];
  if (record.title_zh) nodes.push(element("span", { class: "sg-title-zh", lang: "zh-Hans" }, record.title_zh));
  nodes.push(element("span", { class: "sg-meta" }, meta));
  return nodes;
}
