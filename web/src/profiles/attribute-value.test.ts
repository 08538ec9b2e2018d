import { describe, expect, it } from 'vitest';

import { shownValue } from './attribute-value';

describe('shownValue', () => {
  it('groups the digits of numbers and keeps all decimals', () => {
    expect(shownValue('number', 1234567.125, 'en')).toEqual({ kind: 'text', text: '1,234,567.125', exact: '1234567.125' });
  });

  it('shows a moment in the time of the reader, exact on hover', () => {
    const shown = shownValue('datetime', '2026-03-01T23:30:00Z', 'en-GB', 'Asia/Tokyo');
    expect(shown).toEqual({ kind: 'text', text: '2 Mar 2026, 08:30', exact: '2026-03-01T23:30:00Z' });
  });

  it('never moves a date without a time to another day', () => {
    expect(shownValue('datetime', '2026-03-01', 'en-GB', 'America/Los_Angeles')).toMatchObject({ text: '1 Mar 2026' });
  });

  it('shows a datetime that is none as it is', () => {
    expect(shownValue('datetime', 'next week', 'en')).toEqual({ kind: 'text', text: 'next week' });
  });

  it('tells no, zero and nothing apart', () => {
    expect(shownValue('boolean', false)).toEqual({ kind: 'boolean', isTrue: false });
    expect(shownValue('number', 0, 'en')).toMatchObject({ text: '0' });
    expect(shownValue('string', null)).toEqual({ kind: 'empty' });
    expect(shownValue('string', '')).toEqual({ kind: 'empty' });
    expect(shownValue('list', [])).toEqual({ kind: 'empty' });
  });

  it('shows lists item by item, whatever their items are', () => {
    expect(shownValue('list', ['a', 2, true])).toEqual({ kind: 'list', items: ['a', '2', 'true'] });
  });
});
