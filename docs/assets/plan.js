/* A reader's own dates for a reading list: days, moments and the calendar, without a page.
 * The rules are those of sightglass/lists, and tests/site/test_plan.py compares the two byte for byte. */

const DAY = 86400000, MINUTE = 60000;
const WIDTH = 75; // octets of a line in a calendar
export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const FIRST_YEAR = 2000, LAST_YEAR = 2999; // outside of them a zone's rules are history or a guess

// Settings are texts, named as the command line's options: those of the form, of the link and of the store.
export const DEFAULTS = { from: "", every: "", time: "", timezone: "", weeks: "1", minutes: "60", skip: "", presenters: "", place: "" };

/* ---- Days, as numbers since 1 January 1970 */

/** The number of a day written as 2027-01-07; NaN for what is no day. */
export function dayOf(text) {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00Z`) / DAY : NaN;
  return Number.isFinite(day) && iso(day) === text ? day : NaN;
}
export const iso = (day) => new Date(day * DAY).toISOString().slice(0, 10);
const weekday = (day) => (day + 3) % 7; // Monday is 0
const week = (day) => Math.floor((day + 3) / 7);
const parted = (text) => text.split(/[,，、]/).map((part) => part.trim()).filter(Boolean);

/** The days of the sessions: on one day of the week from `from` on, without the weeks in which a skipped day lies. */
function days(count, settings) {
  const first = dayOf(settings.from), skipped = new Set(parted(settings.skip).map((day) => week(dayOf(day))));
  const wanted = settings.every ? WEEKDAYS.indexOf(settings.every) : weekday(first);
  const found = [];
  for (let day = first + (wanted - weekday(first) + 7) % 7; found.length < count; day += 7 * settings.weeks) {
    if (!skipped.has(week(day))) found.push(day);
  }
  return found;
}

/* ---- Moments, in milliseconds since 1 January 1970 UTC */

const clocks = new Map();
/** How far the clocks of a zone are ahead of UTC at a moment. */
function ahead(zone, moment) {
  if (!clocks.has(zone)) {
    const number = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
    clocks.set(zone, new Intl.DateTimeFormat("en", { ...number, timeZone: zone, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23" }));
  }
  const at = Object.fromEntries(clocks.get(zone).formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) - moment;
}

/** The moment at which the clocks of a zone show a time: the first if they show it twice, Infinity if they never do. */
export function instant(zone, day, time) {
  const [hours, minutes] = time.split(":").map(Number);
  const shown = day * DAY + (60 * hours + minutes) * MINUTE;
  const found = [shown - DAY, shown + DAY].map((near) => shown - ahead(zone, near));
  return Math.min(...found.filter((moment) => moment + ahead(zone, moment) === shown));
}

/** The sessions of a plan without problems: [{day, time, moment, presenter}, …]. */
export function schedule(count, settings) {
  const names = parted(settings.presenters);
  return days(count, settings).map((day, i) => ({
    day, time: settings.time, moment: instant(settings.timezone, day, settings.time), presenter: names.length ? names[i % names.length] : "",
  }));
}

/** 'Thu 5 Mar 2026, 16:00', or '2026 年 3 月 5 日（周四）16:00'. */
export function said({ day, time }, language) {
  const date = new Date(day * DAY), number = date.getUTCDate(), month = date.getUTCMonth(), year = date.getUTCFullYear();
  if (language === "zh") return `${year} 年 ${month + 1} 月 ${number} 日（周${"一二三四五六日"[weekday(day)]}）${time}`;
  const name = WEEKDAYS[weekday(day)];
  return `${name[0].toUpperCase()}${name.slice(1, 3)} ${number} ${MONTHS[month]} ${year}, ${time}`;
}

/* ---- What is wrong with settings */

export function isZone(name) {
  try { return /^[A-Z][\w+/-]*$/.test(name) && Boolean(new Intl.DateTimeFormat("en", { timeZone: name })); } catch (error) { return false; }
}
const isWhole = (text, most) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= most;
const isUsual = (text) => { const year = Number(text.slice(0, 4)); return !Number.isNaN(dayOf(text)) && year >= FIRST_YEAR && year <= LAST_YEAR; };

/** For each setting that cannot be used, the day that it is about, or "". */
export function problems(count, settings) {
  const found = {};
  if (!isUsual(settings.from)) found.from = "";
  if (settings.every && !WEEKDAYS.includes(settings.every)) found.every = "";
  if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(settings.time)) found.time = "";
  if (!isZone(settings.timezone)) found.timezone = "";
  if (!isWhole(settings.weeks, 52)) found.weeks = "";
  if (!isWhole(settings.minutes, 1440)) found.minutes = "";
  const wrong = parted(settings.skip).find((day) => Number.isNaN(dayOf(day)));
  if (wrong !== undefined) found.skip = wrong;
  if (Object.keys(found).length) return found;
  const never = schedule(count, settings).find(({ moment }) => moment === Infinity);
  return never ? { never: iso(never.day) } : {};
}

/* ---- Settings as an address and as a command */

const isMoment = (text) => /^\d{12}$/.test(text) && !Number.isNaN(dayOf(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)}`))
  && Number(text.slice(8, 10)) < 24 && Number(text.slice(10)) < 60;
