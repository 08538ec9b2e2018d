import { describe, expect, it } from 'vitest';

import type { Explanation } from '../api/client';
import { setWords, syncProgress } from './sync-words';

type Mapping = Explanation['mappings'][number];

const field: Mapping['fields'][number] = {
  direction: 'inbound',
  from: 'Title',
  to: 'title',
  source: 'CTO',
  target: 'CTO',
  state: 'in_step',
  message: null,
  synced_at: null,
  synced_value: null,
  synced_from: null,
};
const mapping: Mapping = {
  mapping_id: 'm',
  salesforce: 'Contact',
  matches: 'Email = email',
  paused: false,
  key: 'a@b.c',
  state: 'linked',
  reason: '',
  record_id: '003',
  linked_at: null,
  fields: [field],
  waiting: null,
  attempts: 0,
  issues: [],
};
const of = (change: Partial<typeof mapping>): Explanation => ({ kind: 'user', id: 'u', name: null, mappings: [{ ...mapping, ...change }] });

describe('setWords', () => {
  const set = (value: string, change: Partial<typeof field> = {}) => setWords({ ...field, synced_value: value, synced_from: 'Title', ...change });

  it('says nothing where the target still has the value of the same source', () => {
    expect(set('CTO')).toBe('');
    expect(set('CTO', { synced_from: null })).toBe('');
  });

  it('says what else the target was set to, and what else that came from', () => {
    expect(set('CEO')).toBe('with CEO');
    expect(set('CTO', { from: 'Department' })).toBe('from Title');
    expect(set('Analyst', { synced_from: 'Title of Lead' })).toBe('with Analyst from Title of Lead');
  });

  it('knows a long value by its beginning', () => {
    const long = 'é'.repeat(300);
    const kept = `${long.slice(0, 255)}…`;
    expect([set(kept, { target: long }), set('CTO', { target: 'CTO of all' }), set(kept, { target: 'CTO' })]).toEqual(['', 'with CTO', `with ${kept}`]);
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
    expect(syncProgress(of({ fields: [{ ...field, state: 'failed' }] })).words).toBe(
      'Done. One field could not be synced.',
    );
    expect(syncProgress(of({ waiting: 'It waits for a write.', attempts: 1 })).words).toContain('tried again by itself');
    expect(syncProgress({ kind: 'company', id: 'c', name: null, mappings: [] }).words).toBe('No mapping is about companies yet.');
  });
});
