import { describe, expect, it } from 'vitest';

import { expectedWords, standstillWords, waitWords } from './feed-words';

describe('waitWords', () => {
  it('says a wait as one would', () => {
    expect([0, 1_000, 2_000, 90_000, 900_000, 5_400_000, 10_800_000].map(waitWords)).toEqual([
      '1 second',
      '1 second',
      '2 seconds',
      '90 seconds',
      '15 minutes',
      '90 minutes',
      '3 hours',
    ]);
  });
});

describe('expectedWords', () => {
  it('tells being told from asking', () => {
    expect(expectedWords({ way: 'stream', expected_delay_ms: 3_000 })).toBe('Changes arrive as they happen, within 3 seconds');
    expect(expectedWords({ way: 'polling', expected_delay_ms: 900_000 })).toBe('Changes arrive within 15 minutes');
  });
});

describe('standstillWords', () => {
  it('is for connections that nobody works on', () => {
    expect(standstillWords('connected')).toBeNull();
    expect(standstillWords('paused')).toContain('resumed');
    expect(standstillWords('reconnect_needed')).toContain('sign in again');
  });
});
