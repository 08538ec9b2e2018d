/** Query keys and options, in one place, so that what a live view rereads is what a screen reads. */
import { queryOptions } from '@tanstack/react-query';

import * as api from './client';
import type { IssueFilter, ProfileKind, ProfileQuery } from './client';

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => api.currentSession(signal),
  staleTime: 60_000,
});

export const profilesKey = (env: string, kind: ProfileKind) => ['env', env, 'profiles', kind] as const;

export const profilesQuery = (env: string, kind: ProfileKind, query: ProfileQuery) =>
  queryOptions({
    queryKey: [...profilesKey(env, kind), query],
    queryFn: ({ signal }) => api.listProfiles(env, kind, query, signal),
  });

export const profileQuery = (env: string, kind: ProfileKind, id: string) =>
  queryOptions({
    queryKey: ['env', env, 'profile', kind, id],
    queryFn: ({ signal }) => api.getProfile(env, kind, id, signal),
  });

/** Why a profile did or did not sync. Under the profile's own key, so that what rereads it rereads this. */
export const explanationQuery = (env: string, kind: ProfileKind, id: string) =>
  queryOptions({
    queryKey: [...profileQuery(env, kind, id).queryKey, 'sync'],
    queryFn: ({ signal }) => api.explainProfile(env, kind, id, signal),
    retry: (failures, error) => failures < 3 && !(error instanceof api.ApiError && error.status < 500),
  });

export const attributeDefinitionsQuery = (env: string, scope: ProfileKind) =>
  queryOptions({
    queryKey: ['env', env, 'attribute-definitions', scope],
    queryFn: ({ signal }) => api.listAttributeDefinitions(env, scope, signal),
  });

export const outboundSourcesQuery = (env: string, scope: ProfileKind) =>
  queryOptions({
    queryKey: ['env', env, 'outbound-sources', scope],
    queryFn: ({ signal }) => api.listOutboundSources(env, scope, signal),
  });

/** Everything a live view of the connection shows. Objects and fields of the org are not in it: they are slow and seldom change. */
export const salesforceKey = (env: string) => ['env', env, 'salesforce'] as const;

export const connectionQuery = (env: string) =>
  queryOptions({
    queryKey: [...salesforceKey(env), 'connection'],
    queryFn: ({ signal }) => api.getConnection(env, signal),
  });

export const mappingsQuery = (env: string) =>
  queryOptions({
    queryKey: [...salesforceKey(env), 'mappings'],
    queryFn: ({ signal }) => api.listMappings(env, signal),
  });

/** What a draft would do. It is asked of Salesforce, so an answer is good for a while, and is not asked for again by itself. */
export const previewQuery = (env: string, mapping: api.MappingInput, replaces: string | null) =>
  queryOptions({
    queryKey: ['env', env, 'mapping-preview', replaces, mapping],
    queryFn: ({ signal }) => api.previewMapping(env, mapping, replaces, signal),
    staleTime: 60_000,
    gcTime: 60_000,
    retry: false,
    refetchOnWindowFocus: false,
  });

const SAMPLE = { staleTime: 5 * 60_000, gcTime: 5 * 60_000, retry: false, refetchOnWindowFocus: false } as const;

/** A record that a draft would match; its lines make no difference. */
export const sampleQuery = (env: string, mapping: api.MappingInput, replaces: string | null) =>
  queryOptions({
    queryKey: ['env', env, 'mapping-sample', replaces, mapping],
    queryFn: ({ signal }) => api.sampleMapping(env, mapping, replaces, signal),
    ...SAMPLE,
  });

export const recordQuery = (env: string, id: string) =>
  queryOptions({
    queryKey: ['env', env, 'salesforce-record', id],
    queryFn: ({ signal }) => api.getSalesforceRecord(env, id, signal),
    ...SAMPLE,
  });

/** Live views tell of numbers; while something is tried again it is looked at more often. */
const waits = (waiting: boolean | undefined) => (waiting === true ? 2_000 : 30_000);

export const issueGroupsQuery = (env: string, filter: IssueFilter) =>
  queryOptions({
    queryKey: [...salesforceKey(env), 'issues', 'groups', filter],
    queryFn: ({ signal }) => api.listIssueGroups(env, filter, signal),
    refetchInterval: ({ state }) => waits(state.data?.data.some(({ waiting }) => waiting > 0)),
  });

export const issuesQuery = (env: string, filter: IssueFilter, page: { after: string | null; limit: number }) =>
  queryOptions({
    queryKey: [...salesforceKey(env), 'issues', filter, page],
    queryFn: ({ signal }) => api.listIssues(env, filter, page, signal),
    refetchInterval: ({ state }) => waits(state.data?.data.some(({ waiting }) => waiting)),
  });

/** An org that was connected a moment ago is still being read: it answers in a few seconds. */
const isBeingRead = (error: unknown) => error instanceof api.ApiError && error.status === 409;

export const salesforceObjectsQuery = (env: string) =>
  queryOptions({
    queryKey: ['env', env, 'salesforce-objects'],
    queryFn: ({ signal }) => api.listSalesforceObjects(env, signal),
    staleTime: 5 * 60_000,
    retry: (failures, error) => failures < (isBeingRead(error) ? 60 : 3),
    retryDelay: (failures, error) => (isBeingRead(error) ? 1_000 : 1_000 * 2 ** failures),
  });

export const salesforceObjectQuery = (env: string, name: string) =>
  queryOptions({
    queryKey: ['env', env, 'salesforce-objects', name],
    queryFn: ({ signal }) => api.getSalesforceObject(env, name, signal),
    staleTime: 60_000,
  });
