/* The basket: which entries a reader has chosen, on every page.
 *
 * It lives in localStorage as a JSON array of keys, in the order in which they were chosen, and every change begins with
 * what is stored now, so that tabs don't undo each other.  Where nothing can be stored (a private window, a full store)
 * the keys stay in this page and travel in the address of the link to the basket, so they still arrive there. */
(function () {
  "use strict";

  const KEY = /^[a-z0-9]+(-[a-z0-9]+)*$/; // as in sightglass/check.py
  const FEEDBACK_MS = 2000;
  const WORDS = {
    en: {
      add: "Add to the basket", remove: "Remove from the basket", added: "Added to the basket", removed: "Removed from the basket",
      basket: "Basket", count: (n) => (n === 1 ? "1 entry" : `${n} entries`), labelled: (label, what) => `${label}: ${what}`,
      addAll: (n) => `Add all ${n} to the basket`, removeAll: (n) => `Remove all ${n} from the basket`,
      changed: (what, title, count) => `${what}: ${title}. Basket: ${count}`, copied: "Copied", failed: "Not copied: select the text",
      lost: "; this browser does not store it: open the basket before you leave this page",
    },
    zh: {
      add: "加入文献篮", remove: "移出文献篮", added: "已加入文献篮", removed: "已移出文献篮",
      basket: "文献篮", count: (n) => `${n} 条`, labelled: (label, what) => `${label}：${what}`,
      addAll: (n) => `全部 ${n} 条加入文献篮`, removeAll: (n) => `全部 ${n} 条移出文献篮`,
      changed: (what, title, count) => `${what}：${title}。文献篮：${count}`, copied: "已复制", failed: "未能复制：请选中文字",
      lost: "；浏览器无法保存，请在离开本页前打开文献篮",
    },
  };
  const words = WORDS[document.documentElement.lang.startsWith("zh") ? "zh" : "en"];

  const link = document.querySelector("[data-sg-basket]"); // in the header
  if (!link) return;
  const base = new URL(link.dataset.base.replace(/\/?$/, "/"), location.href);
  const page = link.href;
  const NAME = `sightglass-basket ${base.pathname}`; // several sites may share an origin
  let unstored = null; // the keys, where they can't be stored

  /** What anybody may have put there, as a list of keys: each once, and nothing that can't be one. */
  const clean = (value) => (Array.isArray(value) ? [...new Set(value.filter((key) => typeof key === "string" && KEY.test(key)))] : []);

  function read() {
    if (unstored) return unstored;
    try { return clean(JSON.parse(localStorage.getItem(NAME))); } catch (error) { return []; }
  }

  function write(keys) {
    const value = JSON.stringify(keys);
    try {
      localStorage.setItem(NAME, value);
      unstored = localStorage.getItem(NAME) === value ? null : keys;
    } catch (error) { unstored = keys; }
    show();
  }

  /** The address that fills the basket of whoever opens it; what follows # is sent to no server and may be long. */
  const address = (keys) => `${page}#keys=${keys.join(",")}`;

  const region = document.createElement("div");
  region.setAttribute("role", "status");
  region.className = "sg-said";
  document.body.append(region);
  let saying;
  /** Tells readers who don't see the screen; the region is emptied first, so that the same words are said again. */
  function say(text) {
    region.textContent = "";
    clearTimeout(saying);
    saying = setTimeout(() => { region.textContent = text; }, 50);
  }

  function titleOf(button) {
    const item = button.closest("li");
    const title = item ? item.querySelector(".sg-hit-title, a") : document.querySelector("article h1");
    return title ? title.firstChild.textContent.trim() : button.dataset.sgAdd;
  }

  function dress(button, chosen) {
    const inside = chosen.has(button.dataset.sgAdd);
    const label = inside ? words.remove : words.add;
    button.classList.toggle("sg-in", inside);
    if (button.closest(".sg-choose")) button.textContent = label;
    else { button.setAttribute("aria-label", words.labelled(label, titleOf(button))); button.title = label; }
  }

  /** The keys that a button for all entries stands for: those in its attribute, else those of the page's text. */
  function together(button) {
    const own = button.closest(".sg-together, .sg-tools").querySelector("[data-sg-add-all]").dataset.sgAddAll;
    return own ? own.split(",") : [...new Set([...document.querySelectorAll("article [data-sg-add]")].map(({ dataset }) => dataset.sgAdd))];
  }

  function dressTogether(button, chosen = new Set(read())) {
    const keys = together(button), inside = keys.every((key) => chosen.has(key));
    button.textContent = (inside ? words.removeAll : words.addAll)(keys.length);
    button.classList.toggle("sg-in", inside);
  }

  function dressAll(root) {
    const chosen = new Set(read());
    root.querySelectorAll("[data-sg-add]").forEach((button) => dress(button, chosen));
    root.querySelectorAll("[data-sg-add-all]").forEach((button) => dressTogether(button, chosen));
  }

  /** Everything on the page that depends on the basket. */
  function show() {
    const keys = read();
    link.querySelector(".sg-basket-count").textContent = keys.length || "";
    link.setAttribute("aria-label", words.labelled(words.basket, words.count(keys.length)));
    link.href = unstored && unstored.length ? address(unstored) : page;
    dressAll(document);
    document.dispatchEvent(new CustomEvent("sg-basket"));
  }

  function toggle(key, title) {
    const keys = read(), inside = keys.includes(key);
    write(inside ? keys.filter((other) => other !== key) : [...keys, key]);
    say(words.changed(inside ? words.removed : words.added, title, words.count(read().length)) + (unstored ? words.lost : ""));
  }

  function toggleTogether(keys) {
    const own = read(), fresh = keys.filter((key) => !own.includes(key));
    write(fresh.length ? [...own, ...fresh] : own.filter((key) => !keys.includes(key)));
    const what = fresh.length ? words.added : words.removed, count = words.count(fresh.length || keys.length);
    say(words.changed(what, count, words.count(read().length)) + (unstored ? words.lost : ""));
  }

  async function toClipboard(text) {
    try { await navigator.clipboard.writeText(text); return true; } catch (error) { /* not allowed, or not over https */ }
    const focused = document.activeElement, area = document.createElement("textarea");
    area.value = text;
    area.className = "sg-said";
    document.body.append(area);
    area.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch (error) { /* said below */ }
    area.remove();
    if (focused) focused.focus();
    return done;
  }

  /** Copies `text` and says so, on the button and aloud. */
  async function copy(button, text) {
    const done = await toClipboard(text);
    tell(button, done ? words.copied : words.failed);
    return done;
  }

  /** Says `said` for a moment on the button, and aloud. */
  function tell(button, said) {
    if (!button.dataset.label) button.dataset.label = button.textContent;
    button.style.minWidth = `${button.offsetWidth}px`; // nothing moves when the word changes
    button.textContent = said;
    say(said);
    clearTimeout(Number(button.dataset.timer));
    button.dataset.timer = setTimeout(() => { button.textContent = button.dataset.label; delete button.dataset.label; }, FEEDBACK_MS);
  }

  /** Hands a text over as a file. */
  function save(name, text, type) {
    const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    const anchor = document.createElement("a");
    Object.assign(anchor, { href: url, download: name, hidden: true });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sg-add], [data-sg-add-all], [data-sg-copy], .md-code__button[data-md-type=copy]");
    if (!button) return;
    if (button.dataset.sgAdd) toggle(button.dataset.sgAdd, titleOf(button));
    else if ("sgAddAll" in button.dataset) toggleTogether(together(button));
    else if ("sgCopy" in button.dataset) copy(button, `${button.parentElement.parentElement.querySelector("code").textContent.trimEnd()}\n`);
    else say(words.copied); // the theme's own button
  });
  addEventListener("storage", (event) => { if (event.key === NAME || event.key === null) show(); });
  addEventListener("pageshow", show); // back from the browser's own cache of pages

  const browse = document.getElementById("sg-browse"); // draws its hits anew with each keystroke
  if (browse) {
    new MutationObserver(() => {
      const bare = browse.querySelectorAll("[data-sg-key]:not(:has(.sg-add))");
      if (!bare.length) return;
      const chosen = new Set(read());
      for (const hit of bare) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "sg-add";
        button.dataset.sgAdd = hit.dataset.sgKey;
        hit.append(button);
        dress(button, chosen);
      }
    }).observe(browse, { childList: true, subtree: true });
  }

  window.sightglassBasket = {
    read, write, clean, address, say, tell, copy, save, together, dressTogether, base, pages: new URL(link.dataset.folder || "", base), language: words === WORDS.zh ? "zh" : "en",
    isStored: () => !unstored,
  };
  show();
})();
