import { ActionIcon, Anchor, Avatar, Box, Button, CopyButton, Group, Paper, Skeleton, Stack, Text, Title, Tooltip } from '@mantine/core';
import { IconArrowUpRight, IconCheck, IconCopy, IconUserQuestion } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams } from 'react-router';

import { ApiError, type Profile, type ProfileKind } from '../api/client';
import { useLive } from '../api/live';
import { profileQuery, sessionQuery } from '../api/queries';
import { IssueList } from '../salesforce/issue-list';
import { useEnv } from '../session/session';
import { PageTitle } from '../shell/page';
import { SalesforceCloud } from '../ui/salesforce-cloud';
import { EmptyState, ErrorState } from '../ui/states';
import { RelativeTime } from '../ui/time';
import { Trail } from '../ui/trail';
import { AttributeTable } from './attribute-table';
import { valueWords } from './attribute-value';
import classes from './profiles.module.css';
import { SyncInspector } from './sync-inspector';
import { KIND_WORDS, profilePath, profileTitle } from './words';

export function ProfileRoute({ kind }: { kind: ProfileKind }) {
  const { id } = useParams();
  // A fresh page for each profile: what changed on one is no change of the next.
  return id === undefined ? null : <ProfilePage key={`${kind} ${id}`} kind={kind} id={id} />;
}

function ProfilePage({ kind, id }: { kind: ProfileKind; id: string }) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const words = KIND_WORDS[kind];
  const query = useQuery(profileQuery(env, kind, id));
  useLive(
    env,
    `${kind === 'user' ? 'users' : 'companies'}/${id}`,
    () => queryClient.invalidateQueries({ queryKey: profileQuery(env, kind, id).queryKey }),
    () => void queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey }),
  );

  const above = [{ to: words.path, label: words.many }];
  const notFound = query.error instanceof ApiError && query.error.status === 404;
  if (notFound) {
    return (
      <Stack>
        <Trail steps={above} />
        <PageTitle documentTitle="Not found">{`${words.one} not found`}</PageTitle>
        <Paper>
          <EmptyState icon={<IconUserQuestion size={24} stroke={1.6} />} title={`There is no ${words.one.toLowerCase()} “${id}”`}>
            It may have been deleted, or belong to another environment.
          </EmptyState>
        </Paper>
      </Stack>
    );
  }
  if (query.data === undefined) {
    return (
      <Stack>
        <Trail steps={above} />
        {query.error === null ? (
          <ProfileSkeleton />
        ) : (
          <>
            <PageTitle documentTitle={words.one}>{words.one}</PageTitle>
            <Paper>
              <ErrorState what="This profile" error={query.error} onRetry={() => void query.refetch()} />
            </Paper>
          </>
        )}
      </Stack>
    );
  }

  const profile = query.data;
  const title = profileTitle(profile);
  return (
    <Stack gap="lg">
      <Trail steps={above} here={title} />
      <Group wrap="nowrap" gap="md">
        <Avatar size={52} radius={kind === 'user' ? 'xl' : 'md'} name={title} color="indigo" variant="light" aria-hidden />
        <Box miw={0}>
          <PageTitle style={{ overflowWrap: 'anywhere' }}>{title}</PageTitle>
          {profile.email && profile.email !== title && (
            <Text c="dimmed" size="sm" style={{ overflowWrap: 'anywhere' }}>
              {profile.email}
            </Text>
          )}
        </Box>
      </Group>
      {profile.issues.length > 0 && <IssueList issues={profile.issues} />}
      <div className={classes['layout']}>
        <AttributeTable attributes={profile.attributes} />
        <Stack gap="lg">
          <Facts profile={profile} />
          <SalesforceLinks profile={profile} />
          <Memberships profile={profile} />
        </Stack>
      </div>
      <SyncInspector kind={kind} id={id} />
    </Stack>
  );
}

