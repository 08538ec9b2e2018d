/** The sync-issue inbox: what could not be synced, by cause, with what to do about it and a retry. */
import { Alert, Anchor, Button, CloseButton, Group, Paper, Select, Skeleton, Stack, Text } from '@mantine/core';
import { IconCircleCheck, IconPlugConnectedX, IconRefresh, IconSearch } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';

import type { Connection, IssueFilter, Mapping } from '../api/client';
import { issueGroupsQuery, mappingsQuery } from '../api/queries';
import { useEnv } from '../session/session';
import { PageTitle } from '../shell/page';
import { SearchBox } from '../ui/search-box';
import { EmptyState, ErrorState } from '../ui/states';
import { Trail } from '../ui/trail';
import { IssueGroupCard } from './issue-group';
import { filterOfAddress, ISSUE_KINDS, issuesWords, KIND_LABEL, mappingChoices, progressWords } from './issue-words';
import classes from './issues.module.css';
import { INTEGRATIONS_STEP, SALESFORCE_PATH, SALESFORCE_STEP } from './paths';
import { useLiveConnection } from './use-salesforce';
import { type Retry, useRetry } from './use-retry';

/** Groups shown at first: an org that a hundred fields were taken away from has a hundred. */
const GROUPS_AT_FIRST = 50;
const count = new Intl.NumberFormat();

export function IssuesPage() {
  const env = useEnv();
  const [params] = useSearchParams();
  const filter = filterOfAddress(params);
  const connection = useLiveConnection().data;
  const query = useQuery({ ...issueGroupsQuery(env, filter), placeholderData: keepPreviousData });
  const mappings = useQuery(mappingsQuery(env)).data;
  const retry = useRetry();
  const groups = query.data?.data;
  const isFiltered = Object.keys(filter).length > 0;
  const isIdle = connection !== undefined && connection.status !== 'connected';

  return (
    <Stack gap="lg">
      <Trail steps={[INTEGRATIONS_STEP, SALESFORCE_STEP]} here="Sync issues" />
      <Group justify="space-between" align="flex-end" gap="md">
        <div>
          <PageTitle>Sync issues</PageTitle>
          <Text c="dimmed" size="sm" mt={2} mih="1.5em" role="status">
            {query.data !== undefined && totalWords(query.data.total, query.data.data.length, isFiltered)}
          </Text>
        </div>
        {query.data !== undefined && query.data.total > 0 && (
          <Button
            variant="default"
            leftSection={<IconRefresh size={16} aria-hidden />}
            loading={retry.isTrying(filter)}
            disabled={isIdle || query.isPlaceholderData}
            onClick={() => retry.start({ name: isFiltered ? 'All that are shown' : 'All sync issues', filter })}
          >
            Retry all {query.data.total > 1 && count.format(query.data.total)}
          </Button>
        )}
      </Group>
      {(isFiltered || (query.data !== undefined && query.data.total > 0)) && <Filters key={env} filter={filter} mappings={mappings ?? []} />}
      {connection !== undefined && isIdle && groups !== undefined && groups.length > 0 && <IdleAlert status={connection.status} />}
      {groups === undefined ? (
        query.error === null ? (
          <LoadingGroups />
        ) : (
          <Paper>
            <ErrorState what="Sync issues" error={query.error} onRetry={() => void query.refetch()} />
          </Paper>
        )
      ) : groups.length === 0 ? (
        <Paper>
          <NothingToShow isFiltered={isFiltered} status={connection?.status} />
        </Paper>
      ) : (
        <Groups key={params.toString()} groups={groups} mappings={mappings ?? []} filter={filter} retry={retry} isIdle={isIdle} isBusy={query.isPlaceholderData} />
      )}
      <RetryNotice retry={retry} />
    </Stack>
  );
}

function totalWords(total: number, groups: number, isFiltered: boolean): string {
  if (total === 0) return isFiltered ? 'None' : '';
  const shown = isFiltered ? `${issuesWords(total)} shown` : issuesWords(total);
  return groups === 1 ? shown : `${shown}, with ${count.format(groups)} causes`;
}

interface GroupsProps {
  groups: Parameters<typeof IssueGroupCard>[0]['group'][];
  mappings: Mapping[];
  filter: IssueFilter;
  retry: Retry;
  isIdle: boolean;
  isBusy: boolean;
}

function Groups({ groups, mappings, filter, retry, isIdle, isBusy }: GroupsProps) {
  const [shown, setShown] = useState(GROUPS_AT_FIRST);
  return (
    <>
      <Stack component="ul" gap="md" className={classes['plainList'] ?? ''} aria-label="Sync issues by cause" aria-busy={isBusy}>
        {groups.slice(0, shown).map((group) => (
          <li key={JSON.stringify([group.mapping_id, group.kind, group.code, group.field])}>
            <IssueGroupCard
              group={group}
              mapping={mappings.find(({ id }) => id === group.mapping_id)}
              filter={filter}
              retry={retry}
              isIdle={isIdle}
            />
          </li>
        ))}
      </Stack>
      {groups.length > shown && (
        <Button variant="default" onClick={() => setShown(shown + GROUPS_AT_FIRST)}>
          Show {count.format(Math.min(GROUPS_AT_FIRST, groups.length - shown))} more of {count.format(groups.length)} causes
        </Button>
      )}
    </>
  );
}

