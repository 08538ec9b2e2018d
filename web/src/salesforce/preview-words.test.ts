import { describe, expect, it } from 'vitest';

import type { Preview } from '../api/client';
import { costWords, lineState, matchWords } from './preview-words';

const preview: Preview = {
  profiles: 4_000,
  tried: 25,
  matched: 12,
  cost: { links: 1_920, updates: 1_600, writes: 1, calls: 29, seconds: 12 },
  sample: [],
  note: null,
};

describe('words of a preview', () => {
  it('say how many match', () => {
    expect(matchWords(preview, 'user', 'Contact')).toBe('12 of 25 users tried match a Salesforce Contact.');
    expect(matchWords({ ...preview, tried: 1, matched: 1 }, 'company', 'Account')).toBe('1 of 1 company tried matches a Salesforce Account.');
  });

  it('say what saving costs', () => {
    expect(costWords(preview, 'user')).toBe(
      'Saving links about 1,920 users. About 1,600 users get new attribute values, and 1 Salesforce record gets new field values. That takes about 29 API calls and 12 seconds.',
    );
    const quiet = { links: 1, updates: 0, writes: 0, calls: 1, seconds: 1 };
    expect(costWords({ ...preview, cost: quiet }, 'company')).toBe('Saving links about 1 company. No value changes. That takes about 1 API call and 1 second.');
    expect(costWords({ ...preview, cost: { ...preview.cost, seconds: 300 } }, 'user')).toContain('5 minutes.');
  });

  it('say what becomes of a line', () => {
    const line = { direction: 'inbound', from: 'Title', to: 'title', before: null, after: 'CTO', changes: true, failure: null } as const;
    expect(lineState(line).word).toBe('Changes');
    expect(lineState({ ...line, after: null, changes: false }).word).toBe('Stays');
    expect(lineState({ ...line, failure: 'It is too long.' }).word).toBe('Not synced');
  });
});
