/** Times as people read them: how long ago, with the exact moment on hover. */
import { useSyncExternalStore } from 'react';

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'long' });

const STEPS: readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** "3 minutes ago", "yesterday". Under ten seconds is "just now": a clock that differs a little must not say "in 2 seconds". */
export function relativeWords(thenMs: number, nowMs: number, format: Intl.RelativeTimeFormat = relative): string {
  const seconds = Math.round((thenMs - nowMs) / 1000);
  if (Math.abs(seconds) < 10) return 'just now';
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  return format.format(Math.trunc(seconds / size), unit);
}

const TICK_MS = 5_000;
let nowMs = Date.now();
const listeners = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void) {
  listeners.add(listener);
  ticking ??= setInterval(() => {
    nowMs = Date.now();
    listeners.forEach((tell) => tell());
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
}

/** One clock for all times on a page, so that they step together. */
function useNow(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}

export function RelativeTime({ at }: { at: string }) {
  const now = useNow();
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return <>{at}</>;
  return (
    <time dateTime={at} title={exact.format(moment)}>
      {relativeWords(moment.getTime(), Math.max(now, moment.getTime()))}
    </time>
  );
}
