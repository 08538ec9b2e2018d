import { describe, expect, it } from 'vitest';

import type { Budget } from '../api/client';
import { aroundWords, busiestHourWords, forecast, parseShare, shareWords, usedPercent } from './budget-words';

const now = new Date('2026-03-02T12:00:00');
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const budget: Budget = {
  org_used: 900,
  org_limit: 15_000,
  own_used: 400,
  own_limit: 7_500,
  share_percent: 50,
  runs_out_at: null,
  deliveries_used: null,
  deliveries_limit: null,
  hours: [],
};

describe('forecast', () => {
  it('says that calls last, or when they run out', () => {
    expect(forecast(budget, now)).toMatchObject({ label: 'Lasts', tone: 'good' });
    const ending = forecast({ ...budget, runs_out_at: '2026-03-02T16:41:00' }, now);
    expect(ending.label).toBe('Running out');
    expect(ending.words).toMatch(/^Runs out around 16.40 at the present pace\./);
  });

  it('puts what has run out before what will', () => {
    const spent = { ...budget, own_used: 7_500, runs_out_at: '2026-03-02T16:41:00' };
    expect(forecast(spent, now).label).toBe('Share used up');
    expect(forecast({ ...spent, org_used: 15_000 }, now).label).toBe('Used up');
  });

  it('claims nothing before the org has said its limit', () => {
    expect(forecast({ ...budget, org_used: null, org_limit: null, own_limit: null }, now).label).toBe('Not known yet');
  });
});

describe('aroundWords', () => {
  it('rounds to five minutes and names tomorrow', () => {
    expect(aroundWords('2026-03-02T16:42:20', now, clock)).toBe('around 16:40');
    expect(aroundWords('2026-03-02T23:58:00', now, clock)).toBe('tomorrow around 00:00');
    expect(aroundWords('2026-03-03T02:10:00', now, clock)).toBe('tomorrow around 02:10');
  });
});

describe('usedPercent', () => {
  it('stays within the bar', () => {
    expect([usedPercent(0, 10), usedPercent(5, 10), usedPercent(12, 10), usedPercent(0, 0)]).toEqual([0, 50, 100, 100]);
  });
});

describe('busiestHourWords', () => {
  it('names the hour, and nothing where there was none', () => {
    const hours = [
      { hour: '2026-03-02T09:00:00', calls: 3 },
      { hour: '2026-03-02T10:00:00', calls: 412 },
    ];
    expect(busiestHourWords(hours, clock)).toBe('Busiest hour: 10:00, 412 calls');
    expect(busiestHourWords([], clock)).toBeNull();
  });
});

describe('shares', () => {
  it('are whole percents from 1 to 100', () => {
    expect([1, 100, '25', '', ' ', 0, 101, 2.5, 'x'].map(parseShare)).toEqual([1, 100, 25, null, null, null, null, null, null]);
  });

  it('are told in calls', () => {
    expect(shareWords(50, 1_001)).toMatch(/^500 of 1.001 calls a day$/);
    expect(shareWords(50, null)).toBeNull();
  });
});
