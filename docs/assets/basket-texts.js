/* Citations as files: joins texts that basket/parts/<n>.json holds, as `sightglass cite` does, and saves them.
 *
 * A further style's references are in basket/styles/<name>.json, loaded when the style is chosen.  The basket's page
 * writes every format with this, the browse page the bibliography of what was found. */
(function () {
  "use strict";

  const basket = window.sightglassBasket;
  if (!basket) return;

  const WORDS = {
    en: { downloaded: (name) => `Downloaded: ${name}`, failed: (why) => `The citations could not be loaded (${why}).` },
    zh: { downloaded: (name) => `已下载：${name}`, failed: (why) => `无法加载引文（${why}）。` },
  };
  const words = WORDS[basket.language];

  const fetched = new Map();
  function once(path) {
    if (!fetched.has(path)) {
      const loading = fetch(new URL(path, basket.base)).then((response) => {
        if (!response.ok) throw new Error(String(response.status));
        return response.json();
      });
      loading.catch(() => fetched.delete(path));
      fetched.set(path, loading);
    }
    return fetched.get(path);
  }
  function part(key, count) {
    const number = [...key].reduce((sum, character) => sum + character.charCodeAt(0), 0) % count; // as in sightglass/pages/basket.py
    return once(`basket/parts/${number}.json`);
  }

  /** What the catalogue says of the keys that it knows, in their order; its texts are spread over `count` files. */
  async function load(keys, count) {
    const pairs = await Promise.all(keys.map(async (key) => [key, await part(key, count)]));
    return new Map(pairs.filter(([key, records]) => Object.hasOwn(records, key)).map(([key, records]) => [key, records[key]]));
  }

  /** The references of all entries in a further style, by key. null for other formats: the records hold their texts. */
  const references = (format) => (format.number === undefined ? null : once(`basket/styles/${format.name}.json`));

  /** Name and text of the file that holds all records in a format. */
  function file(records, format, styled) {
    const keys = [...records.keys()].sort(); // keys are ASCII, so this is Python's order
    const name = keys.length === 1 ? keys[0] : `sightglass-${keys.length}-entries`;
    const text = styled
      ? keys.map((key, position) => `${format.number.replace("#", position + 1)}${styled[key]}\n`).join("")
      : format.opening + keys.map((key) => records.get(key).texts[format.name]).join(format.separator) + format.closing;
    return { name: `${name}${format.ending}`, text };
  }

  /** Saves a file and says so aloud; what was said. */
  function save(name, text, type) {
    basket.save(name, text, type);
    basket.say(words.downloaded(name));
    return words.downloaded(name);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-sg-bib]");
    if (!button) return;
    const format = JSON.parse(button.dataset.format);
    try {
      const { name, text } = file(await load(basket.together(button), Number(button.dataset.parts)), format);
      save(name, text, format.type);
    } catch (error) { basket.tell(button, words.failed(error.message)); }
  });

  window.sightglassTexts = { load, references, file, save, failed: words.failed };
})();
