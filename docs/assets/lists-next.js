/* Which session of a reading list is the next by the reader's clock.  Runs in the head, before anything is drawn, so
   that nothing moves; without it the page shows what was the next when the site was built. */
(function () {
  "use strict";
  const sessions = JSON.parse(document.querySelector("meta[name=sg-sessions]").content); // [name, end], soonest first
  const style = document.head.appendChild(document.createElement("style"));
  const choose = () => {
    const next = sessions.find(([, end]) => Date.parse(end) > Date.now());
    const chosen = `[data-sg-session="${next ? next[0] : ""}"]`;
    style.textContent = `:is(.sg-next-card, .sg-mark):not(${chosen}) { display: none; }
      .sg-next-card${chosen} { display: block; } .sg-mark${chosen} { display: inline; }`;
  };
  choose();
  document.addEventListener("visibilitychange", choose); // a page that was left open over night
})();
