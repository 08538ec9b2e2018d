/**
 * The management API, typed by its OpenAPI document. Every call either gives the answer or throws an `ApiError`, so that
 * screens have one kind of failure to show.
 */
import createClient from 'openapi-fetch';

import type { components, paths } from './schema';

type Schemas = components['schemas'];

export type Session = Schemas['Session'];
export type EnvironmentRef = Session['environments'][number];
export type ProfileSummary = Schemas['ProfileSummary'];
export type ProfileList = Schemas['ProfileList'];
export type Profile = Schemas['Profile'];
export type ProfileKind = Profile['kind'];
export type Attribute = Schemas['Attribute'];
export type DataType = Attribute['data_type'];
export type AttributeDefinition = Schemas['AttributeDefinition'];
export type OutboundSource = Schemas['OutboundSource'];
export type Connection = Schemas['Connection'];
export type StreamStatus = Schemas['Stream'];
export type Feed = Schemas['Feed'];
export type Budget = Schemas['Budget'];
export type Examination = Schemas['Examination'];
export type Finding = Schemas['Finding'];
export type MadeField = Schemas['MadeField'];
export type SalesforceObject = Schemas['SalesforceObject'];
export type SalesforceField = Schemas['SalesforceField'];
export type Mapping = Required<Schemas['Mapping']>;
export type MappingInput = Required<Schemas['MappingInput']>;
export type Preview = Schemas['Preview'];
export type Issue = Schemas['Issue'];
export type IssueKind = Issue['kind'];
export type IssueGroup = Schemas['IssueGroup'];
export type Explanation = Schemas['Explanation'];

const client = createClient<paths>({ baseUrl: window.location.origin });

/** A request that did not succeed: the server's own words, or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The input field the server refuses, as a path such as `inbound[2].to`. */
    readonly field: string | null,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

function isErrorBody(body: unknown): body is { error: { code: string; message: string; field?: string | null } } {
  if (typeof body !== 'object' || body === null || !('error' in body)) return false;
  const { error } = body;
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error;
}

async function answered<T>(request: Promise<Outcome<T>>): Promise<Outcome<T>> {
  let outcome: Outcome<T>;
  try {
    outcome = await request;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', 'The server can not be reached. Check your network, then try again.', null);
  }
  if (outcome.response.ok) return outcome;
  if (isErrorBody(outcome.error)) {
    const { code, message, field } = outcome.error.error;
    throw new ApiError(outcome.response.status, code, message, field ?? null);
  }
  throw new ApiError(outcome.response.status, 'unknown', `The server answered with status ${outcome.response.status}.`, null);
}

async function body<T>(request: Promise<Outcome<T>>): Promise<T> {
  const { data, response } = await answered(request);
  if (data === undefined) throw new ApiError(response.status, 'empty', 'The server sent an empty answer.', null);
  return data;
}

async function done(request: Promise<Outcome<unknown>>): Promise<void> {
  await answered(request);
}

export const signIn = (email: string, password: string) => body(client.POST('/api/v1/session', { body: { email, password } }));
export const signOut = () => done(client.DELETE('/api/v1/session'));

