import { describe, expect, it } from 'vitest';

import { connectionState, delayWords, loginUrlWords, myDomainUrl } from './words';

const stream = (state: 'live' | 'retrying' | 'stopped') => ({ state, since: '2026-01-01T00:00:00Z', last_event_at: null, last_delay_ms: null, detail: null });

describe('connectionState', () => {
  it('is the state of the stream while connected', () => {
    expect(connectionState({ status: 'connected', stream: stream('live'), feeds: [] })).toEqual({ label: 'Live', tone: 'good' });
    expect(connectionState({ status: 'connected', stream: stream('retrying'), feeds: [] }).label).toBe('Retrying');
    expect(connectionState({ status: 'connected', stream: null, feeds: [] }).label).toBe('Connecting');
  });

  it('is Polling where nothing is streamed and Syncline asks instead', () => {
    expect(connectionState({ status: 'connected', stream: stream('stopped'), feeds: [] }).label).toBe('Stopped');
    const feed = { object: 'Lead', label: 'Lead', way: 'polling' as const, reason: null, since: '2026-01-01T00:00:00Z', expected_delay_ms: 2_000, last_change_at: null, last_delay_ms: null };
    expect(connectionState({ status: 'connected', stream: stream('stopped'), feeds: [feed] })).toEqual({ label: 'Polling', tone: 'good' });
    expect(connectionState({ status: 'connected', stream: stream('retrying'), feeds: [feed] }).label).toBe('Retrying');
  });

  it('never says Live of a connection that needs someone', () => {
    expect(connectionState({ status: 'reconnect_needed', stream: stream('live'), feeds: [] }).label).toBe('Reconnect needed');
    expect(connectionState({ status: 'paused', stream: stream('live'), feeds: [] }).label).toBe('Paused');
  });
});

describe('delayWords', () => {
  it('has the precision that matters', () => {
    expect([38.4, 999, 1_000, 2_449, 200_000].map(delayWords)).toEqual(['38 ms', '999 ms', '1.0 s', '2.4 s', '3 min']);
  });
});

describe('myDomainUrl', () => {
  it('takes a host or an address, and keeps only the origin', () => {
    expect(myDomainUrl(' acme.my.salesforce.com ')).toBe('https://acme.my.salesforce.com');
    expect(myDomainUrl('https://acme.my.salesforce.com/lightning/')).toBe('https://acme.my.salesforce.com');
    expect(myDomainUrl('http://127.0.0.1:4000')).toBe('http://127.0.0.1:4000');
  });

  it('refuses what can not be a host', () => {
    expect(myDomainUrl('')).toBeNull();
    expect(myDomainUrl('acme')).toBeNull();
    expect(myDomainUrl('not a host.com/')).toBeNull();
  });
});

describe('loginUrlWords', () => {
  it('names the two addresses everyone has', () => {
    expect(loginUrlWords('https://login.salesforce.com').label).toBe('Production or Developer Edition');
    expect(loginUrlWords('https://test.salesforce.com').label).toBe('Sandbox');
    expect(loginUrlWords('http://127.0.0.1:7000').label).toBe('127.0.0.1:7000');
  });
});
