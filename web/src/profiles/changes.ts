/** Which attributes differ between two readings of one profile. */
import type { Attribute } from '../api/client';

/** The attributes of `now` that are new or have another value than in `before`, and those that are gone, as empty. */
export function changedAttributes(before: readonly Attribute[], now: readonly Attribute[]): Attribute[] {
  const old = new Map(before.map((attribute) => [attribute.name, attribute]));
  const changed = now.filter(({ name, value }) => !old.has(name) || JSON.stringify(old.get(name)?.value) !== JSON.stringify(value));
  const names = new Set(now.map(({ name }) => name));
  const gone = before.filter(({ name }) => !names.has(name)).map((attribute) => ({ ...attribute, value: null }));
  return [...changed, ...gone];
}