/** The session of this browser, or null when nobody is signed in. */
export async function currentSession(signal?: AbortSignal): Promise<Session | null> {
  try {
    return await body(client.GET('/api/v1/session', { signal: signal ?? null }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

export interface ProfileQuery {
  search: string;
  after: string | null;
  limit: number;
}

export function listProfiles(env: string, kind: ProfileKind, { search, after, limit }: ProfileQuery, signal: AbortSignal) {
  const query = { limit, ...(search === '' ? {} : { search }), ...(after === null ? {} : { after }) };
  const options = { params: { path: { env }, query }, signal };
  return kind === 'user'
    ? body(client.GET('/api/v1/environments/{env}/users', options))
    : body(client.GET('/api/v1/environments/{env}/companies', options));
}

export function getProfile(env: string, kind: ProfileKind, id: string, signal: AbortSignal) {
  const options = { params: { path: { env, id } }, signal };
  return kind === 'user'
    ? body(client.GET('/api/v1/environments/{env}/users/{id}', options))
    : body(client.GET('/api/v1/environments/{env}/companies/{id}', options));
}

export function explainProfile(env: string, kind: ProfileKind, id: string, signal: AbortSignal) {
  const options = { params: { path: { env, id } }, signal };
  return kind === 'user'
    ? body(client.GET('/api/v1/environments/{env}/users/{id}/sync', options))
    : body(client.GET('/api/v1/environments/{env}/companies/{id}/sync', options));
}

/** Has a profile synced now; gives how it stands with that asked for. */
export function syncProfile(env: string, kind: ProfileKind, id: string) {
  const options = { params: { path: { env, id } } };
  return kind === 'user'
    ? body(client.POST('/api/v1/environments/{env}/users/{id}/sync', options))
    : body(client.POST('/api/v1/environments/{env}/companies/{id}/sync', options));
}

export const listAttributeDefinitions = (env: string, scope: ProfileKind, signal: AbortSignal) =>
  body(client.GET('/api/v1/environments/{env}/attribute-definitions', { params: { path: { env }, query: { scope } }, signal }));

/** What lines to Salesforce can come from. */
export const listOutboundSources = (env: string, scope: ProfileKind, signal: AbortSignal) =>
  body(client.GET('/api/v1/environments/{env}/outbound-sources', { params: { path: { env }, query: { scope } }, signal }));

export const getConnection = (env: string, signal: AbortSignal) =>
  body(client.GET('/api/v1/environments/{env}/salesforce', { params: { path: { env } }, signal }));

export const authorizeSalesforce = (env: string, loginUrl: string | null) =>
  body(client.POST('/api/v1/environments/{env}/salesforce/authorize', { params: { path: { env } }, body: { login_url: loginUrl } }));

/** Tells whether Salesforce has taken back what it had granted. */
export const disconnectSalesforce = (env: string) =>
  body(client.DELETE('/api/v1/environments/{env}/salesforce', { params: { path: { env } } }));

export const pauseSalesforce = (env: string) =>
  body(client.POST('/api/v1/environments/{env}/salesforce/pause', { params: { path: { env } } }));

export const resumeSalesforce = (env: string) =>
  body(client.POST('/api/v1/environments/{env}/salesforce/resume', { params: { path: { env } } }));

export const setApiShare = (env: string, percent: number) =>
  body(client.PATCH('/api/v1/environments/{env}/salesforce', { params: { path: { env } }, body: { api_share_percent: percent } }));

export const examineSalesforce = (env: string) =>
  body(client.POST('/api/v1/environments/{env}/salesforce/examination', { params: { path: { env } } }));

export const listSalesforceObjects = (env: string, signal: AbortSignal) =>
  body(client.GET('/api/v1/environments/{env}/salesforce/objects', { params: { path: { env } }, signal }));

export const getSalesforceObject = (env: string, name: string, signal: AbortSignal) =>
  body(client.GET('/api/v1/environments/{env}/salesforce/objects/{name}', { params: { path: { env, name } }, signal }));

/** The document lets input leave these out, and describes answers with the same schema; the defaults are those of the server. */
function complete(mapping: Schemas['Mapping']): Mapping {
  return { duplicates: 'oldest', on_unlink: 'clear', stream_events: false, events: [], inbound: [], outbound: [], ...mapping };
}

export async function listMappings(env: string, signal: AbortSignal): Promise<Mapping[]> {
  const { data } = await body(client.GET('/api/v1/environments/{env}/mappings', { params: { path: { env } }, signal }));
  return data.map(complete);
}

const replacing = (env: string, replaces: string | null) => ({ path: { env }, query: replaces === null ? {} : { replaces } });

/** What a draft would do, tried on real profiles; `replaces` is the mapping that it is an edit of. */
export const previewMapping = (env: string, mapping: MappingInput, replaces: string | null, signal: AbortSignal) =>
  body(client.POST('/api/v1/environments/{env}/mappings/preview', { params: replacing(env, replaces), body: mapping, signal }));

/** A record that a draft would match, with what its fields hold. */
export const sampleMapping = (env: string, mapping: MappingInput, replaces: string | null, signal: AbortSignal) =>
  body(client.POST('/api/v1/environments/{env}/mappings/sample', { params: replacing(env, replaces), body: mapping, signal }));

export const getSalesforceRecord = (env: string, id: string, signal: AbortSignal) =>
  body(client.GET('/api/v1/environments/{env}/salesforce/records/{id}', { params: { path: { env, id } }, signal }));

export const createMapping = (env: string, mapping: MappingInput) =>
  body(client.POST('/api/v1/environments/{env}/mappings', { params: { path: { env } }, body: mapping }));

export const updateMapping = (env: string, id: string, mapping: MappingInput) =>
  body(client.PUT('/api/v1/environments/{env}/mappings/{id}', { params: { path: { env, id } }, body: mapping }));

export async function orderMappings(env: string, ids: string[]): Promise<Mapping[]> {
  const { data } = await body(client.PUT('/api/v1/environments/{env}/mappings/order', { params: { path: { env } }, body: { ids } }));
  return data.map(complete);
}

export const pauseMapping = (env: string, id: string) =>
  body(client.POST('/api/v1/environments/{env}/mappings/{id}/pause', { params: { path: { env, id } } }));

export const resumeMapping = (env: string, id: string) =>
  body(client.POST('/api/v1/environments/{env}/mappings/{id}/resume', { params: { path: { env, id } } }));

export const deleteMapping = (env: string, id: string) =>
  done(client.DELETE('/api/v1/environments/{env}/mappings/{id}', { params: { path: { env, id } } }));

/** Which issues; what is left out holds for all. */
export interface IssueFilter {
  id?: string;
  mapping_id?: string;
  object?: string;
  kind?: IssueKind;
  code?: string;
  field?: string;
  search?: string;
}

export const listIssues = (env: string, filter: IssueFilter, page: { after: string | null; limit: number }, signal: AbortSignal) => {
  const query = { ...filter, limit: page.limit, ...(page.after === null ? {} : { after: page.after }) };
  return body(client.GET('/api/v1/environments/{env}/issues', { params: { path: { env }, query }, signal }));
};

export const listIssueGroups = (env: string, filter: IssueFilter, signal: AbortSignal) =>
  body(client.GET('/api/v1/environments/{env}/issues/groups', { params: { path: { env }, query: filter }, signal }));

export const retryIssues = (env: string, filter: IssueFilter) =>
  body(client.POST('/api/v1/environments/{env}/issues/retry', { params: { path: { env } }, body: filter }));