function Facts({ profile }: { profile: Profile }) {
  return (
    <Paper component="section" p="lg" aria-labelledby="facts-heading">
      <Title order={2} id="facts-heading" mb="sm">
        About
      </Title>
      <dl className="facts">
        <dt>{KIND_WORDS[profile.kind].idLabel}</dt>
        <dd>
          <Group gap={4} wrap="nowrap" align="center">
            <Text component="span" ff="monospace" fz="inherit">
              {profile.id}
            </Text>
            <CopyButton value={profile.id}>
              {({ copied, copy }) => (
                <Tooltip label={copied ? 'Copied' : 'Copy'}>
                  <ActionIcon variant="subtle" color="gray" size="sm" aria-label={copied ? 'Copied' : 'Copy ID'} onClick={copy}>
                    {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
                  </ActionIcon>
                </Tooltip>
              )}
            </CopyButton>
          </Group>
        </dd>
        <dt>Last seen</dt>
        <dd>{profile.last_seen_at ? <RelativeTime at={profile.last_seen_at} /> : 'Never'}</dd>
        <dt>Created</dt>
        <dd>
          <RelativeTime at={profile.created_at} />
        </dd>
      </dl>
    </Paper>
  );
}

function SalesforceLinks({ profile }: { profile: Profile }) {
  const one = KIND_WORDS[profile.kind].one.toLowerCase();
  return (
    <Paper component="section" p="lg" aria-labelledby="salesforce-heading">
      <Group gap="xs" mb="sm">
        <SalesforceCloud label={null} />
        <Title order={2} id="salesforce-heading">
          Salesforce
        </Title>
      </Group>
      {profile.links.length === 0 ? (
        <Text size="sm" c="dimmed">
          No Salesforce record matches this {one}.
        </Text>
      ) : (
        <Stack gap="md">
          {profile.links.map((link) => (
            <dl className="facts" key={`${link.mapping_id} ${link.record_id}`}>
              <dt>{link.object}</dt>
              <dd>
                <Anchor href={link.record_url} target="_blank" rel="noreferrer" className={classes['recordLink'] ?? ''}>
                  {link.record_id}
                  <IconArrowUpRight size={14} role="img" aria-label="(opens Salesforce)" style={{ verticalAlign: '-2px' }} />
                </Anchor>
              </dd>
              <dt>Linked</dt>
              <dd>
                <RelativeTime at={link.linked_at} />
              </dd>
            </dl>
          ))}
        </Stack>
      )}
    </Paper>
  );
}

const MEMBERSHIPS_AT_FIRST = 10;

function Memberships({ profile }: { profile: Profile }) {
  const [showAll, setShowAll] = useState(false);
  const shown = showAll ? profile.memberships : profile.memberships.slice(0, MEMBERSHIPS_AT_FIRST);
  const heading = profile.kind === 'user' ? 'Companies' : 'Members';
  return (
    <Paper component="section" aria-labelledby="memberships-heading">
      <Title order={2} id="memberships-heading" className={classes['cardHead'] ?? ''}>
        {heading}
      </Title>
      {profile.memberships.length === 0 ? (
        <Text size="sm" c="dimmed" px="lg" pb="lg">
          {profile.kind === 'user' ? 'Not a member of any company.' : 'No members.'}
        </Text>
      ) : (
        <ul className={classes['rowList']}>
          {shown.map(({ kind, id, name, attributes }) => (
            <li key={id}>
              <Anchor component={Link} to={profilePath(kind, id)} size="sm" fw={500}>
                {name ?? id}
              </Anchor>
              {Object.entries(attributes).map(([key, value]) => (
                <Text key={key} size="xs" c="dimmed">
                  {key}: {valueWords('string', value)}
                </Text>
              ))}
            </li>
          ))}
          {shown.length < profile.memberships.length && (
            <li>
              <Button variant="subtle" size="compact-sm" onClick={() => setShowAll(true)}>
                Show all {profile.memberships.length}
              </Button>
            </li>
          )}
        </ul>
      )}
    </Paper>
  );
}

function ProfileSkeleton() {
  return (
    <Stack gap="lg" aria-busy aria-label="Loading profile" role="status">
      <Group>
        <Skeleton circle height={52} />
        <Stack gap={8}>
          <Skeleton height={18} width={200} />
          <Skeleton height={10} width={150} />
        </Stack>
      </Group>
      <div className={classes['layout']}>
        <Paper p="lg">
          <Stack gap="lg">
            {Array.from({ length: 7 }, (_, row) => (
              <Group key={row} grow>
                <Skeleton height={11} />
                <Skeleton height={11} />
              </Group>
            ))}
          </Stack>
        </Paper>
        <Paper p="lg">
          <Stack>
            <Skeleton height={11} width="60%" />
            <Skeleton height={11} width="80%" />
            <Skeleton height={11} width="40%" />
          </Stack>
        </Paper>
      </div>
    </Stack>
  );
}
