/* A reading list as the file that belongs under catalog/lists/, in the canonical form that `sightglass check` demands:
 * the rules are those of sightglass/canonical.py, and the tests compare the two. */
(function () {
  "use strict";

  const WIDTH = 118;
  const WORDS = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
  const SAFE = /^[A-Za-z][A-Za-z0-9 _,;()/.'+&=?%~-]*(?::\/\/[A-Za-z0-9_,;()/.'+&=?%~@:-]+)?$/;
  // what Python's str.isdigit() takes for a digit
  const DIGIT = /^[\p{Nd}²³¹፩-፱᧚⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒𐩀-𐩃𐹠-𐹨𑁒-𑁚🄀-🄊]/u;
  // what YAML 1.1 takes for something else than a text, of what begins with no digit and is no word
  const OTHER = /^(?:~|<<|=|[-+]0b[01_]+|[-+]0x[0-9a-fA-F_]+|[-+](?:0[0-7_]*|[1-9][0-9_]*)(?::[0-5]?[0-9])*|[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
  const length = (text) => [...text].length;

  /** One line, without what can't be seen. */
  const tidy = (text) => text.replace(/[\s\p{Z}]+/gu, " ").replace(/[\p{C}\ufffd]/gu, "").replace(/ +/g, " ").trim();

  function isPlain(text) {
    if (!text || WORDS.includes(text.toLowerCase()) || DIGIT.test(text)) return false;
    if (SAFE.test(text)) return true;
    return !/^[,[\]{}#&*!|>'"%@`]|^[-?:](?: |$)|: |:$| #/.test(text) && !OTHER.test(text);
  }

  /** `lead`, a colon and the text; a text that would pass the margin is folded into lines of its own. */
  function field(lead, text) {
    const plain = isPlain(text) ? text : JSON.stringify(text);
    if (length(lead) + 2 + length(plain) <= WIDTH || !text.includes(" ")) return `${lead}: ${plain}\n`;
    const indent = " ".repeat(lead.search(/[^ -]/) + 2);
    const lines = [];
    for (const word of text.split(" ")) {
      const last = lines[lines.length - 1];
      if (last !== undefined && length(last) + 1 + length(word) <= WIDTH - indent.length) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    return `${lead}: >-\n${lines.map((line) => `${indent}${line}\n`).join("")}`;
  }

  /** `sessions`: [{title, keys}, ...]. */
  function write({ title, summary, sessions }) {
    let file = field("title", tidy(title)) + field("language", /[\u3400-\u9fff]/.test(title) ? "zh" : "en") + field("summary", tidy(summary)) + "sessions:\n";
    for (const session of sessions) {
      file += `${field("  - title", tidy(session.title))}    items:\n${session.keys.map((key) => field("      - key", key)).join("")}`;
    }
    return file;
  }

  /** The title as a file name of the catalogue: small letters, digits and single hyphens. */
  function slug(title) {
    const plain = title.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "-");
    return plain.slice(0, 64).replace(/^-+|-+$/g, "") || "reading-list";
  }

  window.sightglassListFile = { write, slug, tidy };
})();
