import { describe, expect, it } from 'vitest';

import type { Mapping } from '../api/client';
import { canWriteTo, draftOf, gaps, isAssociatedField, isMadeField, newDraft, payload, placeOfField, saidOptions, suggestedAttribute, withNewRow, withOption, withOptions, withoutRow, withRowField } from './mapping-draft';

const mapping: Mapping = {
  id: 'm1',
  salesforce: 'Contact',
  userflow: 'user',
  match: { salesforce: 'Email', userflow: 'email' },
  duplicates: 'newest',
  on_unlink: 'keep',
  stream_events: true,
  events: ['content'],
  inbound: [
    { from: 'Title', to: 'title' },
    { from: 'Account.Industry', to: 'industry' },
  ],
  outbound: [{ from: 'plan', to: 'Plan__c' }],
  paused: false,
  edited_at: null,
  links: 3,
  waiting: 0,
  fields: [],
};

describe('a new mapping of accounts', () => {
  const fields = [{ name: 'Name' }, { name: 'PersonEmail' }];

  it('matches people by their address where the org has person accounts', () => {
    const { matchSalesforce, matchUserflow } = newDraft('Account', 'user', fields);
    expect([matchSalesforce, matchUserflow]).toEqual(['PersonEmail', 'email']);
    expect(newDraft('Account', 'user', [{ name: 'Name' }]).matchSalesforce).toBeNull();
    expect(newDraft('Account', 'company', fields).matchSalesforce).toBeNull();
    expect(newDraft('Contact', 'user', fields).matchSalesforce).toBe('Email');
  });

  it('does not write the name of people', () => {
    for (const match of ['PersonEmail', 'Tier__pc', 'LastName']) expect(canWriteTo('Name', 'Account', match)).toBe(false);
    for (const match of ['AccountNumber', 'PersonContactId', 'PersonScore__c', null]) expect(canWriteTo('Name', 'Account', match)).toBe(true);
    expect([canWriteTo('PersonTitle', 'Account', 'PersonEmail'), canWriteTo('Name', 'Opportunity', 'PersonEmail')]).toEqual([true, true]);
  });
});

describe('isAssociatedField', () => {
  it('takes up to five associations and a field, and nothing else', () => {
    for (const path of ['Account.Industry', 'Account.Parent.Name', 'Plan__r.Tier__c', 'A.B.C.D.E.Name']) expect(isAssociatedField(path)).toBe(true);
    for (const text of ['', 'Title', '.Name', 'Account.', 'Account..Name', 'A.B.C.D.E.F.Name', 'Account.Na me']) expect(isAssociatedField(text)).toBe(false);
  });
});

const suggest = (from: string) => suggestedAttribute('Contact', from);

describe('suggestedAttribute', () => {
  it('is the object and the field in snake case', () => {
    expect(suggestedAttribute('Contact', 'Title')).toBe('salesforce_contact_title');
    expect(suggestedAttribute('Contact', 'MailingPostalCode')).toBe('salesforce_contact_mailing_postal_code');
    expect(suggestedAttribute('Account', 'NumberOfEmployees')).toBe('salesforce_account_number_of_employees');
  });

  it('leaves out the mark of custom names', () => {
    expect(suggestedAttribute('My_Object__c', 'Health_Score__c')).toBe('salesforce_my_object_health_score');
  });

  it('names a field of an associated record after that record', () => {
    expect(suggestedAttribute('Contact', 'Account.Industry')).toBe('salesforce_account_industry');
  });

  it('keeps abbreviations together', () => {
    expect(suggestedAttribute('Lead', 'DandBCompanyId')).toBe('salesforce_lead_dand_b_company_id');
    expect(suggestedAttribute('Account', 'SICDesc')).toBe('salesforce_account_sic_desc');
  });
});

