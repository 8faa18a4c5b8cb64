/** Points in time in words, as a person reads them off a clock and a calendar. */

/** When it is `seconds` later than `now`: a short wait as such, a long one by the clock. */
export function afterWords(seconds: number, now: Date): string {
  if (seconds < 90) return `in ${Math.ceil(seconds)} seconds`;
  return whenWords(now.getTime() / 1000 + seconds, now);
}

/** A time to come, in Unix seconds: "at 14:05", "tomorrow at 14:05", "on 3 December at 14:05". */
export function whenWords(at: number, now: Date): string {
  // Rounded up, so that nobody comes too early.
  const then = new Date(Math.ceil(at / 60) * 60_000);
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(then);
  const days = daysBetween(now, then);
  if (days === 0) return `at ${clock}`;
  if (days === 1) return `tomorrow at ${clock}`;
  return `on ${new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long" }).format(then)} at ${clock}`;
}

/** A time that was, in Unix seconds: "just now", "5 minutes ago", "today at 14:05", "yesterday at 14:05", "3 December 2026". */
export function agoWords(at: number, now: Date): string {
  const then = new Date(at * 1000);
  const minutes = Math.floor((now.getTime() - then.getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(then);
  const days = daysBetween(then, now);
  if (days === 0) return `today at ${clock}`;
  if (days === 1) return `yesterday at ${clock}`;
  return dayWords(at);
}

/** A day, in Unix seconds: "3 December 2026". */
export function dayWords(at: number): string {
  const form = { day: "numeric", month: "long", year: "numeric" } as const;
  return new Intl.DateTimeFormat("en-GB", form).format(new Date(at * 1000));
}

/** From one calendar day to another; days of 23 and 25 hours count as one. */
function daysBetween(from: Date, to: Date): number {
  const day = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;
  return day(to) - day(from);
}
