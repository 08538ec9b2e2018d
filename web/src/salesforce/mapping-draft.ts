/** A mapping while it is edited: rows may be half-filled, and what the server refuses is shown at the row it means. */
import type { Mapping, MappingInput, ProfileKind } from '../api/client';

/** What a line does besides carrying values over; what is not said is not there. */
export type Options = Omit<MappingInput['inbound'][number], 'from' | 'to'>;

export interface Row {
  /** Stable while the row lives, whatever happens to the rows around it. */
  key: number;
  from: string | null;
  to: string | null;
  options?: Options;
}

export type Direction = 'inbound' | 'outbound';

export interface Draft {
  salesforce: string;
  userflow: ProfileKind;
  matchSalesforce: string | null;
  matchUserflow: string | null;
  duplicates: MappingInput['duplicates'];
  onUnlink: MappingInput['on_unlink'];
  inbound: Row[];
  outbound: Row[];
  nextKey: number;
}

/** Where in the editor an error shows: `match.salesforce`, or `inbound 3 to` with the key of the row. */
export type Errors = ReadonlyMap<string, string>;

type Side = 'from' | 'to' | 'options';

export const rowPlace = (direction: Direction, key: number, side: Side) => `${direction} ${key} ${side}`;

/** The address of a person account; only an org in which accounts may be people has it. */
const PERSON_EMAIL = 'PersonEmail';

function emailOf(salesforce: string, fields: readonly { name: string }[]): string | null {
  if (salesforce === 'Account') return fields.some(({ name }) => name === PERSON_EMAIL) ? PERSON_EMAIL : null;
  return salesforce === 'Contact' || salesforce === 'Lead' ? 'Email' : null;
}

/** A new mapping of two object types, with the match that nearly everyone means filled in. */
export function newDraft(salesforce: string, userflow: ProfileKind, fields: readonly { name: string }[] = []): Draft {
  const email = userflow === 'user' ? emailOf(salesforce, fields) : null;
  return {
    salesforce,
    userflow,
    matchSalesforce: email,
    matchUserflow: email !== null ? 'email' : userflow === 'company' ? 'company_id' : 'user_id',
    duplicates: 'oldest',
    onUnlink: 'clear',
    inbound: [{ key: 1, from: null, to: null }],
    outbound: [],
    nextKey: 2,
  };
}

export function draftOf(mapping: Mapping): Draft {
  let nextKey = 1;
  const rows = (fields: Mapping['inbound']): Row[] =>
    fields.map(({ from, to, ...options }) => {
      const row = { key: nextKey++, from, to };
      return Object.keys(options).length > 0 ? { ...row, options } : row;
    });
  return {
    salesforce: mapping.salesforce,
    userflow: mapping.userflow,
    matchSalesforce: mapping.match.salesforce,
    matchUserflow: mapping.match.userflow,
    duplicates: mapping.duplicates,
    onUnlink: mapping.on_unlink,
    inbound: rows(mapping.inbound),
    outbound: rows(mapping.outbound),
    nextKey,
  };
}

/**
 * The code name of the attribute that a Salesforce field feeds unless another is chosen: `salesforce_contact_title`. A field of an
 * associated record is named after that record (`Account.Industry` gives `salesforce_account_industry`).
 */
export function suggestedAttribute(object: string, field: string): string {
  const path = field.includes('.') ? field : `${object}.${field}`;
  const words = path
    .split('.')
    .map((part) => part.replace(/__[cr]$/i, ''))
    .join('_')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2');
  return `salesforce_${words}`.toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
}

/** Whether a text names a field of an associated record: up to five associations, then the field. */
export const isAssociatedField = (text: string) => /^[a-z]\w*(\.[a-z]\w*){1,5}$/i.test(text);

/** Whether of all accounts only those have the field that are people. */
const isOfPeople = (field: string) => /^(Person(?!ContactId$)(?!.*__)\w+|\w+__pc|(First|Middle|Last)Name|Suffix|Salutation)$/.test(field);

/** Whether a mapping may write to a field that the connected user may change: the name of a person account is made of its parts. */
export const canWriteTo = (field: string, object: string, matchedBy: string | null) => !(object === 'Account' && field === 'Name' && matchedBy !== null && isOfPeople(matchedBy));

export const isAttributeName = (text: string) => /^[a-z][a-z0-9_]{0,99}$/i.test(text);

/** What a source feeds unless another target is chosen; null where nothing can be suggested. */
export type Suggest = (from: string) => string | null;

