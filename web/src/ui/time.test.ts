import { describe, expect, it } from 'vitest';

import { relativeWords } from './time';

const english = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const now = Date.parse('2026-03-10T12:00:00Z');
const words = (then: string) => relativeWords(Date.parse(then), now, english);

describe('relativeWords', () => {
  it('calls the last few seconds just now, whichever clock is ahead', () => {
    expect(words('2026-03-10T11:59:55Z')).toBe('just now');
    expect(words('2026-03-10T12:00:04Z')).toBe('just now');
  });

  it('takes the largest unit that fits, rounded towards now', () => {
    expect(words('2026-03-10T11:59:20Z')).toBe('40 seconds ago');
    expect(words('2026-03-10T11:58:01Z')).toBe('1 minute ago');
    expect(words('2026-03-10T09:00:01Z')).toBe('2 hours ago');
    expect(words('2026-03-09T11:00:00Z')).toBe('yesterday');
    expect(words('2026-02-20T12:00:00Z')).toBe('2 weeks ago');
    expect(words('2024-03-01T12:00:00Z')).toBe('2 years ago');
  });

  it('looks ahead too', () => {
    expect(words('2026-03-10T13:30:00Z')).toBe('in 1 hour');
  });
});
