/** The words for what a connection costs its org. */
import type { Budget } from '../api/client';
import type { Tone } from './words';

const count = new Intl.NumberFormat();
const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

interface Forecast {
  /** A few words, for where there is little room. */
  label: string;
  tone: Tone;
  /** What it means and what can be done. */
  words: string;
}

const isSpent = (used: number | null, limit: number | null) => used !== null && limit !== null && used >= limit;

const ROUND_MS = 5 * 60_000;

/** "around 16:40", "tomorrow around 02:10": a forecast is not known to the minute. */
export function aroundWords(at: string, now: Date, format: Intl.DateTimeFormat = clockTime): string {
  const moment = new Date(Math.round(new Date(at).getTime() / ROUND_MS) * ROUND_MS);
  const isToday = moment.toDateString() === now.toDateString();
  return `${isToday ? '' : 'tomorrow '}around ${format.format(moment)}`;
}

/** Whether the calls last. What has run out comes before what will. */
export function forecast(budget: Budget, now: Date): Forecast {
  if (budget.org_limit === null) {
    return { label: 'Not known yet', tone: 'idle', words: 'The org has not said yet how many calls a day it takes.' };
  }
  if (isSpent(budget.org_used, budget.org_limit)) {
    return {
      label: 'Used up',
      tone: 'bad',
      words:
        'The org’s calls are used up. Salesforce refuses those of every program until older ones lie more than 24 hours back. Nothing is lost: what changes meanwhile follows then.',
    };
  }
  if (isSpent(budget.own_used, budget.own_limit)) {
    return {
      label: 'Share used up',
      tone: 'bad',
      words: 'Syncline’s share is used up. Nothing is lost: what changes meanwhile follows as older calls come to lie more than 24 hours back, or once you raise the share.',
    };
  }
  if (budget.runs_out_at !== null) {
    const around = aroundWords(budget.runs_out_at, now);
    return {
      label: 'Running out',
      tone: 'bad',
      words: `Runs out ${around} at the present pace. Syncline slows down before that; live changes go on longest.`,
    };
  }
  return { label: 'Lasts', tone: 'good', words: 'Lasts at the present pace.' };
}

/** How much of a limit is used, in percent, from 0 to 100. */
export function usedPercent(used: number, limit: number): number {
  return limit === 0 ? 100 : Math.min(100, (used / limit) * 100);
}

/** "16 of 7,500". */
export function usedWords(used: number, limit: number): string {
  return `${count.format(used)} of ${count.format(limit)}`;
}

/** "Busiest hour: 14:00, 412 calls"; null where there was none. */
export function busiestHourWords(hours: Budget['hours'], format: Intl.DateTimeFormat = clockTime): string | null {
  const [busiest] = hours.toSorted((one, other) => other.calls - one.calls);
  if (busiest === undefined || busiest.calls === 0) return null;
  return `Busiest hour: ${format.format(new Date(busiest.hour))}, ${count.format(busiest.calls)} ${busiest.calls === 1 ? 'call' : 'calls'}`;
}

/** How many calls a share is; null while the org has not said its limit. */
export function shareWords(percent: number, orgLimit: number | null): string | null {
  return orgLimit === null ? null : `${count.format(Math.floor((orgLimit * percent) / 100))} of ${count.format(orgLimit)} calls a day`;
}

/** A share typed by hand; null where it is none. */
export function parseShare(typed: string | number): number | null {
  const percent = typeof typed === 'number' ? typed : Number(typed.trim() === '' ? Number.NaN : typed);
  return Number.isInteger(percent) && percent >= 1 && percent <= 100 ? percent : null;
}
