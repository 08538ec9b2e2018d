/** The words for what a connection is doing. */
import type { Connection, MappingInput, StreamStatus } from '../api/client';

export type Tone = 'good' | 'busy' | 'bad' | 'idle';

interface StateWords {
  label: string;
  tone: Tone;
}

const STREAM_WORDS: Record<StreamStatus['state'], StateWords> = {
  live: { label: 'Live', tone: 'good' },
  connecting: { label: 'Connecting', tone: 'busy' },
  retrying: { label: 'Retrying', tone: 'bad' },
  stopped: { label: 'Stopped', tone: 'idle' },
};

/**
 * One word for the whole connection: what keeps it from being live comes first. Where nothing can be streamed, there is
 * no stream, and all is well.
 */
export function connectionState({ status, stream, feeds }: Pick<Connection, 'status' | 'stream' | 'feeds'>): StateWords {
  switch (status) {
    case 'not_connected':
      return { label: 'Not connected', tone: 'idle' };
    case 'reconnect_needed':
      return { label: 'Reconnect needed', tone: 'bad' };
    case 'paused':
      return { label: 'Paused', tone: 'idle' };
    case 'connected':
      if (stream?.state === 'stopped' && feeds.length > 0 && feeds.every(({ way }) => way === 'polling')) return { label: 'Polling', tone: 'good' };
      return stream ? STREAM_WORDS[stream.state] : { label: 'Connecting', tone: 'busy' };
  }
}

/** "120 ms", "2.4 s", "3 min": a delay with the precision that matters. */
export function delayWords(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** What a login address is, and its host. Salesforce has one for production and one for all sandboxes. */
export function loginUrlWords(url: string): { label: string; description: string } {
  const host = URL.canParse(url) ? new URL(url).host : url;
  if (host === 'login.salesforce.com') return { label: 'Production or Developer Edition', description: host };
  if (host === 'test.salesforce.com') return { label: 'Sandbox', description: host };
  return { label: host, description: 'The login address this server is set up with' };
}

/** A My Domain typed by hand, as an address: a bare host gets `https://`. Null when it can not be one. */
export function myDomainUrl(text: string): string | null {
  const trimmed = text.trim().replace(/\/+$/, '');
  if (trimmed === '') return null;
  const url = /^https?:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`;
  if (!URL.canParse(url)) return null;
  const { hostname, origin } = new URL(url);
  return hostname.includes('.') || hostname === 'localhost' ? origin : null;
}

export function userflowMatchLabel(name: string, displayNames: ReadonlyMap<string, string>): string {
  switch (name) {
    case 'user_id':
      return 'User ID';
    case 'company_id':
      return 'Company ID';
    case 'email':
      return 'Email';
    default:
      return displayNames.get(name) ?? name;
  }
}

export const PROFILE_LABEL: Record<MappingInput['userflow'], string> = { user: 'User', company: 'Company' };

/** What people call a mapping: "Contact and User". */
export const mappingName = ({ salesforce, userflow }: Pick<MappingInput, 'salesforce' | 'userflow'>): string => `${salesforce} and ${PROFILE_LABEL[userflow]}`;
