import { Group, Text } from '@mantine/core';

import type { Connection, Feed } from '../api/client';
import { RelativeTime } from '../ui/time';
import classes from './connection.module.css';
import { expectedWords, standstillWords, WAY_LABEL } from './feed-words';
import { SectionCard } from './section-card';
import { ToneBadge } from './tone-badge';
import { delayWords } from './words';

/** In which way the changes of each object arrive, and if it is not the change stream, why. */
export function FeedsCard({ connection: { status, feeds } }: { connection: Connection }) {
  const standstill = standstillWords(status);
  return (
    <SectionCard id="feeds" title="Changes from Salesforce" note={standstill}>
      {feeds.length === 0 ? (
        <Text size="sm" c="dimmed">
          Each object that you map appears here, with the way its changes arrive and how long they take.
        </Text>
      ) : (
        <ul className={classes['rows']} aria-label="Objects">
          {feeds.map((feed) => (
            <FeedRow key={feed.object} feed={feed} isStandstill={standstill !== null} />
          ))}
        </ul>
      )}
    </SectionCard>
  );
}

function FeedRow({ feed, isStandstill }: { feed: Feed; isStandstill: boolean }) {
  return (
    <li className={classes['listRow']} aria-label={feed.label}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={600} className={classes['breakable'] ?? ''}>
          {feed.label}
          {feed.label !== feed.object && <span className={classes['apiName']}>{feed.object}</span>}
        </Text>
        <ToneBadge tone={!isStandstill && feed.way === 'stream' ? 'good' : 'idle'}>{WAY_LABEL[feed.way]}</ToneBadge>
      </Group>
      {!isStandstill && <Text size="sm">{expectedWords(feed)}</Text>}
      {feed.reason && (
        <Text size="sm" className={classes['breakable'] ?? ''}>
          {feed.reason}
        </Text>
      )}
      <Text size="sm" c="dimmed">
        {feed.last_change_at === null ? (
          'No change seen yet'
        ) : (
          <>
            Last change <RelativeTime at={feed.last_change_at} />
            {feed.last_delay_ms !== null && <>, here after {delayWords(feed.last_delay_ms)}</>}
          </>
        )}
      </Text>
    </li>
  );
}
