/* The ledger's filters: what they leave is unfolded, twenty claims at most, and they stand in the address. */
(function () {
  "use strict";
  const AT_ONCE = 20;
  const ledger = document.querySelector(".sg-ledger"), form = ledger && ledger.querySelector("form");
  if (!form) return;
  const folds = [...ledger.querySelectorAll(".sg-of-method")];

  function filter() {
    const { verdict, method } = form.elements;
    let shown = 0;
    for (const fold of folds) {
      const claims = [...fold.querySelectorAll(".sg-claim")];
      fold.hidden = Boolean(method.value) && fold.dataset.method !== method.value;
      const left = fold.hidden ? 0 : claims.filter((claim) => !verdict.value || claim.dataset.state === verdict.value.replaceAll(" ", "-")).length;
      fold.open = left > 0 && Boolean(verdict.value || method.value) && (shown === 0 || shown + left <= AT_ONCE);
      if (fold.open) shown += left;
    }
    for (const family of ledger.querySelectorAll(":scope > .sg-fold")) {
      const inside = folds.filter((fold) => family.contains(fold));
      family.hidden = inside.every((fold) => fold.hidden);
      family.open = inside.some((fold) => fold.open);
    }
  }

  function readAddress() {
    const address = new URLSearchParams(location.search);
    const has = (options, value) => [...options].some((option) => option.value === value);
    const { verdict, method } = form.elements;
    verdict.value = has(verdict, address.get("verdict")) ? address.get("verdict") : "";
    method.value = has(method.options, address.get("method")) ? address.get("method") : "";
    if (verdict.value || method.value) filter();
  }

  /** Unfold what holds the claim, the method or the family that the address names: not every browser does. */
  function unfold() {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!named || !ledger.contains(named)) return;
    for (let fold = named.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    named.scrollIntoView();
  }

  form.addEventListener("change", () => {
    const chosen = [...new FormData(form)].filter(([, value]) => value);
    history.replaceState(null, "", location.pathname + (chosen.length ? `?${new URLSearchParams(chosen)}` : ""));
    filter();
  });
  addEventListener("hashchange", unfold);
  readAddress();
  unfold();
})();
