import { describe, expect, it } from 'vitest';

import { reconnectWaitMs } from './live';

describe('reconnectWaitMs', () => {
  it('doubles from half a second', () => {
    expect([1, 2, 3, 4].map((attempt) => reconnectWaitMs(attempt, 1))).toEqual([500, 1000, 2000, 4000]);
  });

  it('never waits longer than fifteen seconds', () => {
    expect(reconnectWaitMs(50, 1)).toBe(15_000);
  });

  it('spreads clients over half of the wait', () => {
    expect(reconnectWaitMs(3, 0)).toBe(1000);
    expect(reconnectWaitMs(3, 0.5)).toBe(1500);
  });
});
