// Dates are UTC calendar dates, as in the API: a key stops working at 00:00 UTC of its
// expiry date. A calendar date is a string such as "2026-12-24". What day it is today, the
// server says: this computer's clock may be wrong.

const DAY = 24 * 60 * 60 * 1000;
const long = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

let ahead = 0; // of the server's clock, milliseconds

/** Takes the time of an answer, as its header Date says. */
export function setClock(date) {
  const time = Date.parse(date ?? "");
  if (!Number.isNaN(time)) ahead = time - Date.now();
}

const now = () => Date.now() + ahead;

/** The calendar date that is so many days after today. */
export const datePlus = (days) => new Date(now() + days * DAY).toISOString().slice(0, 10);

/** Whole days from today to a calendar date or time; negative once it has passed. */
export const daysUntil = (date) => Math.round((Date.parse(date.slice(0, 10)) - Date.parse(datePlus(0))) / DAY);

/** "24 December 2026" */
export const longDate = (date) => long.format(new Date(date));

/** "24 Dec 2026" */
export const shortDate = (date) => short.format(new Date(date));

/** "24 December 2026, 14:05 UTC" */
export const longTime = (time) => `${longDate(time)}, ${clock.format(new Date(time))} UTC`;

/** "in 12 days", "tomorrow", "3 days ago" */
export const inDays = (date) => relative.format(daysUntil(date), "day");

/** Whether a time has passed. */
export const isPast = (time) => Date.parse(time) <= now();

/** Whether a time is less than so many hours ahead. */
export const within = (time, hours) => Date.parse(time) - now() < hours * 60 * 60 * 1000;

/** How long ago a time was, in the coarsest unit that says something. */
export function ago(time) {
  const minutes = Math.round((Date.parse(time) - now()) / 60_000);
  if (minutes > -1) return "just now";
  if (minutes > -60) return relative.format(minutes, "minute");
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 60 / 24), "day");
}

/** "1 day", "180 days" */
export const countDays = (days) => `${days} ${days === 1 ? "day" : "days"}`;
