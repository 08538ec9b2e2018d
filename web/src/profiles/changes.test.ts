import { describe, expect, it } from 'vitest';

import type { Attribute } from '../api/client';
import { changedAttributes } from './changes';

const attribute = (name: string, value: unknown): Attribute => ({ name, display_name: name, data_type: 'string', value, origin: 'api' });

describe('changedAttributes', () => {
  it('finds changed, new and gone attributes, and nothing else', () => {
    const before = [attribute('same', ['x']), attribute('title', 'CTO'), attribute('gone', 1)];
    const now = [attribute('same', ['x']), attribute('title', 'CEO'), attribute('new', true)];
    expect(changedAttributes(before, now).map(({ name, value }) => [name, value])).toEqual([
      ['title', 'CEO'],
      ['new', true],
      ['gone', null],
    ]);
  });

  it('finds nothing between equal readings', () => {
    expect(changedAttributes([attribute('a', null)], [attribute('a', null)])).toEqual([]);
  });
});