/** Moments as the address has them, 202611281030, of a text with commas; what is none is left out. */
export const moments = (text) => (text || "").split(",").filter(isMoment).sort();

/** The settings that are not as by default, as the query of an address. */
export function query(settings, announced = []) {
  const pairs = Object.keys(DEFAULTS).filter((name) => settings[name] !== DEFAULTS[name]).map((name) => [name, settings[name]]);
  if (announced.length) pairs.push(["announced", announced.join(",")]);
  return new URLSearchParams(pairs).toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/");
}

/** What `query` wrote, or anybody else: [settings, moments of announcement]. */
export function fromQuery(text) {
  const given = new URLSearchParams(text);
  const settings = Object.fromEntries(Object.entries(DEFAULTS).map(([name, usual]) => [name, (given.get(name) ?? usual).trim()]));
  return [settings, moments(given.get("announced"))];
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);
const spaced = (moment) => moment.replace(/(....)(..)(..)(..)(..)/, "$1-$2-$3 $4:$5");

/** The command line that writes the same calendar. */
export function command(slug, settings, announced) {
  const options = Object.keys(DEFAULTS).filter((name) => settings[name] !== DEFAULTS[name]).map((name) => [name, name === "skip" ? parted(settings.skip).join(",") : settings[name]]);
  const all = [...options, ...announced.map((moment) => ["announced", spaced(moment)]), ["output", `${slug}.ics`]];
  return `sightglass list plan ${slug} ${all.map(([name, value]) => `--${name} ${quoted(value)}`).join(" ")}`;
}

/* ---- The calendar */

const stamp = (moment) => new Date(moment).toISOString().replace(/[-:]|\.\d+/g, ""); // 20270107T150000Z
/** A text as iCalendar writes it; that \N is a line break is a habit of Python's library. */
const escaped = (text) => text.replaceAll("\\N", "\n").replace(/[\\;,]/g, "\\$&").replace(/\r\n|\r|\n/g, "\\n");

const utf8 = new TextEncoder();
/** A line as lines of fewer than 75 octets, no character and no escape cut in two. */
function folded(line) {
  const lines = [[]];
  let octets = 0;
  for (const character of line) {
    const size = utf8.encode(character).length, last = lines[lines.length - 1];
    if (last.length && octets + size >= WIDTH) {
      const together = last.length > 1 && "\\^".includes(last[last.length - 1]) ? [last.pop()] : [];
      lines.push(together);
      octets = together.length;
    }
    lines[lines.length - 1].push(character);
    octets += size;
  }
  return lines.map((characters) => characters.join("")).join("\r\n ");
}

/** The calendar (RFC 5545) of a plan; `texts` is what sightglass/lists/plans.py says of the list. */
export function calendar(slug, texts, settings, announced) {
  const [first, last] = [announced[0], announced[announced.length - 1]].map((moment) => `${moment.slice(0, 8)}T${moment.slice(8)}00Z`);
  const lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Sightglass//Reading lists//EN", `NAME:${escaped(texts.title)}`, `X-WR-CALNAME:${escaped(texts.title)}`];
  schedule(texts.sessions.length, settings).forEach(({ moment, presenter }, i) => {
    const { id, summary, agenda, url } = texts.sessions[i];
    lines.push(
      "BEGIN:VEVENT", `SUMMARY:${escaped(summary)}`, `DTSTART:${stamp(moment)}`, `DTEND:${stamp(moment + settings.minutes * MINUTE)}`, `DTSTAMP:${last}`,
      `UID:${id}.${slug}.${announced[0]}@sightglass`, `SEQUENCE:${announced.length - 1}`, `CREATED:${first}`,
      `DESCRIPTION:${escaped([...(presenter ? [`Presenter: ${presenter}`] : []), ...agenda].join("\n"))}`, `LAST-MODIFIED:${last}`,
      ...(settings.place ? [`LOCATION:${escaped(settings.place)}`] : []), "STATUS:CONFIRMED", "TRANSP:OPAQUE", ...(url ? [`URL:${url}`] : []), "END:VEVENT",
    );
  });
  return [...lines, "END:VCALENDAR", ""].map(folded).join("\r\n");
}
