import { Text } from '@mantine/core';

import type { Connection } from '../api/client';
import { RelativeTime } from '../ui/time';
import { connectionState, delayWords } from './words';

/** One quiet line under the connection: since when, the last change and how long it took, or what is wrong. */
export function StreamLine({ connection }: { connection: Connection }) {
  const { status, detail, stream } = connection;
  const trouble = detail ?? (stream?.state === 'live' ? null : stream?.detail);
  return (
    <Text size="sm" c="dimmed">
      {status === 'connected' && stream && (
        <>
          {connectionState(connection).label} since <RelativeTime at={stream.since} />
          {stream.last_event_at && (
            <>
              {' · '}last change <RelativeTime at={stream.last_event_at} />
              {stream.last_delay_ms != null && <>, here after {delayWords(stream.last_delay_ms)}</>}
            </>
          )}
        </>
      )}
      {trouble && (
        <Text component="span" display="block" inherit c="var(--mantine-color-text)">
          {trouble}
        </Text>
      )}
    </Text>
  );
}
