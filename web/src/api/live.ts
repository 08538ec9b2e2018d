/**
 * Live views: a screen names what it watches, and is told to read it again whenever it may have changed.
 *
 * The browser's own `EventSource` gives up for good when a proxy or a restarting server answers with an error status, so opening
 * it again is done here, with a growing, jittered wait.
 */
import { useEffect, useRef, useSyncExternalStore } from 'react';

import { coalesce } from './coalesce';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A busy environment changes many times a second; eyes and server are served well by four reads a second. */
const READ_GAP_MS = 250;

/** How long to wait before attempt number `attempt` (the first is 1); `random` is in [0, 1). */
export function reconnectWaitMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return ceiling * (0.5 + random / 2);
}

const interrupted = new Set<symbol>();
const listeners = new Set<() => void>();

function setInterrupted(connection: symbol, isInterrupted: boolean) {
  const before = interrupted.size;
  if (isInterrupted) interrupted.add(connection);
  else interrupted.delete(connection);
  if (interrupted.size !== before) listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** True while a live view of this page has lost the server. */
export function useInterrupted(): boolean {
  return useSyncExternalStore(subscribe, () => interrupted.size > 0);
}

function openLive(url: string, onChanged: () => void, onLost: () => void): () => void {
  const connection = Symbol(url);
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;

  const open = () => {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(url);
    source.addEventListener('open', () => {
      attempt = 0;
      setInterrupted(connection, false);
    });
    source.addEventListener('changed', onChanged);
    source.addEventListener('error', () => {
      source?.close();
      attempt += 1;
      // One drop is a passing cloud (a proxy's time-out, a restart); the second in a row is worth a word.
      if (attempt > 1) setInterrupted(connection, true);
      onLost();
      timer = setTimeout(open, reconnectWaitMs(attempt, Math.random()));
    });
  };

  const openSoon = () => {
    if (source?.readyState === EventSource.CLOSED) open();
  };
  window.addEventListener('online', openSoon);
  open();

  return () => {
    window.removeEventListener('online', openSoon);
    clearTimeout(timer);
    source?.close();
    setInterrupted(connection, false);
  };
}

/**
 * Calls `reread` at once and whenever the view `watch` of the environment may have changed. `onLost` is called when the line
 * drops: a session that has ended looks the same as a server that is away.
 */
export function useLive(env: string, watch: string, reread: () => Promise<unknown>, onLost: () => void) {
  const latest = useRef({ reread, onLost });
  useEffect(() => {
    latest.current = { reread, onLost };
  });

  useEffect(() => {
    const url = `/api/v1/environments/${encodeURIComponent(env)}/live?watch=${encodeURIComponent(watch)}`;
    const reading = coalesce(async () => {
      await latest.current.reread();
    }, READ_GAP_MS);
    const close = openLive(url, reading.request, () => latest.current.onLost());
    return () => {
      close();
      reading.stop();
    };
  }, [env, watch]);
}
