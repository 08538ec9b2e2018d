/** Issues with one cause: what happened, what to do, and whom it concerns. */
import { Anchor, Badge, Button, Collapse, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconArrowUpRight, IconChevronDown, IconRefresh } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { Link } from 'react-router';

import type { Issue, IssueFilter, IssueGroup, Mapping } from '../api/client';
import { issuesQuery } from '../api/queries';
import { profilePath, profileTitle } from '../profiles/words';
import { useEnv } from '../session/session';
import { Pager } from '../ui/pager';
import { ErrorState } from '../ui/states';
import { RelativeTime } from '../ui/time';
import { filterOf, groupName, issuesWords, KIND_LABEL, profilesWords } from './issue-words';
import classes from './issues.module.css';
import { ToneBadge } from './tone-badge';
import type { Retry } from './use-retry';
import { mappingName } from './words';

const PAGE_SIZE = 50;
const count = new Intl.NumberFormat();

interface Props {
  group: IssueGroup;
  mapping: Mapping | undefined;
  /** What the page's filter lets through. */
  filter: IssueFilter;
  retry: Retry;
  /** Nobody would try anything: sync is paused, or not connected. */
  isIdle: boolean;
}

export function IssueGroupCard({ group, mapping, filter, retry, isIdle }: Props) {
  const [opened, setOpened] = useState(false);
  const id = useId();
  const own = filterOf(group, filter);
  const name = groupName(group, mapping);
  const isPaused = mapping?.paused === true;
  return (
    <Paper component="article" aria-label={name} className={classes['group'] ?? ''}>
      <div className={classes['head']}>
        <Group gap={8} align="baseline" className={classes['titles'] ?? ''}>
          <Title order={2} className={classes['breakable'] ?? ''}>
            {KIND_LABEL[group.kind]}
          </Title>
          {group.field !== null && (
            <Badge color="gray" ff="monospace" size="sm" className={classes['code'] ?? ''}>
              {group.field}
            </Badge>
          )}
          {isPaused && <Badge color="gray">Mapping is paused</Badge>}
          {group.waiting > 0 && !isPaused && !isIdle && <ToneBadge tone="busy">Trying {count.format(group.waiting)}</ToneBadge>}
        </Group>
        <Button
          variant="default"
          size="xs"
          leftSection={<IconRefresh size={14} aria-hidden />}
          loading={retry.isTrying(own)}
          disabled={isIdle || isPaused}
          aria-label={`Retry ${issuesWords(group.issues)}: ${name}`}
          onClick={() => retry.start({ name, filter: own })}
        >
          Retry {group.issues > 1 && count.format(group.issues)}
        </Button>
      </div>
      <Text size="sm" className={classes['breakable'] ?? ''}>
        {group.cause}
      </Text>
      <Text size="sm" mt={4} className={classes['breakable'] ?? ''}>
        <b>What to do:</b> {group.remedy}
      </Text>
      <div className={classes['foot']}>
        <Button
          variant="subtle"
          size="compact-sm"
          aria-expanded={opened}
          aria-controls={id}
          rightSection={<IconChevronDown size={14} className={classes['chevron'] ?? ''} data-opened={opened} aria-hidden />}
          className={classes['fold'] ?? ''}
          onClick={() => setOpened(!opened)}
        >
          {opened ? 'Hide' : 'Show'} {profilesWords(group.issues, mapping)}
        </Button>
        <span className={classes['meta']}>
          {mapping && <span>{mappingName(mapping)}</span>}
          {group.code !== '' && <code className={classes['mono']}>{group.code}</code>}
          <span>
            first seen <RelativeTime at={group.first_at} />, last seen <RelativeTime at={group.last_at} />
          </span>
        </span>
      </div>
      <Collapse expanded={opened} id={id}>
        {opened && <IssueRows name={name} filter={own} cause={group.cause} retry={retry} isIdle={isIdle || isPaused} />}
      </Collapse>
    </Paper>
  );
}