function Filters({ filter, mappings }: { filter: IssueFilter; mappings: Mapping[] }) {
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const set = (changes: Record<string, string | null>) => {
    const to = new URLSearchParams(params);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === '') to.delete(name);
      else to.set(name, value);
    }
    void navigate({ search: to.size === 0 ? '' : `?${to}` }, { replace: true });
  };
  const chosen = filter.mapping_id !== undefined ? `mapping ${filter.mapping_id}` : filter.object !== undefined ? `object ${filter.object}` : null;
  return (
    <div className={classes['filters']} role="search" aria-label="Filter sync issues">
      <Select
        aria-label="Mapping"
        placeholder="All mappings"
        data={mappingChoices(mappings)}
        value={chosen}
        clearable
        clearButtonProps={{ 'aria-label': 'Show all mappings' }}
        onChange={(value) => {
          const [what, name] = value === null ? [] : [value.slice(0, value.indexOf(' ')), value.slice(value.indexOf(' ') + 1)];
          set({ mapping: what === 'mapping' ? (name ?? null) : null, object: what === 'object' ? (name ?? null) : null });
        }}
      />
      <Select
        aria-label="Type"
        placeholder="All types"
        data={ISSUE_KINDS.map((kind) => ({ value: kind, label: KIND_LABEL[kind] }))}
        value={filter.kind ?? null}
        clearable
        clearButtonProps={{ 'aria-label': 'Show all types' }}
        onChange={(kind) => set({ kind })}
      />
      <SearchBox
        label="Search sync issues by person, company, record, field or cause"
        placeholder="Name, email, ID, record, field or cause"
        search={params.get('search') ?? ''}
        onSearch={(search) => set({ search })}
      />
    </div>
  );
}

function LoadingGroups() {
  return (
    <Stack gap="md" role="status" aria-label="Loading sync issues">
      {[0, 1, 2].map((row) => (
        <Paper key={row} p="lg" aria-hidden>
          <Stack gap="sm">
            <Skeleton height={14} width="35%" />
            <Skeleton height={11} width="75%" />
            <Skeleton height={11} width="60%" />
          </Stack>
        </Paper>
      ))}
    </Stack>
  );
}

function NothingToShow({ isFiltered, status }: { isFiltered: boolean; status: Connection['status'] | undefined }) {
  const icon = { size: 24, stroke: 1.6 };
  if (isFiltered) {
    return (
      <EmptyState
        icon={<IconSearch {...icon} />}
        title="No sync issues like that"
        action={
          <Button component={Link} to="." variant="default">
            Show all
          </Button>
        }
      >
        None passes the filter. What it showed before may have closed by itself.
      </EmptyState>
    );
  }
  if (status === 'not_connected') {
    return (
      <EmptyState
        icon={<IconPlugConnectedX {...icon} />}
        title="Not connected"
        action={
          <Button component={Link} to={SALESFORCE_PATH}>
            Connect with Salesforce
          </Button>
        }
      >
        What can not be synced is listed here once something is.
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={<IconCircleCheck {...icon} />} title="No sync issues">
      Everything that is mapped and linked could be synced. What can not be is listed here, with the reason and what to do about it; it leaves by itself
      once its cause is gone.
    </EmptyState>
  );
}

const IDLE_WORDS: Record<Exclude<Connection['status'], 'connected'>, string> = {
  paused: 'Sync is paused: nothing is tried again until it is resumed.',
  reconnect_needed: 'Salesforce no longer accepts the connection: nothing is tried again until somebody signs in again.',
  not_connected: 'Salesforce is not connected: nothing is tried again.',
};

function IdleAlert({ status }: { status: Connection['status'] }) {
  if (status === 'connected') return null;
  return (
    <Alert color="gray" variant="light">
      {IDLE_WORDS[status]}{' '}
      <Anchor component={Link} to={SALESFORCE_PATH} size="sm">
        Go to the connection
      </Anchor>
    </Alert>
  );
}

/** What became of the last retry. It stays at the bottom of the window: the row that was retried may be gone. */
function RetryNotice({ retry: { notice, dismiss } }: { retry: Retry }) {
  const box = useRef<HTMLDivElement>(null);
  const isDone = notice?.isDone === true;
  useEffect(() => {
    // The button that was pressed may have closed with its issue; the keyboard goes on here.
    if (isDone && document.activeElement === document.body) box.current?.focus();
  }, [isDone]);
  const words = notice === null ? '' : notice.error !== null ? notice.error.message : notice.progress !== null ? progressWords(notice.progress) : 'Trying again…';
  return (
    <div className={classes['notice']} data-shown={notice !== null}>
      <div ref={box} role="status" tabIndex={-1} className={classes['noticeWords']}>
        {notice !== null && (
          <>
            <span className={classes['noticeName']}>{notice.name}</span>
            <span className={notice.error === null ? '' : classes['noticeError']}>{words}</span>
          </>
        )}
      </div>
      {isDone && <CloseButton size="sm" aria-label="Dismiss" onClick={dismiss} />}
    </div>
  );
}
