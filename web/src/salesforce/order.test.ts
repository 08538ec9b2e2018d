import { describe, expect, it } from 'vitest';

import { moved } from './order';

describe('moved', () => {
  it('moves one place up or down', () => {
    expect(moved(['a', 'b', 'c'], 2, -1)).toEqual(['a', 'c', 'b']);
    expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c']);
  });
});