interface RowsProps extends Pick<Props, 'filter' | 'retry' | 'isIdle'> {
  name: string;
  /** What the group says happened; a row says it only where it differs. */
  cause: string;
}

function IssueRows({ name, filter, cause, retry, isIdle }: RowsProps) {
  const env = useEnv();
  // The cursors of the pages up to this one: the API pages forward only.
  const [cursors, setCursors] = useState<(string | null)[]>([null]);
  const query = useQuery({ ...issuesQuery(env, filter, { after: cursors.at(-1) ?? null, limit: PAGE_SIZE }), placeholderData: keepPreviousData });
  const page = query.data;
  if (page === undefined) {
    return query.error === null ? (
      <Stack gap="sm" pt="md" role="status" aria-label="Loading">
        <Skeleton height={11} width="55%" />
        <Skeleton height={11} width="40%" />
        <Skeleton height={11} width="50%" />
      </Stack>
    ) : (
      <ErrorState what="These issues" error={query.error} onRetry={() => void query.refetch()} />
    );
  }
  const next = page.next_cursor;
  return (
    <div className={classes['unfolded']}>
      <ul className={classes['rows']} aria-label={name} aria-busy={query.isPlaceholderData}>
        {page.data.map((issue) => (
          <IssueRow key={issue.id} issue={issue} cause={cause} retry={retry} isIdle={isIdle} />
        ))}
      </ul>
      {page.data.length === 0 && cursors.length > 1 && (
        <Text size="sm" c="dimmed" py="sm">
          No more: those of this page have closed.
        </Text>
      )}
      <Pager
        label={`Pages of ${name}`}
        before={(cursors.length - 1) * PAGE_SIZE}
        shown={page.data.length}
        total={page.total}
        onPrevious={cursors.length === 1 ? null : () => setCursors(cursors.slice(0, -1))}
        onNext={next === null ? null : () => setCursors([...cursors, next])}
        isBusy={query.isPlaceholderData}
        pt="sm"
      />
    </div>
  );
}

function IssueRow({ issue, cause, retry, isIdle }: { issue: Issue } & Omit<RowsProps, 'name' | 'filter'>) {
  const title = profileTitle({ id: issue.profile_id, name: issue.profile_name });
  const filter = { id: issue.id };
  return (
    <li className={classes['row']}>
      <div className={classes['who']}>
        <Anchor component={Link} to={profilePath(issue.profile_kind, issue.profile_id)} size="sm" fw={600} className={classes['breakable'] ?? ''}>
          {title}
        </Anchor>
        {title !== issue.profile_id && <span className={classes['mono']}>{issue.profile_id}</span>}
        {issue.cause !== cause && (
          <Text size="sm" className={classes['breakable'] ?? ''}>
            {issue.cause}
          </Text>
        )}
        <span className={classes['meta']}>
          {issue.record_id !== null && issue.record_url !== null && (
            <Anchor href={issue.record_url} target="_blank" rel="noreferrer" className={classes['mono'] ?? ''}>
              {issue.record_id}
              <IconArrowUpRight size={14} role="img" aria-label="(opens Salesforce)" style={{ verticalAlign: '-2px' }} />
            </Anchor>
          )}
          <span>
            first seen <RelativeTime at={issue.first_at} />
            {issue.count > 1 && (
              <>
                , seen {count.format(issue.count)} times, last <RelativeTime at={issue.last_at} />
              </>
            )}
          </span>
          {issue.waiting && !isIdle && <ToneBadge tone="busy">Trying again</ToneBadge>}
        </span>
      </div>
      <Button
        variant="subtle"
        size="compact-sm"
        loading={retry.isTrying(filter)}
        disabled={isIdle}
        aria-label={`Retry ${title}`}
        onClick={() => retry.start({ name: title, filter })}
      >
        Retry
      </Button>
    </li>
  );
}
