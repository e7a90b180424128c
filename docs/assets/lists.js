/* A reading list's page: what the reader has ticked off, printing and copying. */
(function () {
  "use strict";
  const title = document.querySelector("[data-sg-list]");
  if (!title) return;

  /* Progress: the names of the ticked items of this list, in this browser only. */
  const KEY = `sightglass.read.${title.dataset.sgList}`;
  const boxes = [...document.querySelectorAll("input[data-sg-item]")];
  const progress = document.querySelector("[data-sg-progress]");
  let kept = true;

  const stored = () => {
    try {
      const value = JSON.parse(localStorage.getItem(KEY) || "[]");
      return new Set(Array.isArray(value) ? value.filter((name) => typeof name === "string") : []);
    } catch (error) { // no storage, or a value that is not ours
      return new Set();
    }
  };
  const report = () => {
    const done = boxes.filter((box) => box.checked).length;
    const words = kept ? progress.dataset.sgProgress : progress.dataset.sgUnkept;
    const shown = words.replace("{done}", done).replace("{all}", boxes.length);
    const bar = progress.querySelector("progress");
    bar.value = done;
    bar.setAttribute("aria-label", shown);
    progress.querySelector("[role=status]").textContent = shown;
  };
  const fill = () => {
    const read = stored();
    for (const box of boxes) box.checked = read.has(box.dataset.sgItem);
    report();
  };
  if (boxes.length && progress) {
    for (const box of boxes) {
      box.addEventListener("change", () => {
        const read = stored(); // another tab may have ticked something, and items that left the list may come back
        if (box.checked) read.add(box.dataset.sgItem); else read.delete(box.dataset.sgItem);
        try {
          localStorage.setItem(KEY, JSON.stringify([...read]));
          kept = true;
        } catch (error) { // full or forbidden: the tick holds until the page is left
          kept = false;
        }
        report();
      });
    }
    addEventListener("storage", (event) => { if (event.key === KEY || event.key === null) fill(); });
    fill();
  }

  /* Buttons */
  const print = document.querySelector("[data-sg-print]");
  if (print) print.addEventListener("click", () => window.print());

  const copy = document.querySelector("[data-sg-copy-chat]");
  const chat = document.querySelector(".sg-chat");
  if (copy && chat) {
    const status = copy.parentElement.querySelector("[role=status]");
    const say = (words) => {
      status.textContent = words;
      clearTimeout(say.timer);
      say.timer = setTimeout(() => { status.textContent = ""; }, 4000);
    };
    copy.addEventListener("click", async () => {
      const code = chat.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        say(copy.dataset.sgCopied);
      } catch (error) { // not allowed here: show the text, selected
        chat.open = true;
        getSelection().selectAllChildren(code);
        code.scrollIntoView({ block: "nearest" });
        say(copy.dataset.sgUncopied);
      }
    });
  }
  const plan = document.querySelector("[data-sg-plan]"), basket = window.sightglassBasket;
  if (plan && basket) import("./plan-form.js").then(({ planForm }) => planForm(plan, basket));
  document.documentElement.classList.add("sg-lists-ready"); // shows what works only now, in its own place
})();
