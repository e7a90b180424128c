/* The page of the basket: what is in it, exports, the link that shares it, the reading-list file.
 *
 * No citation is computed here: basket/parts/<n>.json holds the texts, and data-formats says how texts become a file. */
(function () {
  "use strict";

  const basket = window.sightglassBasket, texts = window.sightglassTexts, listFile = window.sightglassListFile;
  const root = document.getElementById("sg-basket");
  if (!basket || !texts || !listFile || !root) return;

  const WORDS = {
    en: {
      count: (n) => (n === 1 ? "1 entry" : `${n} entries`), empty: "Nothing chosen yet. The + beside a title puts an entry here.", browse: "Browse the catalogue",
      remove: "Remove", labelled: (label, what) => `${label}: ${what}`, clear: "Clear the basket", undo: "Undo", removed: (title) => `Removed: ${title}.`, cleared: (n) => `Removed ${n}.`, undone: "Undone.",
      filled: (n) => `Filled from the link: ${n}.`, added: (n) => `Added from the link: ${n}.`, replaced: (n) => `Replaced by the link's ${n}.`, kept: "Yours is as it was.",
      offer: (n, fresh) => `The link that you opened holds ${n}, ${fresh} of them not in your basket.`, add: "Add them to mine", replace: "Replace mine", keep: "Keep mine as it is",
      gone: "not in the catalogue any more", unstored: "This browser does not store the basket. It stays in this page's address: keep the page open, or copy its link.",
      again: "Try again", cite: "Cite", format: "Format", copy: "Copy", download: "Download", text: "The file",
      share: "Share", shareText: "Whoever opens this link gets these entries; a basket of their own is not touched without a question.", copyLink: "Copy the link", link: "Link to this basket",
      list: "Make a reading list", listText: "A file for catalog/lists/, as sightglass check wants it. Dates, presenters and questions are added there.",
      title: "Title", aTitle: "Reading list", summary: "Summary", aSummary: (n) => `Chosen from the catalogue, ${n}.`, sessions: "Sessions", one: "One for everything", each: "One for each entry",
    },
    zh: {
      count: (n) => `${n} 条`, empty: "还没有选择文献。点标题旁的 + 即可加入。", browse: "浏览文献库",
      remove: "移出", labelled: (label, what) => `${label}：${what}`, clear: "清空", undo: "撤销", removed: (title) => `已移出：${title}。`, cleared: (n) => `已移出 ${n}。`, undone: "已撤销。",
      filled: (n) => `已从链接加入 ${n}。`, added: (n) => `已从链接加入 ${n}。`, replaced: (n) => `已换成链接中的 ${n}。`, kept: "保持不变。",
      offer: (n, fresh) => `链接中有 ${n}，其中 ${fresh} 条不在当前的文献篮里。`, add: "并入我的文献篮", replace: "替换我的文献篮", keep: "不作更改",
      gone: "已不在文献库中", unstored: "浏览器无法保存文献篮；内容保留在本页地址中：请不要关闭本页，或复制链接。",
      again: "重试", cite: "引用", format: "格式", copy: "复制", download: "下载", text: "文件内容",
      share: "分享", shareText: "打开此链接的人会得到这些文献；对方已有的文献篮须经确认才会更改。", copyLink: "复制链接", link: "此文献篮的链接",
      list: "生成阅读清单", listText: "放入 catalog/lists/ 的文件，符合 sightglass check 的要求。日期、主讲人和问题可在其中补充。",
      title: "标题", aTitle: "阅读清单", summary: "简介", aSummary: (n) => `选自文献库，共 ${n}。`, sessions: "讨论次数", one: "全部一次", each: "每篇一次",
    },
  };
  const words = WORDS[basket.language];
  const PARTS = Number(root.dataset.parts);
  const FORMATS = JSON.parse(root.dataset.formats);

  function element(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  function button(label, act, css = "sg-button") {
    const node = element("button", { type: "button", class: css }, label);
    node.addEventListener("click", () => act(node));
    return node;
  }

  /* ---- Changes, each of which can be undone */

  const past = [];
  function change(keys, message) {
    past.push({ before: basket.read(), after: keys });
    told.textContent = message;
    basket.write(keys);
    basket.say(message);
  }
  /** Takes the last change back, and nothing that another tab has done since. */
  function undo() {
    const { before, after } = past.pop(), now = basket.read();
    const back = before.filter((key) => !after.includes(key) || now.includes(key));
    const others = now.filter((key) => !after.includes(key) && !before.includes(key));
    told.textContent = words.undone;
    basket.write([...back, ...others]);
    basket.say(`${words.undone} ${words.count(basket.read().length)}`);
    (past.length ? undoButton : heading).focus();
  }
  function remove(key, title) {
    const keys = basket.read(), position = keys.indexOf(key);
    change(keys.filter((other) => other !== key), words.removed(title));
    focusAfterDrawing = keys[position + 1] || keys[position - 1] || "";
  }

  /* ---- The page */

  const heading = document.querySelector("article h1");
  heading.tabIndex = -1;
  const notice = element("div", {});
  const count = element("strong", {});
  const told = element("span", { class: "sg-meta" });
  const undoButton = button(words.undo, undo);
  const clearButton = button(words.clear, () => {
    const keys = basket.read();
    change([], words.cleared(words.count(keys.length)));
    focusAfterDrawing = ""; // the button that was pressed goes away: on to 'Undo'
  });
  const items = element("ul", { class: "sg-basket-items" });
  const empty = element("p", {}, `${words.empty} `, element("a", { href: new URL("browse/", basket.pages).href }, words.browse));

  const formats = element("fieldset", { class: "sg-formats" }, element("legend", { class: "sg-said" }, words.format));
  for (const format of FORMATS) {
    const choice = element("input", { type: "radio", name: "sg-format", value: format.name });
    choice.checked = format === FORMATS[0];
    formats.append(element("label", {}, choice, ` ${format.label}`));
  }
  formats.addEventListener("change", () => drawText());
  const cited = element("pre", { class: "sg-basket-text", tabindex: "0", role: "region", "aria-label": words.text });
  const copyCited = button(words.copy, (node) => basket.copy(node, cited.textContent));
  const downloadCited = button(words.download, () => save(downloadCited.dataset.name, cited.textContent, chosenFormat().type));

  const shared = element("input", { class: "sg-basket-link-text", readonly: "", "aria-label": words.link });
  shared.addEventListener("focus", () => shared.select());
  const copyShared = button(words.copyLink, (node) => basket.copy(node, shared.value));

  const title = element("input", { maxlength: "200", value: words.aTitle });
  const summary = element("textarea", { rows: "2", maxlength: "900" });
  const sessions = element("select", {}, element("option", { value: "one" }, words.one), element("option", { value: "each" }, words.each));
  const fields = element("div", { class: "sg-basket-fields" }, element("label", {}, words.title, title), element("label", {}, words.summary, summary), element("label", {}, words.sessions, sessions));
  fields.addEventListener("input", () => drawFile());
  const file = element("pre", { class: "sg-basket-text", tabindex: "0", role: "region", "aria-label": words.text });
  const copyFile = button(words.copy, (node) => basket.copy(node, file.textContent));
  const downloadFile = button(words.download, () => save(`${listFile.slug(title.value)}.yaml`, file.textContent, "application/yaml"));

  const bar = (...children) => element("div", { class: "sg-basket-bar" }, ...children);
  const full = element("div", {},
    element("h2", { id: "cite" }, words.cite), formats, bar(copyCited, downloadCited), cited,
    element("h2", { id: "share" }, words.share), element("p", {}, words.shareText), bar(shared, copyShared),
    element("h2", { id: "reading-list" }, words.list), element("p", {}, words.listText), fields, bar(copyFile, downloadFile), file);
  const loaded = element("div", {}, full);
  root.replaceChildren(notice, bar(count, clearButton, undoButton, told), items, empty, loaded);

  let records = new Map(); // those of the basket that the catalogue knows, in the reader's order
  let turn = 0, focusAfterDrawing = null, pending = null, problem = "";

  function save(name, text, type) { told.textContent = texts.save(name, text, type); }

  const chosenFormat = () => FORMATS.find((format) => format.name === formats.querySelector("input:checked").value);

  async function drawText() {
    const format = chosenFormat(), mine = records;
    let styled = null, failed = "";
    const loading = texts.references(format);
    if (loading) try { styled = await loading; } catch (error) { failed = texts.failed(error.message); }
    if (format !== chosenFormat() || mine !== records) return; // a later choice is being drawn
    const { name, text } = failed ? { name: "", text: failed } : texts.file(records, format, styled);
    cited.textContent = text;
    cited.classList.toggle("sg-wraps", format.type === "text/plain");
    for (const node of [copyCited, downloadCited]) node.disabled = Boolean(failed);
    downloadCited.dataset.name = name;
    downloadCited.textContent = `${words.download} ${name}`.trim();
  }

  function drawFile() {
    const name = listFile.tidy(title.value) || words.aTitle, keys = [...records.keys()];
    file.textContent = listFile.write({
      title: name,
      summary: listFile.tidy(summary.value) || words.aSummary(words.count(keys.length)),
      sessions: sessions.value === "one" ? [{ title: name, keys }] : keys.map((key) => ({ title: records.get(key).title, keys: [key] })),
    });
    downloadFile.textContent = `${words.download} ${listFile.slug(title.value)}.yaml`;
  }

  function item(key) {
    const record = records.get(key);
    const name = record ? record.title : key;
    const remover = button(words.remove, () => remove(key, name));
    remover.setAttribute("aria-label", words.labelled(words.remove, name));
    remover.dataset.key = key;
    const text = element("div", {});
    if (record) {
      text.append(element("a", { href: new URL(record.url, basket.pages).href, lang: record.language }, record.title));
      if (record.title_zh) text.append(element("span", { class: "sg-title-zh", lang: "zh-Hans" }, record.title_zh));
      text.append(element("span", { class: "sg-meta" }, record.meta[basket.language]), element("span", { class: "Z3988", title: record.coins }));
    } else text.append(element("code", {}, key), " ", element("span", { class: "sg-meta" }, problem ? "" : words.gone));
    return element("li", {}, text, remover);
  }

  function drawNotice() {
    notice.replaceChildren();
    const show = (text, ...buttons) => notice.append(element("div", { class: "sg-basket-notice" }, element("p", {}, text), bar(...buttons)));
    if (!basket.isStored()) show(words.unstored);
    if (problem) show(texts.failed(problem), button(words.again, () => draw()));
    if (pending) {
      const own = basket.read(), keys = pending, fresh = keys.filter((key) => !own.includes(key));
      const decide = (next, message) => { pending = null; forget(); if (next) change(next, message); else { told.textContent = message; basket.say(message); drawNotice(); } heading.focus(); };
      const choices = [button(words.replace, () => decide(keys, words.replaced(words.count(keys.length)))), button(words.keep, () => decide(null, words.kept))];
      if (fresh.length) choices.unshift(button(words.add, () => decide([...own, ...fresh], words.added(words.count(fresh.length)))));
      show(words.offer(words.count(keys.length), fresh.length), ...choices);
    }
  }

  async function draw() {
    const keys = basket.read(), mine = ++turn;
    if (!basket.isStored() && !pending) history.replaceState(null, "", basket.address(keys)); // survives a reload
    let found = new Map();
    problem = "";
    try { found = await texts.load(keys, PARTS); } catch (error) { if (mine === turn) problem = error.message; }
    if (mine !== turn) return; // a later change is being drawn
    records = found;
    const focused = document.activeElement && document.activeElement.dataset.key;
    count.textContent = words.count(keys.length);
    clearButton.hidden = !keys.length;
    undoButton.hidden = !past.length;
    empty.hidden = keys.length > 0;
    items.replaceChildren(...keys.map(item));
    full.hidden = !records.size;
    if (records.size) {
      drawText();
      drawFile();
      shared.value = basket.address([...records.keys()]);
    }
    drawNotice();
    const wanted = focusAfterDrawing === null ? focused : focusAfterDrawing;
    focusAfterDrawing = null;
    if (wanted !== undefined) (items.querySelector(`[data-key="${wanted}"]`) || (past.length ? undoButton : heading)).focus();
    root.dataset.drawn = keys.length;
    document.dispatchEvent(new Event("ZoteroItemUpdated", { bubbles: true, cancelable: true })); // its button now saves these
  }

  /* ---- A link that holds a basket */

  const forget = () => history.replaceState(null, "", location.pathname + location.search);
  function open() {
    const written = location.hash.startsWith("#keys=") ? location.hash.slice("#keys=".length) : "";
    let keys = [];
    try { keys = basket.clean(decodeURIComponent(written).split(",")); } catch (error) { /* no such address was made here */ }
    const own = basket.read();
    const same = keys.length === own.length && keys.every((key) => own.includes(key));
    pending = null;
    if (!keys.length || same) { if (location.hash.startsWith("#keys=")) forget(); draw(); }
    else if (!own.length) { forget(); change(keys, words.filled(words.count(keys.length))); }
    else { pending = keys; draw(); basket.say(words.offer(words.count(keys.length), keys.filter((key) => !own.includes(key)).length)); }
  }
  document.addEventListener("sg-basket", () => draw());
  addEventListener("hashchange", open);
  open();
})();
