/** Where a path such as `Account.Parent.Name` leads, as far as the objects on its way are known. */
import type { SalesforceField, SalesforceObject } from '../api/client';

/** Most associations that a path goes through. */
export const STEPS_MAX = 5;

/** The place that associations lead to. */
export interface Place {
  /** Objects that the record there can be of; several for a lookup such as an owner. */
  objects: SalesforceObject[];
  /** What people call the associations on the way. */
  labels: string[];
  /** The way in the org's own spelling: empty, or ending in a full stop. */
  prefix: string;
  /** Objects on the way that have to be asked for first. */
  unknown: string[];
  /** The association that does not exist, if the way is wrong. */
  lost: string | null;
}

/** Salesforce calls the lookup itself `Account ID`. */
const associationLabel = ({ label }: SalesforceField): string => label.replace(/ ID$/, '');

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Follows associations from an object. Names compare without regard to case. */
export function follow(from: SalesforceObject, steps: readonly string[], known: (name: string) => SalesforceObject | undefined): Place {
  const place: Place = { objects: [from], labels: [], prefix: '', unknown: [], lost: null };
  for (const step of steps) {
    const lookups = place.objects.flatMap(({ fields }) => fields.filter(({ relationship }) => relationship !== null && isSame(relationship, step)));
    const [lookup] = lookups;
    if (lookup === undefined) {
      // Whether it is wrong can be told only once all objects before it are known.
      return { ...place, objects: [], lost: place.unknown.length === 0 ? step : null };
    }
    const names = [...new Set(lookups.flatMap(({ reference_to: to }) => to))];
    place.unknown.push(...names.filter((name) => known(name) === undefined));
    place.objects = names.map(known).filter((object) => object !== undefined);
    place.labels.push(associationLabel(lookup));
    place.prefix += `${lookup.relationship ?? step}.`;
  }
  return place;
}

/** A typed path: the associations that it goes through, and what comes after the last full stop. */
export function partsOf(path: string): { steps: string[]; rest: string } {
  const steps = path.split('.').map((part) => part.trim());
  const rest = steps.pop() ?? '';
  return { steps, rest };
}

export interface SourceOption {
  /** The whole path; of an association it ends in a full stop. */
  path: string;
  label: string;
  type: string;
  /** Objects that choosing it leads to; none for a field. */
  leadsTo: string[];
}

const UNSYNCED = new Set(['address', 'other']);

/** What can be chosen at a place: its fields by label, then the associations that go on from it. */
export function optionsAt({ objects, labels, prefix }: Place): { fields: SourceOption[]; associations: SourceOption[] } {
  const once = new Map<string, SalesforceField>();
  for (const field of objects.flatMap((object) => object.fields)) if (!once.has(field.name)) once.set(field.name, field);
  const all = [...once.values()].sort((a, b) => a.label.localeCompare(b.label));
  const fields = all.filter(({ type }) => !UNSYNCED.has(type));
  const lookups = labels.length < STEPS_MAX ? all.filter(({ relationship, reference_to: to }) => relationship !== null && to.length > 0) : [];
  return {
    fields: fields.map(({ name, label, type }) => ({ path: prefix + name, label, type, leadsTo: [] })),
    associations: lookups.map((field) => ({
      path: `${prefix}${field.relationship}.`,
      label: associationLabel(field),
      type: field.reference_to.join(', '),
      leadsTo: field.reference_to,
    })),
  };
}

/** Those that a text names, in their order; those that begin with it come first. */
export function matching(options: SourceOption[], text: string): SourceOption[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return options;
  const name = ({ path }: SourceOption) => path.replace(/\.$/, '').split('.').at(-1)?.toLowerCase() ?? '';
  const rank = (option: SourceOption): number => {
    const [label, code] = [option.label.toLowerCase(), name(option)];
    if (label === wanted || code === wanted) return 0;
    if (label.startsWith(wanted) || code.startsWith(wanted)) return 1;
    return label.includes(wanted) || code.includes(wanted) ? 2 : 3;
  };
  const ranked = options.map((option) => ({ option, rank: rank(option) })).filter((one) => one.rank < 3);
  return ranked.sort((a, b) => a.rank - b.rank).map(({ option }) => option);
}

/** The field at the end of a path, with what people call the whole of it: `Account › Industry`. */
export function fieldAt(place: Place, name: string): { label: string; type: string } | null {
  const field = place.objects.flatMap(({ fields }) => fields).find((candidate) => isSame(candidate.name, name));
  return field === undefined ? null : { label: [...place.labels, field.label].join(' › '), type: field.type };
}
