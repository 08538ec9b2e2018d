/** The objects that a path goes through, asked for as it is typed, and what a real record's fields hold there. */
import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query';

import type { MappingInput, SalesforceObject } from '../api/client';
import { recordQuery, salesforceObjectQuery, sampleQuery } from '../api/queries';
import { useEnv } from '../session/session';
import { follow, type Place } from './source-path';

export interface Reached extends Place {
  isPending: boolean;
  /** Why an object could not be asked for. */
  error: Error | null;
}

/** Where associations lead to from an object; objects on the way that are not known yet are asked for. */
export function usePlace(from: SalesforceObject, steps: readonly string[]): Reached {
  const env = useEnv();
  const queryClient = useQueryClient();
  const known = (name: string) => (name === from.name ? from : queryClient.getQueryData(salesforceObjectQuery(env, name).queryKey));
  const place = follow(from, steps, known);
  const queries = useQueries({ queries: place.unknown.map((name) => ({ ...salesforceObjectQuery(env, name), retry: 1 })) });
  const failed = queries.find(({ isError }) => isError);
  return {
    ...place,
    isPending: place.objects.length === 0 && place.lost === null && queries.some(({ isPending }) => isPending),
    error: place.objects.length === 0 ? (failed?.error ?? null) : null,
  };
}

/** What the draft is matched by, for which a sample is the same. */
export interface SampleOf {
  input: MappingInput;
  replaces: string | null;
}

/**
 * What the fields at a place hold of the record that a real profile matches, or that this one is associated with; nothing where
 * that can not be told. Asked for only while somebody looks.
 */
export function useSample(of: SampleOf, place: Place, steps: readonly string[], from: SalesforceObject, isLooking: boolean): Record<string, string> {
  const env = useEnv();
  const queryClient = useQueryClient();
  const first = useQuery({ ...sampleQuery(env, of.input, of.replaces), enabled: isLooking });
  const known = (name: string) => (name === from.name ? from : queryClient.getQueryData(salesforceObjectQuery(env, name).queryKey));
  // From record to record, by the ids that their lookups hold.
  let values = first.data?.values;
  const ids: string[] = [];
  for (const [at, step] of steps.entries()) {
    const { objects } = follow(from, steps.slice(0, at), known);
    const lookup = objects.flatMap(({ fields }) => fields).find(({ relationship }) => relationship?.toLowerCase() === step.toLowerCase());
    const id = lookup === undefined ? undefined : values?.[lookup.name];
    if (id === undefined) {
      values = undefined;
      break;
    }
    ids.push(id);
    values = queryClient.getQueryData(recordQuery(env, id).queryKey)?.values;
  }
  useQueries({ queries: ids.map((id) => ({ ...recordQuery(env, id), enabled: isLooking })) });
  return place.lost === null ? (values ?? {}) : {};
}
