import { Anchor, Breadcrumbs, Paper, Skeleton, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import { issuesQuery } from '../api/queries';
import { useEnv } from '../session/session';
import { PageTitle } from '../shell/page';
import { ErrorState } from '../ui/states';
import { BudgetCard } from './budget-card';
import { ConnectCard } from './connect-card';
import { ConnectionPanel } from './connection-panel';
import classes from './connection.module.css';
import { ExaminationCard } from './examination-card';
import { FeedsCard } from './feeds-card';
import { IssueList } from './issue-list';
import { MappingList } from './mapping-list';
import { useLiveConnection } from './use-salesforce';

export function SalesforcePage() {
  const query = useLiveConnection();
  const connection = query.data;
  return (
    <Stack gap="lg">
      <Breadcrumbs component="nav" aria-label="Breadcrumbs" separatorMargin="xs">
        <Anchor component={Link} to="/settings/integrations" size="sm">
          Integrations
        </Anchor>
        <Text size="sm" c="dimmed" aria-current="page">
          Salesforce
        </Text>
      </Breadcrumbs>
      <PageTitle>Salesforce</PageTitle>
      {connection === undefined ? (
        query.error === null ? (
          <Paper p="lg" role="status" aria-label="Loading connection">
            <Stack>
              <Skeleton height={16} width="50%" />
              <Skeleton height={11} width="35%" />
              <Skeleton height={60} mt="sm" />
            </Stack>
          </Paper>
        ) : (
          <Paper>
            <ErrorState what="The connection" error={query.error} onRetry={() => void query.refetch()} />
          </Paper>
        )
      ) : connection.status === 'not_connected' ? (
        <ConnectCard connection={connection} />
      ) : (
        <>
          <ConnectionPanel connection={connection} />
          <Issues />
          <MappingList />
          <div className={classes['columns']}>
            <FeedsCard connection={connection} />
            {connection.budget && <BudgetCard budget={connection.budget} />}
          </div>
          {connection.examination && <ExaminationCard status={connection.status} examination={connection.examination} />}
        </>
      )}
    </Stack>
  );
}

function Issues() {
  const env = useEnv();
  const query = useQuery(issuesQuery(env));
  if (query.error !== null && query.data === undefined) {
    return (
      <Paper>
        <ErrorState what="Sync issues" error={query.error} onRetry={() => void query.refetch()} />
      </Paper>
    );
  }
  return query.data === undefined || query.data.data.length === 0 ? null : <IssueList issues={query.data.data} within="connection" />;
}
