/* The list of people: only those whose name holds what is typed, as it is written or in ASCII as in its page's address. */
(function () {
  "use strict";
  const list = document.querySelector(".sg-people");
  const input = list.querySelector("input"), status = list.querySelector("[role=status]");
  const nameOf = (item) => `${item.textContent} ${item.querySelector("a").href.split("/").at(-2).replaceAll("-", " ")}`.toLowerCase();
  const sections = [...list.querySelectorAll("section")].map((section) => ({
    section, people: [...section.querySelectorAll("li")].map((item) => ({ item, name: nameOf(item), page: item.querySelector("a").href })),
  }));
  const all = new Set(sections.flatMap(({ people }) => people.map(({ page }) => page))).size;

  function filter() {
    const words = input.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const shown = new Set();
    for (const { section, people } of sections) {
      const left = people.filter(({ name }) => words.every((word) => name.includes(word)));
      for (const person of people) person.item.hidden = !left.includes(person);
      for (const { page } of left) shown.add(page);
      section.hidden = !left.length;
    }
    list.querySelector("nav").hidden = words.length > 0;
    status.textContent = words.length ? status.dataset.found.replace("{shown}", shown.size).replace("{all}", all) : "";
  }

  input.addEventListener("input", filter);
  filter(); // what the browser kept of an earlier visit
})();
