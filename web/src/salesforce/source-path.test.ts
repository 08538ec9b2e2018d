import { describe, expect, it } from 'vitest';

import type { SalesforceField, SalesforceObject } from '../api/client';
import { fieldAt, follow, matching, optionsAt, partsOf } from './source-path';

const field = (name: string, label = name, more: Partial<SalesforceField> = {}): SalesforceField => ({
  name,
  label,
  type: 'string',
  length: null,
  updateable: true,
  custom: false,
  reference_to: [],
  relationship: null,
  ...more,
});
const lookup = (relationship: string, label: string, ...to: string[]) => field(`${relationship}Id`, label, { type: 'reference', reference_to: to, relationship });
const object = (name: string, ...fields: SalesforceField[]): SalesforceObject => ({ name, label: name, fields });

const contact = object('Contact', field('Title'), lookup('Account', 'Account ID', 'Account'), lookup('Owner', 'Owner ID', 'Group', 'User'), field('Where', 'Where', { type: 'address' }));
const account = object('Account', field('Industry'), lookup('Parent', 'Parent Account ID', 'Account'));
const user = object('User', field('Name', 'Full Name'), field('Email'));
const known = (name: string) => [account, user].find((one) => one.name === name);

describe('follow', () => {
  it('goes from object to object in the org’s own spelling', () => {
    const place = follow(contact, ['account', 'PARENT'], known);
    expect(place.objects).toEqual([account]);
    expect(place).toMatchObject({ prefix: 'Account.Parent.', labels: ['Account', 'Parent Account'], lost: null });
    expect(fieldAt(place, 'industry')).toEqual({ label: 'Account › Parent Account › Industry', type: 'string' });
    expect(fieldAt(place, 'Nope')).toBeNull();
  });

  it('says what is not known yet, and what does not exist', () => {
    expect(follow(contact, ['Owner'], known)).toMatchObject({ objects: [user], unknown: ['Group'], lost: null });
    expect(follow(contact, ['Acount'], known)).toMatchObject({ objects: [], lost: 'Acount' });
    expect(follow(contact, ['Account'], () => undefined)).toMatchObject({ objects: [], unknown: ['Account'], lost: null });
  });
});

describe('optionsAt', () => {
  it('are fields that can be synced and associations, as paths', () => {
    const { fields, associations } = optionsAt(follow(contact, [], known));
    expect(fields.map(({ path }) => path)).toEqual(['AccountId', 'OwnerId', 'Title']);
    expect(associations.map(({ path, label, type }) => [path, label, type])).toEqual([
      ['Account.', 'Account', 'Account'],
      ['Owner.', 'Owner', 'Group, User'],
    ]);
  });

  it('end after five associations', () => {
    expect(optionsAt(follow(contact, ['Account', 'Parent', 'Parent', 'Parent', 'Parent'], known)).associations).toEqual([]);
    expect(optionsAt(follow(contact, ['Account', 'Parent', 'Parent', 'Parent'], known)).associations).toHaveLength(1);
  });
});

describe('matching', () => {
  it('looks at labels and names, the nearest first', () => {
    const { fields } = optionsAt(follow(object('X', field('A', 'Fax Industry'), field('Industry'), field('Industry_Code__c', 'Code')), [], known));
    expect(matching(fields, 'industry').map(({ path }) => path)).toEqual(['Industry', 'Industry_Code__c', 'A']);
    expect(matching(fields, ' ')).toHaveLength(3);
    expect(matching(fields, 'nope')).toEqual([]);
  });
});

describe('partsOf', () => {
  it('splits a path at its full stops', () => {
    expect(partsOf('Account.Parent.Na')).toEqual({ steps: ['Account', 'Parent'], rest: 'Na' });
    expect(partsOf('Title')).toEqual({ steps: [], rest: 'Title' });
    expect(partsOf('Account.')).toEqual({ steps: ['Account'], rest: '' });
  });
});
