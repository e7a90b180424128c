/* The form on a reading list's page in which a reader chooses dates of their own; plan.js has the rules. */
import { element } from "./hits.js";
import { DEFAULTS, WEEKDAYS, calendar, command, dayOf, fromQuery, iso, isZone, moments, problems, query, said, schedule } from "./plan.js";

const IN_A_WEEK = 7;
const USUAL_TIME = "16:00";

export function planForm(root, basket) {
  const form = root.querySelector("form"), fold = root.querySelector("details"), fields = form.elements;
  const dates = root.querySelector(".sg-plan-dates"), rows = [...dates.querySelectorAll("li")];
  const status = form.querySelector("[role=status]"), mine = form.querySelector("[data-sg-do=mine]"), clear = form.querySelector("[data-sg-do=clear]");
  const slug = root.dataset.sgPlan, words = JSON.parse(root.dataset.words), language = basket.language;
  const KEY = `sightglass.dates.${slug}`;
  const word = (name, value) => words[name].replace("{value}", () => value);
  const shownDay = (day) => said({ day, time: "" }, language).replace(/, $/, "");
  let announced = []; // when these dates went out: the first time, and after each change
  let told = ""; // the settings of the last of these times
  let linked = false;

  /* ---- Kept in this browser, for this list */

  function stored() {
    try {
      const { settings, ...rest } = JSON.parse(localStorage.getItem(KEY));
      return typeof settings === "string" ? { settings: fromQuery(settings)[0], announced: moments(String(rest.announced)), told: String(rest.told) } : null;
    } catch (error) { return null; } // nothing, no storage, or a value that is not ours
  }
  function keep() {
    if (linked) return;
    try {
      localStorage.setItem(KEY, JSON.stringify({ settings: query(settings()), announced: announced.join(","), told }));
    } catch (error) { status.textContent = words.unkept; }
    clear.hidden = false;
  }

  /* ---- Settings and fields */

  const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  function usual() {
    const now = new Date();
    const today = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) / 86400000;
    return { ...DEFAULTS, from: iso(today + IN_A_WEEK), time: USUAL_TIME, timezone: ownZone() };
  }
  const settings = () => Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, fields[name].value.trim()]));

  function offer(select, value, label = value) {
    if (![...select.options].some((option) => option.value === value)) select.append(element("option", { value }, label));
  }
  function fill(values) {
    if (isZone(values.timezone)) offer(fields.timezone, values.timezone); // browsers list one name of a zone that has several
    for (const name of Object.keys(DEFAULTS)) fields[name].value = values[name];
    draw();
  }

  function draw() {
    const values = settings(), { never, ...wrong } = problems(rows.length, values);
    for (const name of Object.keys(DEFAULTS)) {
      const message = name in wrong ? word(`bad ${name}`, wrong[name]) : name === "time" && never ? word("never", shownDay(dayOf(never))) : "";
      form.querySelector(`#sg-plan-${name}-wrong`).textContent = message;
      fields[name].toggleAttribute("aria-invalid", false);
      if (message) fields[name].setAttribute("aria-invalid", "true");
    }
    const usable = !never && !Object.keys(wrong).length;
    dates.hidden = !usable;
    root.querySelector(".sg-plan-command code").textContent = usable ? command(slug, values, announcedFor(values)) : command(slug, usual(), []);
    if (!usable) return;
    schedule(rows.length, values).forEach((session, i) => {
      const [time, , presenter] = rows[i].children;
      time.textContent = said(session, language);
      time.dateTime = new Date(session.moment).toISOString();
      presenter.textContent = session.presenter ? `· ${session.presenter}` : "";
      const skip = rows[i].querySelector("button");
      skip.dataset.day = iso(session.day);
      skip.setAttribute("aria-label", `${words.skip}: ${shownDay(session.day)}`);
    });
    dates.querySelector("p").textContent = words.times.replace("{zone}", () => values.timezone);
  }

  /* ---- What the buttons do */

  const announcedFor = (values) => (query(values) === told ? announced : []);
  /** Notes that these settings go out now, unless they already have. */
  function announce() {
    const values = query(settings());
    if (values !== told || !announced.length) {
      const now = new Date().toISOString().replace(/\D/g, "").slice(0, 12);
      announced = [...announced, now].sort();
      told = values;
    }
    keep();
    draw();
    return announced;
  }

  /** Whether the fields can be used; otherwise the first that can't has the focus. */
  function usable() {
    draw();
    const wrong = form.querySelector("[aria-invalid]");
    if (wrong) wrong.focus();
    return !wrong;
  }

  let texts = null; // what a calendar says beside the dates
  async function download() {
    if (!usable()) return;
    const values = settings(), name = `${slug}.ics`;
    try {
      if (!texts) {
        const answer = await fetch(root.dataset.texts);
        if (!answer.ok) throw new Error(String(answer.status));
        texts = await answer.json();
      }
      basket.save(name, calendar(slug, texts, values, announce()), "text/calendar");
      status.textContent = word("downloaded", name);
    } catch (error) { status.textContent = word("failed", error.message); }
  }

  function copyLink(button) {
    if (usable()) basket.copy(button, `${location.href.replace(/#.*/, "")}#${query(settings(), announce())}`);
  }

  /** Shows the reader's own dates, as they are kept or as they might be; a link's are gone from the address. */
  function showMine() {
    const own = stored();
    linked = false;
    if (location.hash.startsWith("#from=")) history.replaceState(null, "", location.pathname + location.search);
    ({ announced, told } = own || { announced: [], told: "" });
    mine.hidden = true;
    clear.hidden = !own;
    fill(own ? own.settings : usual());
    return own;
  }

  function forget() {
    try { localStorage.removeItem(KEY); } catch (error) { /* then nothing is kept */ }
    showMine();
    status.textContent = words.cleared;
    fields.from.focus();
  }

  /** Shows what the address says, if it says something. */
  function showLinked() {
    const address = location.hash.slice(1);
    if (!address.startsWith("from=")) return false;
    const [values, moments] = fromQuery(address);
    linked = true;
    [announced, told] = [moments, query(values)];
    mine.hidden = clear.hidden = !stored();
    fill(values);
    status.textContent = words.linked;
    fold.open = true;
    root.scrollIntoView();
    return true;
  }

  function skip(day) {
    fields.skip.value = fields.skip.value.trim() ? `${fields.skip.value}, ${day}` : day;
    changed();
    status.textContent = word("skipped", shownDay(dayOf(day)));
  }
  function changed() {
    status.textContent = "";
    if (linked) { // from now on they are the reader's own
      linked = false;
      mine.hidden = true;
      history.replaceState(null, "", location.pathname + location.search);
    }
    keep();
    draw();
  }

  /* ---- Begin */

  const weekdays = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "long", timeZone: "UTC" });
  offer(fields.every, "", words.same);
  WEEKDAYS.forEach((name, i) => offer(fields.every, name, weekdays.format(new Date(Date.UTC(2024, 0, 1 + i))))); // a Monday
  const zones = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];
  fields.timezone.append(...[...new Set([...zones, ownZone(), "UTC"])].sort().map((zone) => element("option", { value: zone }, zone)));
  for (const row of rows) {
    const button = element("button", { type: "button", class: "sg-plan-skip" }, words.skip);
    button.addEventListener("click", () => skip(button.dataset.day));
    row.append(" ", button);
  }
  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => { event.preventDefault(); download(); });
  form.querySelector("[data-sg-do=link]").addEventListener("click", (event) => copyLink(event.currentTarget));
  mine.addEventListener("click", () => { showMine(); fields.from.focus(); });
  clear.addEventListener("click", forget);
  addEventListener("hashchange", showLinked);
  addEventListener("storage", (event) => { if (!linked && (event.key === KEY || event.key === null)) showMine(); });
  if (!showLinked() && showMine()) fold.open = true;
  form.hidden = false;
}
