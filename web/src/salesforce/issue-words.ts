/** The words for sync issues, and for what became of trying them again. */
import type { IssueFilter, IssueGroup, IssueKind, Mapping } from '../api/client';
import { KIND_WORDS } from '../profiles/words';
import { mappingName } from './words';

const count = new Intl.NumberFormat();

export const KIND_LABEL: Record<IssueKind, string> = {
  ambiguous_key: 'Several records match',
  value_misfit: 'Value does not fit',
  field_rejected: 'Salesforce refused the field',
  record_rejected: 'Salesforce refused the record',
  schema_changed: 'Object or field is missing',
};

export const ISSUE_KINDS = Object.keys(KIND_LABEL) as IssueKind[];

/** "1 sync issue", "1,204 sync issues". */
export const issuesWords = (issues: number): string => (issues === 1 ? '1 sync issue' : `${count.format(issues)} sync issues`);

/** What to call a group among others: "Value does not fit Tier__c, Contact and User". */
export function groupName({ kind, field }: Pick<IssueGroup, 'kind' | 'field'>, mapping: Pick<Mapping, 'salesforce' | 'userflow'> | undefined): string {
  const what = field === null ? KIND_LABEL[kind] : `${KIND_LABEL[kind]}: ${field}`;
  return mapping === undefined ? what : `${what}, ${mappingName(mapping)}`;
}

/** "1 user", "312 companies". */
export function profilesWords(number: number, mapping: Pick<Mapping, 'userflow'> | undefined): string {
  const { one, many } = KIND_WORDS[mapping?.userflow ?? 'user'];
  return `${count.format(number)} ${(number === 1 ? one : many).toLowerCase()}`;
}

/** The issues of a group, as far as the filter lets them through. */
export const filterOf = (group: IssueGroup, { search }: IssueFilter): IssueFilter => ({
  mapping_id: group.mapping_id,
  kind: group.kind,
  code: group.code,
  field: group.field ?? '',
  ...(search === undefined ? {} : { search }),
});

/** Issues that were to be tried again, how many of them there still are, and how many of these were not tried yet. */
export interface Progress {
  asked: number;
  left: number;
  waiting: number;
}

export function progressWords({ asked, left, waiting }: Progress): string {
  if (asked === 0) return 'Nothing was left to try: closed already.';
  if (waiting > 0) {
    const started = asked === 1 ? 'Trying again…' : `Trying ${count.format(asked)} again…`;
    return waiting < asked ? `${started} ${count.format(waiting)} to go.` : started;
  }
  const still = Math.min(asked, left);
  if (still === 0) return asked === 1 ? 'Tried again: closed.' : `Tried again: all ${count.format(asked)} closed.`;
  if (still === asked) return asked === 1 ? 'Tried again: still there.' : `Tried again: all ${count.format(asked)} still there.`;
  return `Tried again: ${count.format(asked - still)} closed, ${count.format(still)} still there.`;
}

/** The filter as the page's address has it. Words that are no sort of issue are left out. */
export function filterOfAddress(params: URLSearchParams): IssueFilter {
  const text = (name: string) => {
    const value = params.get(name)?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const [mapping, object, search] = [text('mapping'), text('object'), text('search')];
  const kind = ISSUE_KINDS.find((known) => known === params.get('kind'));
  return {
    ...(mapping === undefined ? {} : { mapping_id: mapping }),
    ...(object === undefined ? {} : { object }),
    ...(kind === undefined ? {} : { kind }),
    ...(search === undefined ? {} : { search }),
  };
}

interface Choice {
  value: string;
  label: string;
}

/** What the list can be narrowed to: objects that several mappings are of, and each mapping, told apart by what it matches by. */
export function mappingChoices(mappings: readonly Pick<Mapping, 'id' | 'salesforce' | 'userflow' | 'match'>[]): Choice[] {
  const objects = [...new Set(mappings.map(({ salesforce }) => salesforce))];
  const several = objects.filter((object) => mappings.filter(({ salesforce }) => salesforce === object).length > 1);
  const names = mappings.map(mappingName);
  return [
    ...several.map((object) => ({ value: `object ${object}`, label: `All of ${object}` })),
    ...mappings.map((mapping, at) => {
      const name = mappingName(mapping);
      const isTwin = names.filter((other) => other === name).length > 1;
      return { value: `mapping ${mapping.id}`, label: isTwin ? `${at + 1}. ${name} by ${mapping.match.salesforce}` : name };
    }),
  ];
}