describe('editing rows', () => {
  it('gives an inbound row the suggested target, and follows the field until another target is chosen', () => {
    let draft = withRowField(newDraft('Contact', 'user'), 'inbound', 1, 'from', 'Title', suggest);
    expect(draft.inbound).toEqual([{ key: 1, from: 'Title', to: 'salesforce_contact_title' }]);
    draft = withRowField(draft, 'inbound', 1, 'from', 'Department', suggest);
    expect(draft.inbound[0]?.to).toBe('salesforce_contact_department');
    draft = withRowField(draft, 'inbound', 1, 'to', 'team', suggest);
    draft = withRowField(draft, 'inbound', 1, 'from', 'Title', suggest);
    expect(draft.inbound[0]).toEqual({ key: 1, from: 'Title', to: 'team' });
  });

  it('gives an outbound row the field that is made for its attribute, unless another is chosen', () => {
    const made = (from: string) => `userflow_user_${from}__c`;
    let draft = withRowField(withNewRow(newDraft('Contact', 'user'), 'outbound'), 'outbound', 2, 'from', 'plan', made);
    expect(draft.outbound).toEqual([{ key: 2, from: 'plan', to: 'userflow_user_plan__c' }]);
    draft = withRowField(draft, 'outbound', 2, 'to', 'Plan__c', made);
    expect(withRowField(draft, 'outbound', 2, 'from', 'tier', made).outbound[0]?.to).toBe('Plan__c');
    expect(['userflow_user_plan__c', 'userflow_x__c', 'Plan__c', 'userflow_a__b__c', 'userflow___c'].map(isMadeField)).toEqual([true, true, false, false, false]);
  });

  it('never gives a key twice', () => {
    let draft = withNewRow(newDraft('Contact', 'user'), 'outbound');
    draft = withNewRow(withoutRow(draft, 'outbound', 2), 'outbound');
    expect(draft.outbound.map(({ key }) => key)).toEqual([3]);
  });
});

describe('sending', () => {
  it('gives back an unchanged mapping as it was, hidden settings too', () => {
    const { salesforce, userflow, match, duplicates, on_unlink, stream_events, events, inbound, outbound } = mapping;
    const sent = { salesforce, userflow, match, duplicates, on_unlink, stream_events, events, inbound, outbound };
    expect(payload(draftOf(mapping), mapping)).toEqual(sent);
  });

  it('leaves out empty lines and asks to complete half-filled ones', () => {
    let draft = withRowField(withNewRow(newDraft('Account', 'company'), 'outbound'), 'outbound', 2, 'from', 'plan', () => null);
    expect([...gaps(draft).keys()]).toEqual(['match.salesforce', 'outbound 2 to']);
    draft = { ...draft, matchSalesforce: 'Id' };
    draft = withRowField(draft, 'outbound', 2, 'to', 'Plan__c', () => null);
    expect(gaps(draft).size).toBe(0);
    expect(payload(draft, null)).toMatchObject({ inbound: [], outbound: [{ from: 'plan', to: 'Plan__c' }] });
  });
});

describe('placeOfField', () => {
  it('finds the line that the server means, past lines that were not sent', () => {
    let draft = draftOf(mapping);
    draft = { ...draft, inbound: [{ key: 99, from: null, to: null }, ...draft.inbound] };
    expect(placeOfField(draft, 'inbound[1].to')).toBe('inbound 2 to');
    expect(placeOfField(draft, 'inbound.0.from')).toBe('inbound 1 from');
    expect(placeOfField(draft, 'outbound[0]')).toBe('outbound 3 from');
    expect(placeOfField(draft, 'match.userflow')).toBe('match.userflow');
  });

  it('says when a field has no place in the editor', () => {
    expect(placeOfField(draftOf(mapping), 'inbound[7].to')).toBeNull();
    expect(placeOfField(draftOf(mapping), 'salesforce')).toBeNull();
    expect(placeOfField(draftOf(mapping), null)).toBeNull();
  });
});

describe('options of a line', () => {
  const options = { empty: 'default', default: 3, values: { Hot: 'hot' }, otherwise: 'other', truncate: true } as const;
  const said: Mapping = { ...mapping, outbound: [{ from: 'plan', to: 'Plan__c', ...options }] };

  it('are sent as they came, and only where there are any', () => {
    expect(payload(draftOf(said), said).outbound).toEqual(said.outbound);
    expect(payload(draftOf(mapping), mapping).outbound).toEqual(mapping.outbound);
  });

  it('leave out what is done anyway', () => {
    expect(withOption({ empty: 'keep' }, 'empty', 'clear')).toEqual({});
    expect(withOption({ truncate: true }, 'truncate', undefined)).toEqual({});
    expect(withOption({}, 'empty', 'keep')).toEqual({ empty: 'keep' });
  });

  it('are changed on their own line', () => {
    const draft = withOptions(draftOf(mapping), 'inbound', 2, { empty: 'keep' });
    expect(payload(draft, mapping).inbound).toEqual([mapping.inbound[0], { from: 'Account.Industry', to: 'industry', empty: 'keep' }]);
  });

  it('are told in few words', () => {
    expect(saidOptions(options)).toEqual(['with a default', '1 value mapped', 'cut']);
    expect(saidOptions({})).toEqual([]);
  });

  it('take what the server refuses of them', () => {
    expect(placeOfField(draftOf(said), 'outbound[0].values')).toBe('outbound 3 options');
    expect(placeOfField(draftOf(said), 'inbound[1].default')).toBe('inbound 2 options');
  });
});
