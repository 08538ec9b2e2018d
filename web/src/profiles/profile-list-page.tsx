import { Avatar, Box, Group, Paper, Skeleton, Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import { IconBuilding, IconSearch, IconUsers } from '@tabler/icons-react';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useLocation, useNavigate, useSearchParams } from 'react-router';

import type { ProfileKind, ProfileList, ProfileSummary } from '../api/client';
import { useLive } from '../api/live';
import { profilesKey, profilesQuery, sessionQuery } from '../api/queries';
import { useEnv } from '../session/session';
import { PageTitle } from '../shell/page';
import { Pager } from '../ui/pager';
import { SalesforceCloud } from '../ui/salesforce-cloud';
import { SearchBox } from '../ui/search-box';
import { EmptyState, ErrorState } from '../ui/states';
import { RelativeTime } from '../ui/time';
import classes from './profiles.module.css';
import { KIND_WORDS, profilePath, profileTitle } from './words';

const PAGE_SIZE = 50;
const count = new Intl.NumberFormat();

/** The cursors of the pages before this one, kept with the history entry: the API pages forward only. */
function earlierCursors(state: unknown): (string | null)[] | null {
  if (typeof state !== 'object' || state === null || !('earlier' in state) || !Array.isArray(state.earlier)) return null;
  return state.earlier as (string | null)[];
}

export function ProfileListPage({ kind }: { kind: ProfileKind }) {
  const env = useEnv();
  const words = KIND_WORDS[kind];
  const [params] = useSearchParams();
  const search = params.get('search') ?? '';
  const after = params.get('after');
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const query = useQuery({ ...profilesQuery(env, kind, { search, after, limit: PAGE_SIZE }), placeholderData: keepPreviousData });

  useLive(
    env,
    kind === 'user' ? 'users' : 'companies',
    () => queryClient.invalidateQueries({ queryKey: profilesKey(env, kind) }),
    () => void queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey }),
  );

  const page = query.data;
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-end" gap="md">
        <div>
          <PageTitle>{words.many}</PageTitle>
          <Text c="dimmed" size="sm" mt={2} mih="1.5em" role="status">
            {page !== undefined && totalWords(kind, page.total, search)}
          </Text>
        </div>
        <SearchBox
          label={kind === 'user' ? 'Search users by name, email or ID' : 'Search companies by name or ID'}
          placeholder={kind === 'user' ? 'Name, email or ID' : 'Name or ID'}
          search={search}
          onSearch={(wanted) => void navigate({ search: wanted === '' ? '' : `?${new URLSearchParams({ search: wanted })}` }, { replace: true })}
          className={classes['search']}
        />
      </Group>
      {page === undefined && query.error !== null ? (
        <Paper>
          <ErrorState what={words.many} error={query.error} onRetry={() => void query.refetch()} />
        </Paper>
      ) : page?.data.length === 0 ? (
        <Paper>
          <NothingFound kind={kind} search={search} />
        </Paper>
      ) : (
        <>
          <Paper className={classes['tableCard'] ?? ''} aria-busy={query.isPlaceholderData || page === undefined}>
            <ProfileTable kind={kind} rows={page?.data} />
          </Paper>
          {page !== undefined && <ProfilePager page={page} isBusy={query.isPlaceholderData} />}
        </>
      )}
    </Stack>
  );
}

function totalWords(kind: ProfileKind, total: number, search: string): string {
  const { one, many } = KIND_WORDS[kind];
  const things = `${count.format(total)} ${(total === 1 ? one : many).toLowerCase()}`;
  return search === '' ? things : `${things} matching “${search}”`;
}

function ProfileTable({ kind, rows }: { kind: ProfileKind; rows: ProfileSummary[] | undefined }) {
  const words = KIND_WORDS[kind];
  return (
    <Table verticalSpacing="sm" horizontalSpacing="md" highlightOnHover={rows !== undefined} className={classes['profiles'] ?? ''}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.one}</Table.Th>
          <Table.Th visibleFrom="md" className={classes['columnId'] ?? ''}>
            {words.idLabel}</Table.Th>
          <Table.Th className={classes['columnSalesforce'] ?? ''}>
            <span className={classes['wideOnly']}>Salesforce</span>
            <span className={classes['narrowOnly']}>
              <VisuallyHidden>Salesforce</VisuallyHidden>
            </span>
          </Table.Th>
          <Table.Th visibleFrom="xs" ta="right" className={classes['columnSeen'] ?? ''}>
            Last seen
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows === undefined
          ? Array.from({ length: 8 }, (_, row) => <SkeletonRow key={row} />)
          : rows.map((row) => <ProfileRow key={row.id} kind={kind} row={row} />)}
      </Table.Tbody>
    </Table>
  );
}

