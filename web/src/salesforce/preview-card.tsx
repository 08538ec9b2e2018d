/** What a draft would do, on real links, before it is saved. Once asked for, it follows the draft. */
import { Alert, Button, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconAlertCircle, IconArrowRight, IconEye } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Link } from 'react-router';

import type { Mapping, Preview } from '../api/client';
import { previewQuery } from '../api/queries';
import { valueWords } from '../profiles/attribute-value';
import { beginning } from '../profiles/sync-words';
import { profilePath } from '../profiles/words';
import { useEnv } from '../session/session';
import { type Draft, gaps, payload } from './mapping-draft';
import { costWords, keyWords, lineState, matchWords } from './preview-words';
import classes from './salesforce.module.css';
import { ToneBadge } from './tone-badge';
import { PROFILE_LABEL } from './words';

/** Each preview asks Salesforce; nobody wants one for every letter typed. */
const SETTLED_MS = 1_000;

interface PreviewCardProps {
  draft: Draft;
  objectLabel: string;
  mapping: Mapping | null;
}

export function PreviewCard({ draft, objectLabel, mapping }: PreviewCardProps) {
  const env = useEnv();
  const [isShown, setShown] = useState(false);
  const input = useMemo(() => (gaps(draft).size === 0 ? payload(draft, mapping) : null), [draft, mapping]);
  const [settled] = useDebouncedValue(input, SETTLED_MS);
  const asked = settled ?? payload(draft, mapping);
  const query = useQuery({
    ...previewQuery(env, asked, mapping?.id ?? null),
    enabled: isShown && settled !== null,
    placeholderData: keepPreviousData,
  });
  const profile = PROFILE_LABEL[draft.userflow].toLowerCase();
  const isOld = isShown && (input === null || input !== settled || query.isPlaceholderData);
  return (
    <Paper p="lg" component="section" aria-labelledby="preview-heading" aria-busy={isShown && query.isFetching}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <div className={classes['grow']}>
          <Title order={2} id="preview-heading">
            Preview on real links
          </Title>
          <Text size="sm" c="dimmed">
            What saving would do, tried on real {draft.userflow === 'user' ? 'users' : 'companies'} and the records that they match. Nothing is written.
          </Text>
        </div>
        {!isShown && (
          <Button variant="default" leftSection={<IconEye size={16} aria-hidden />} onClick={() => setShown(true)}>
            Show preview
          </Button>
        )}
      </Group>
      {isShown && (
        <Stack gap="md" mt="md">
          {input === null && (
            <Text size="sm" role="status">
              Complete the lines above, and the preview follows.
            </Text>
          )}
          {query.isError && input !== null ? (
            <Alert color="orange" icon={<IconAlertCircle aria-hidden />} title="No preview" role="alert">
              <Group justify="space-between" gap="sm">
                <Text size="sm">{query.error.message}</Text>
                <Button variant="default" size="xs" onClick={() => void query.refetch()} loading={query.isFetching}>
                  Try again
                </Button>
              </Group>
            </Alert>
          ) : query.data !== undefined ? (
            <Found preview={query.data} kind={draft.userflow} profile={profile} objectLabel={objectLabel} isOld={isOld} />
          ) : (
            input !== null && (
              <Stack gap="xs" role="status" aria-label="Asking Salesforce">
                <Skeleton height={12} width="55%" />
                <Skeleton height={12} width="80%" />
                <Skeleton height={80} />
              </Stack>
            )
          )}
        </Stack>
      )}
    </Paper>
  );
}

interface FoundProps {
  preview: Preview;
  kind: Mapping['userflow'];
  profile: string;
  objectLabel: string;
  /** Of an earlier draft; the next is under way. */
  isOld: boolean;
}

function Found({ preview, kind, profile, objectLabel, isOld }: FoundProps) {
  return (
    <div className={classes['found']} data-old={isOld || undefined}>
      <div role="status">
        {preview.tried > 0 && (
          <Text size="sm" fw={600}>
            {matchWords(preview, kind, objectLabel)}
          </Text>
        )}
        {preview.note !== null && <Text size="sm">{preview.note}</Text>}
        {preview.matched > 0 && (
          <Text size="sm" c="dimmed">
            {costWords(preview, kind)}
          </Text>
        )}
      </div>
      <Stack component="ul" gap="md" className={classes['plainList'] ?? ''} aria-label={`Tried on ${kind === 'user' ? 'users' : 'companies'}`}>
        {preview.sample.map((one) => (
          <li key={one.id} className={classes['tried']}>
            <Group gap="xs" align="baseline">
              <Link to={profilePath(kind, one.id)} target="_blank" className={classes['triedName']}>
                {one.name ?? one.id}
              </Link>
              <Text size="xs" c="dimmed" className={classes['wrap'] ?? ''}>
                {keyWords(one, objectLabel)}
              </Text>
            </Group>
            {one.record_id !== null && <Lines lines={one.lines} name={one.name ?? one.id} profile={profile} />}
            {one.issues.map((issue) => (
              <Text key={issue} size="sm">
                {issue}
              </Text>
            ))}
          </li>
        ))}
      </Stack>
    </div>
  );
}

function Lines({ lines, name, profile }: { lines: Preview['sample'][number]['lines']; name: string; profile: string }) {
  const telling = lines.filter(({ changes, failure }) => changes || failure !== null);
  const quiet = lines.length - telling.length;
  return (
    <>
      {telling.length > 0 && (
        <ul className={classes['triedLines']} aria-label={`What changes for ${name}`}>
          {telling.map((line) => (
            <li key={`${line.direction} ${line.to}`}>
              <span className={classes['triedTarget']}>
                <span>{line.to}</span>
                <Text span size="xs" c="dimmed">
                  {line.direction === 'inbound' ? profile : 'Salesforce'}
                </Text>
              </span>
              <span className={classes['triedValues']}>
                {line.failure ?? (
                  <>
                    <s>{beginning(valueWords('string', line.before))}</s>
                    <IconArrowRight size={14} stroke={1.6} role="img" aria-label="becomes" />
                    <span>{beginning(valueWords('string', line.after))}</span>
                  </>
                )}
              </span>
              <ToneBadge tone={lineState(line).tone}>{lineState(line).word}</ToneBadge>
            </li>
          ))}
        </ul>
      )}
      {quiet > 0 && (
        <Text size="xs" c="dimmed">
          {telling.length === 0 ? 'Everything stays as it is.' : quiet === 1 ? 'One more field stays as it is.' : `${quiet} more fields stay as they are.`}
        </Text>
      )}
    </>
  );
}
