/** The words for how changes of an object arrive. */
import type { Connection, Feed } from '../api/client';

export const WAY_LABEL: Record<Feed['way'], string> = { stream: 'Change stream', polling: 'Polling' };

/** "2 seconds", "15 minutes": a wait in round numbers, as one would say it. */
export function waitWords(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  if (seconds < 120) return seconds === 1 ? '1 second' : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} minutes`;
  return `${Math.round(minutes / 60)} hours`;
}

/** How long a change of the object takes to be noticed at most. */
export function expectedWords({ way, expected_delay_ms: ms }: Pick<Feed, 'way' | 'expected_delay_ms'>): string {
  return `Changes arrive ${way === 'stream' ? 'as they happen, ' : ''}within ${waitWords(ms)}`;
}

/** Why nothing arrives at all right now; null while something does. */
export function standstillWords(status: Connection['status']): string | null {
  switch (status) {
    case 'paused':
      return 'Nothing is read while sync is paused. What changes meanwhile arrives when it is resumed.';
    case 'reconnect_needed':
      return 'Nothing can be read until you sign in again. What changes meanwhile arrives then.';
    default:
      return null;
  }
}