/** The draft with a row's field chosen. A row without a target of its own gets the suggested one. */
export function withRowField(draft: Draft, direction: Direction, key: number, side: 'from' | 'to', value: string | null, suggest: Suggest): Draft {
  const change = (row: Row): Row => {
    if (row.key !== key) return row;
    if (side === 'from' && value !== null) {
      const isSuggested = row.to === null || (row.from !== null && row.to === suggest(row.from));
      return { ...row, from: value, to: isSuggested ? suggest(value) : row.to };
    }
    return { ...row, [side]: value };
  };
  return { ...draft, [direction]: draft[direction].map(change) };
}

/** Whether a text names a Salesforce field that is Syncline's to make. */
export const isMadeField = (text: string) => /^userflow_[a-z0-9]+(_[a-z0-9]+)*__c$/i.test(text);

/** The options with one of them changed; `undefined`, or what is done anyway, is left out. */
export function withOption<Name extends keyof Options>(options: Options, name: Name, value: Options[Name] | undefined): Options {
  if (value !== undefined && !(name === 'empty' && value === 'clear')) return { ...options, [name]: value };
  return Object.fromEntries(Object.entries(options).filter(([said]) => said !== name));
}

export function withOptions(draft: Draft, direction: Direction, key: number, options: Options): Draft {
  const change = (row: Row): Row => (row.key === key ? { ...row, options } : row);
  return { ...draft, [direction]: draft[direction].map(change) };
}

/** The options that are in use, in few words. */
export function saidOptions({ empty, values, truncate }: Options): string[] {
  const count = Object.keys(values ?? {}).length;
  return [
    ...(empty === 'keep' ? ['empty keeps'] : empty === 'default' ? ['with a default'] : []),
    ...(count > 0 ? [`${count} ${count === 1 ? 'value' : 'values'} mapped`] : []),
    ...(truncate === true ? ['cut'] : []),
  ];
}

export function withNewRow(draft: Draft, direction: Direction): Draft {
  return { ...draft, [direction]: [...draft[direction], { key: draft.nextKey, from: null, to: null }], nextKey: draft.nextKey + 1 };
}

export function withoutRow(draft: Draft, direction: Direction, key: number): Draft {
  return { ...draft, [direction]: draft[direction].filter((row) => row.key !== key) };
}

const isFilled = (row: Row): row is Row & { from: string; to: string } => row.from !== null && row.to !== null;
const isEmpty = (row: Row) => row.from === null && row.to === null;

/** What is missing before the draft can be sent. Rows left empty are no error: they are left out. */
export function gaps(draft: Draft): Errors {
  const errors = new Map<string, string>();
  if (draft.matchSalesforce === null) errors.set('match.salesforce', 'Choose the Salesforce field to match by.');
  if (draft.matchUserflow === null) errors.set('match.userflow', 'Choose what it is matched with.');
  for (const direction of ['inbound', 'outbound'] as const) {
    for (const row of draft[direction].filter((candidate) => !isEmpty(candidate))) {
      if (row.from === null) errors.set(rowPlace(direction, row.key, 'from'), 'Choose a field, or remove the line.');
      if (row.to === null) errors.set(rowPlace(direction, row.key, 'to'), 'Choose a field, or remove the line.');
    }
  }
  return errors;
}

/** What to send for a draft without gaps. Settings that the editor does not show are kept from the mapping as it was. */
export function payload(draft: Draft, before: Mapping | null): MappingInput {
  const fields = (rows: Row[]) => rows.filter(isFilled).map(({ from, to, options }) => ({ from, to, ...options }));
  return {
    salesforce: draft.salesforce,
    userflow: draft.userflow,
    match: { salesforce: draft.matchSalesforce ?? '', userflow: draft.matchUserflow ?? '' },
    duplicates: draft.duplicates,
    on_unlink: draft.onUnlink,
    stream_events: before?.stream_events ?? false,
    events: before?.events ?? [],
    inbound: fields(draft.inbound),
    outbound: fields(draft.outbound),
  };
}

/**
 * Where the field that the server refused is in the editor; null when it has no place there. Positions count the lines that were
 * sent, so empty lines are skipped.
 */
export function placeOfField(draft: Draft, field: string | null): string | null {
  if (field === null) return null;
  if (field === 'match') return 'match.salesforce';
  if (field === 'match.salesforce' || field === 'match.userflow') return field;
  const parts = /^(inbound|outbound)(?:\[(\d+)\]|\.(\d+))(?:\.(from|to|empty|default|values|otherwise|truncate))?$/.exec(field);
  if (parts === null) return null;
  const direction = parts[1] as Direction;
  const row = draft[direction].filter(isFilled)[Number(parts[2] ?? parts[3])];
  if (row === undefined) return null;
  const side: Side = parts[4] === 'to' || parts[4] === 'from' ? parts[4] : parts[4] === undefined ? 'from' : 'options';
  return rowPlace(direction, row.key, side);
}
