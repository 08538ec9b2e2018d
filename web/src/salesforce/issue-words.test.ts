import { describe, expect, test } from 'vitest';

import { filterOfAddress, filterOf, groupName, issuesWords, mappingChoices, profilesWords, progressWords } from './issue-words';

const contacts = { id: 'a', salesforce: 'Contact', userflow: 'user', match: { salesforce: 'Email', userflow: 'email' } } as const;
const accounts = { id: 'b', salesforce: 'Account', userflow: 'company', match: { salesforce: 'Name', userflow: 'name' } } as const;

describe('what became of a retry', () => {
  test.each([
    [{ asked: 0, left: 0, waiting: 0 }, 'Nothing was left to try: closed already.'],
    [{ asked: 1, left: 1, waiting: 1 }, 'Trying again…'],
    [{ asked: 312, left: 312, waiting: 312 }, 'Trying 312 again…'],
    [{ asked: 1312, left: 900, waiting: 200 }, 'Trying 1,312 again… 200 to go.'],
    [{ asked: 1, left: 0, waiting: 0 }, 'Tried again: closed.'],
    [{ asked: 1, left: 1, waiting: 0 }, 'Tried again: still there.'],
    [{ asked: 312, left: 0, waiting: 0 }, 'Tried again: all 312 closed.'],
    [{ asked: 312, left: 312, waiting: 0 }, 'Tried again: all 312 still there.'],
    [{ asked: 312, left: 40, waiting: 0 }, 'Tried again: 272 closed, 40 still there.'],
    // Some came meanwhile: they are none of those that were tried.
    [{ asked: 3, left: 5, waiting: 0 }, 'Tried again: all 3 still there.'],
  ])('%o', (progress, words) => expect(progressWords(progress)).toBe(words));
});

test('a group is called by its sort, its field and its mapping', () => {
  expect(groupName({ kind: 'value_misfit', field: 'Tier__c' }, contacts)).toBe('Value does not fit: Tier__c, Contact and User');
  expect(groupName({ kind: 'record_rejected', field: null }, undefined)).toBe('Salesforce refused the record');
  expect([profilesWords(1, contacts), profilesWords(1200, accounts)]).toEqual(['1 user', '1,200 companies']);
  expect([issuesWords(1), issuesWords(1204)]).toEqual(['1 sync issue', '1,204 sync issues']);
});

test('a group without a field means issues without one', () => {
  const group = { mapping_id: 'a', kind: 'record_rejected', code: 'LOCKED', field: null, cause: '', remedy: '', issues: 1, waiting: 0, first_at: '', last_at: '' } as const;
  expect(filterOf(group, {})).toEqual({ mapping_id: 'a', kind: 'record_rejected', code: 'LOCKED', field: '' });
  expect(filterOf({ ...group, field: 'A' }, { search: 'ada', kind: 'value_misfit' })).toEqual({
    mapping_id: 'a',
    kind: 'record_rejected',
    code: 'LOCKED',
    field: 'A',
    search: 'ada',
  });
});

test('the address is a filter, and nonsense in it is none', () => {
  expect(filterOfAddress(new URLSearchParams('mapping=a&kind=value_misfit&search=+ada+'))).toEqual({ mapping_id: 'a', kind: 'value_misfit', search: 'ada' });
  expect(filterOfAddress(new URLSearchParams('object=Contact&kind=bad_luck&search='))).toEqual({ object: 'Contact' });
});

test('mappings of one object are told apart, and can be chosen together', () => {
  expect(mappingChoices([contacts, accounts])).toEqual([
    { value: 'mapping a', label: 'Contact and User' },
    { value: 'mapping b', label: 'Account and Company' },
  ]);
  expect(mappingChoices([contacts, { ...contacts, id: 'c', match: { salesforce: 'Key__c', userflow: 'user_id' } }]).map(({ label }) => label)).toEqual([
    'All of Contact',
    '1. Contact and User by Email',
    '2. Contact and User by Key__c',
  ]);
});
