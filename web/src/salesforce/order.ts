/** One place towards the front, or towards the end. */
export type By = -1 | 1;

/** The list with one of it moved by a place. */
export function moved<T>(list: readonly T[], place: number, by: By): T[] {
  const next = [...list];
  const [taken] = next.splice(place, 1);
  if (taken !== undefined) next.splice(place + by, 0, taken);
  return next;
}
