import { describe, expect, it } from 'vitest';

import type { Explanation } from '../api/client';
import { isMoving, isStill, syncProgress } from './sync-words';

const mapping: Explanation['mappings'][number] = {
  mapping_id: 'm',
  salesforce: 'Contact',
  matches: 'Email = email',
  paused: false,
  key: 'a@b.c',
  state: 'linked',
  reason: '',
  record_id: '003',
  linked_at: null,
  fields: [{ direction: 'inbound', from: 'Title', to: 'title', source: 'CTO', target: 'CTO', state: 'in_step', message: null, synced_at: null, synced_value: null }],
  waiting: null,
  attempts: 0,
  issues: [],
};
const of = (change: Partial<typeof mapping>): Explanation => ({ kind: 'user', id: 'u', name: null, mappings: [{ ...mapping, ...change }] });

describe('isMoving', () => {
  it('is false where all is in step, or will not change by itself', () => {
    expect(isMoving(of({}))).toBe(false);
    expect(isMoving(of({ state: 'no_record', fields: [] }))).toBe(false);
    expect(isMoving({ kind: 'user', id: 'u', name: null, mappings: [] })).toBe(false);
  });

  it('is true where something is looked up, read or written', () => {
    expect(isMoving(of({ state: 'not_searched', fields: [] }))).toBe(true);
    expect(isMoving(of({ waiting: 'It waits for its turn.' }))).toBe(true);
    expect(isMoving(of({ fields: mapping.fields.map((field) => ({ ...field, state: 'waiting' as const })) }))).toBe(true);
  });
});

describe('isStill', () => {
  it('knows a long value by its beginning', () => {
    const long = 'é'.repeat(300);
    expect([isStill('CTO', 'CTO'), isStill(`${long.slice(0, 255)}…`, long)]).toEqual([true, true]);
    expect([isStill('CTO', 'CTO of all'), isStill(`${long.slice(0, 255)}…`, 'CTO')]).toEqual([false, false]);
  });
});

describe('syncProgress', () => {
  it('waits for what is due, but not for what is paused', () => {
    expect(syncProgress(of({ waiting: 'It waits for its turn.' })).isDone).toBe(false);
    expect(syncProgress(of({ waiting: 'It is due.', paused: true }))).toEqual({
      isDone: true,
      words: 'Its mappings are paused: it is synced once they are resumed.',
    });
  });

  it('says what came of it', () => {
    expect(syncProgress(of({})).words).toBe('Done. Both sides are in step.');
    expect(syncProgress(of({ state: 'no_record', fields: [] })).words).toBe('Done. No Salesforce record matches.');
    expect(syncProgress(of({ fields: mapping.fields.map((field) => ({ ...field, state: 'failed' as const })) })).words).toBe(
      'Done. One field could not be synced.',
    );
    expect(syncProgress(of({ waiting: 'It waits for a write.', attempts: 1 })).words).toContain('tried again by itself');
    expect(syncProgress({ kind: 'company', id: 'c', name: null, mappings: [] }).words).toBe('No mapping is about companies yet.');
  });
});
