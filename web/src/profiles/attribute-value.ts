/** Attribute values as text. */
import type { DataType } from '../api/client';

export type ShownValue =
  | { kind: 'empty' }
  | { kind: 'text'; text: string; exact?: string }
  | { kind: 'boolean'; isTrue: boolean }
  | { kind: 'list'; items: string[] };

const DATE_ONLY = /^\d{4}-\d{2}-\d{2}$/;

const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function datetime(text: string, locale: string | undefined, timeZone: string | undefined): ShownValue {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return { kind: 'text', text };
  // A date without a time is the same day everywhere: it must not move with the reader's time zone.
  const format = DATE_ONLY.test(text)
    ? new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' })
    : new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', ...(timeZone === undefined ? {} : { timeZone }) });
  return { kind: 'text', text: format.format(moment), exact: text };
}

/**
 * How to show a value of a type. A value that is not of its type (an attribute that changed its type) is shown as it is,
 * never dropped. `locale` and `timeZone` are the reader's own unless given.
 */
export function shownValue(type: DataType, value: unknown, locale?: string, timeZone?: string): ShownValue {
  if (value === null || value === undefined || value === '') return { kind: 'empty' };
  if (Array.isArray(value)) return value.length === 0 ? { kind: 'empty' } : { kind: 'list', items: value.map(plain) };
  if (typeof value === 'boolean') return { kind: 'boolean', isTrue: value };
  if (typeof value === 'number') {
    const text = new Intl.NumberFormat(locale, { maximumFractionDigits: 18 }).format(value);
    return { kind: 'text', text, exact: String(value) };
  }
  if (type === 'datetime' && typeof value === 'string') return datetime(value, locale, timeZone);
  return { kind: 'text', text: plain(value) };
}

/** The value in words, for announcements. */
export function valueWords(type: DataType, value: unknown): string {
  const shown = shownValue(type, value);
  switch (shown.kind) {
    case 'empty':
      return 'empty';
    case 'boolean':
      return shown.isTrue ? 'true' : 'false';
    case 'list':
      return shown.items.join(', ');
    case 'text':
      return shown.text;
  }
}
