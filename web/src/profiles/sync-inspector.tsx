/** Why this profile did or did not sync: for each mapping its link or why there is none, and both sides of each field. */
import { Badge, Button, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { ApiError, type Explanation, type ProfileKind, syncProfile } from '../api/client';
import { explanationQuery } from '../api/queries';
import { ToneBadge } from '../salesforce/tone-badge';
import { useEnv } from '../session/session';
import { ErrorState } from '../ui/states';
import { RelativeTime } from '../ui/time';
import { valueWords } from './attribute-value';
import classes from './profiles.module.css';
import { beginning, DIRECTION_WORDS, FIELD_STATES, LINK_STATES, setWords, syncProgress } from './sync-words';

export function SyncInspector({ kind, id }: { kind: ProfileKind; id: string }) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const options = explanationQuery(env, kind, id);
  const now = useMutation({
    mutationFn: () => syncProfile(env, kind, id),
    onMutate: () => queryClient.cancelQueries({ queryKey: options.queryKey }),
    onSuccess: (explanation) => queryClient.setQueryData(options.queryKey, explanation),
  });
  const query = useQuery(options);
  const isBusy = now.isSuccess && query.data !== undefined && !syncProgress(query.data).isDone;
  // Nothing is synced where nothing is connected.
  if (query.error instanceof ApiError && query.error.status === 409) return null;
  return (
    <Paper component="section" className={classes['tableCard'] ?? ''} aria-labelledby="sync-heading" aria-busy={query.isPending}>
      <Group justify="space-between" gap="sm" className={classes['cardHead'] ?? ''}>
        <Title order={2} id="sync-heading">
          Sync with Salesforce
        </Title>
        <Group gap="sm">
          <Text size="sm" c={now.isError ? 'var(--mantine-color-error)' : 'dimmed'} role="status">
            {now.isError ? now.error.message : now.isSuccess && query.data !== undefined ? syncProgress(query.data).words : ''}
          </Text>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconRefresh size={14} aria-hidden />}
            loading={now.isPending || isBusy}
            disabled={query.data === undefined}
            onClick={() => now.mutate()}
          >
            Sync now
          </Button>
        </Group>
      </Group>
      {query.data !== undefined ? (
        <Mappings explanation={query.data} />
      ) : query.error !== null ? (
        <ErrorState what="How this profile is synced" error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Stack px="lg" pb="lg" role="status" aria-label="Loading">
          <Skeleton height={11} width="40%" />
          <Skeleton height={11} width="70%" />
        </Stack>
      )}
    </Paper>
  );
}

function Mappings({ explanation }: { explanation: Explanation }) {
  if (explanation.mappings.length === 0) {
    return (
      <Text size="sm" c="dimmed" px="lg" pb="lg">
        No mapping is about {explanation.kind === 'user' ? 'users' : 'companies'} yet.
      </Text>
    );
  }
  return explanation.mappings.map((mapping) => <MappingPart key={mapping.mapping_id} mapping={mapping} />);
}

/** When the target was set last; to what where it has another value now, and from what where the line has another source now. */
function LastSynced({ field }: { field: Explanation['mappings'][number]['fields'][number] }) {
  if (field.synced_at === null) {
    return (
      <Text span size="sm" c="dimmed">
        Not yet needed
      </Text>
    );
  }
  const set = setWords(field);
  return (
    <>
      <RelativeTime at={field.synced_at} />
      {set !== '' && (
        <Text size="xs" c="dimmed" mt={4}>
          {set}
        </Text>
      )}
    </>
  );
}

function MappingPart({ mapping }: { mapping: Explanation['mappings'][number] }) {
  const state = LINK_STATES[mapping.state];
  const title = `${mapping.salesforce}, matched by ${mapping.matches}`;
  return (
    <article aria-label={title} className={classes['syncMapping'] ?? ''}>
      <Group justify="space-between" gap="sm" px="lg">
        <Group gap="xs">
          <Title order={3} fz="md">
            {mapping.salesforce}
          </Title>
          <Text size="sm" c="dimmed">
            {mapping.matches}
          </Text>
          {mapping.paused && <Badge color="gray">Paused</Badge>}
        </Group>
        <ToneBadge tone={state.tone}>{state.word}</ToneBadge>
      </Group>
      <Text size="sm" px="lg" style={{ overflowWrap: 'anywhere' }}>
        {mapping.reason}
        {mapping.linked_at && (
          <>
            {' '}
            Since <RelativeTime at={mapping.linked_at} />.
          </>
        )}
      </Text>
      {[mapping.waiting, ...mapping.issues].map(
        (line) =>
          line && (
            <Text key={line} size="sm" px="lg" style={{ overflowWrap: 'anywhere' }}>
              {line}
            </Text>
          ),
      )}
      {mapping.fields.length > 0 && (
        <div className={classes['syncScroll']} tabIndex={0} role="group" aria-label={`Fields of ${title}`}>
          <table className={classes['syncFields']} aria-label={`Fields of ${title}`}>
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">Value</th>
                <th scope="col">To</th>
                <th scope="col">Value</th>
                <th scope="col">State</th>
                <th scope="col">Last synced</th>
              </tr>
            </thead>
            <tbody>
              {mapping.fields.map((field) => (
                <tr key={`${field.direction} ${field.to}`}>
                  <th scope="row">
                    <span className={classes['codeName']}>{DIRECTION_WORDS[field.direction].from}</span>
                    {field.from}
                  </th>
                  <td>{beginning(valueWords('string', field.source))}</td>
                  <th scope="row">
                    <span className={classes['codeName']}>{DIRECTION_WORDS[field.direction].to}</span>
                    {field.to}
                  </th>
                  <td>{beginning(valueWords('string', field.target))}</td>
                  <td>
                    <ToneBadge tone={FIELD_STATES[field.state].tone}>{FIELD_STATES[field.state].word}</ToneBadge>
                    {field.message && (
                      <Text size="xs" c="dimmed" mt={4}>
                        {field.message}
                      </Text>
                    )}
                  </td>
                  <td>
                    <LastSynced field={field} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </article>
  );
}