function ProfileRow({ kind, row }: { kind: ProfileKind; row: ProfileSummary }) {
  const title = profileTitle(row);
  const second = row.email !== null && row.email !== title ? row.email : null;
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap="sm" wrap="nowrap">
          <Avatar size={34} radius={kind === 'user' ? 'xl' : 'md'} name={title} color="gray" variant="light" aria-hidden className={classes['avatar'] ?? ''} />
          <Box miw={0}>
            <Link to={profilePath(kind, row.id)} className={classes['nameLink']}>
              {title}
            </Link>
            {second !== null && (
              <Text size="xs" c="dimmed" className={classes['clip'] ?? ''}>
                {second}
              </Text>
            )}
          </Box>
        </Group>
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Text size="sm" c="dimmed" ff="monospace" className={classes['clip'] ?? ''}>
          {row.id}
        </Text>
      </Table.Td>
      <Table.Td>
        {row.linked.length > 0 && (
          <Group gap={6} wrap="nowrap">
            <SalesforceCloud label={`Linked to Salesforce ${row.linked.join(', ')}`} />
            <Text size="sm" visibleFrom="sm" aria-hidden>
              {row.linked.join(', ')}
            </Text>
          </Group>
        )}
      </Table.Td>
      <Table.Td visibleFrom="xs" ta="right" className={classes['nowrap'] ?? ''}>
        <Text size="sm" c="dimmed" component="span">
          {row.last_seen_at ? <RelativeTime at={row.last_seen_at} /> : 'Never'}
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}

function SkeletonRow() {
  return (
    <Table.Tr aria-hidden>
      <Table.Td>
        <Group gap="sm" wrap="nowrap">
          <Skeleton circle height={34} />
          <Stack gap={6} flex={1}>
            <Skeleton height={10} width="45%" />
            <Skeleton height={8} width="60%" />
          </Stack>
        </Group>
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Skeleton height={10} width="70%" />
      </Table.Td>
      <Table.Td>
        <Skeleton height={10} width={60} />
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <Skeleton height={10} width={80} ml="auto" />
      </Table.Td>
    </Table.Tr>
  );
}

function NothingFound({ kind, search }: { kind: ProfileKind; search: string }) {
  const many = KIND_WORDS[kind].many.toLowerCase();
  const icon = kind === 'user' ? <IconUsers size={24} stroke={1.6} /> : <IconBuilding size={24} stroke={1.6} />;
  if (search !== '') {
    return (
      <EmptyState icon={<IconSearch size={24} stroke={1.6} />} title={`No ${many} match “${search}”`}>
        Search looks at {kind === 'user' ? 'names, emails and User IDs' : 'names and Company IDs'}. Try fewer letters.
      </EmptyState>
    );
  }
  const call = kind === 'user' ? 'userflow.identify()' : 'userflow.group()';
  return (
    <EmptyState icon={icon} title={`No ${many} yet`}>
      They appear here as soon as your app calls {call}, or the API creates them. Syncline never creates {many} from Salesforce records.
    </EmptyState>
  );
}

function ProfilePager({ page, isBusy }: { page: ProfileList; isBusy: boolean }) {
  const navigate = useNavigate();
  const location = useLocation();
  const [params] = useSearchParams();
  const after = params.get('after');
  const next = page.next_cursor ?? null;
  const earlier = after === null ? [] : earlierCursors(location.state);

  const go = (cursor: string | null, earlierThen: (string | null)[]) => {
    const to = new URLSearchParams(params);
    if (cursor === null) to.delete('after');
    else to.set('after', cursor);
    void navigate({ search: to.size === 0 ? '' : `?${to}` }, { state: { earlier: earlierThen } });
    window.scrollTo({ top: 0 });
  };

  return (
    <Pager
      label="Pages"
      before={earlier === null ? null : earlier.length * PAGE_SIZE}
      shown={page.data.length}
      total={page.total}
      onPrevious={after === null ? null : () => go(earlier?.at(-1) ?? null, earlier?.slice(0, -1) ?? [])}
      onNext={next === null ? null : () => go(next, [...(earlier ?? []), after])}
      isBusy={isBusy}
    />
  );
}
