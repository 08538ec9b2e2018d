import { Alert, Button, Group, Paper, Skeleton, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'react-router';

import { PageTitle } from '../shell/page';
import { ErrorState } from '../ui/states';
import { Trail } from '../ui/trail';
import { BudgetCard } from './budget-card';
import { ConnectCard } from './connect-card';
import { ConnectionPanel } from './connection-panel';
import { ExaminationCard } from './examination-card';
import { FeedsCard } from './feeds-card';
import { issuesWords } from './issue-words';
import { MappingList } from './mapping-list';
import { INTEGRATIONS_STEP, ISSUES_PATH } from './paths';
import panelClasses from './salesforce.module.css';
import { useLiveConnection } from './use-salesforce';

export function SalesforcePage() {
  const query = useLiveConnection();
  const connection = query.data;
  return (
    <Stack gap="lg">
      <Trail steps={[INTEGRATIONS_STEP]} here="Salesforce" />
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
          <Issues issues={connection.issues} />
          <MappingList />
          <FeedsCard connection={connection} />
          {connection.budget && <BudgetCard budget={connection.budget} />}
          {connection.examination && <ExaminationCard status={connection.status} examination={connection.examination} />}
        </>
      )}
    </Stack>
  );
}

function Issues({ issues }: { issues: number }) {
  if (issues === 0) return null;
  return (
    <Alert
      component="section"
      role="region"
      aria-label="Sync issues"
      color="orange"
      variant="light"
      icon={<IconAlertTriangle aria-hidden />}
      className={panelClasses['issues'] ?? ''}
    >
      <Group justify="space-between" gap="sm">
        <Text size="sm">
          <b>{issuesWords(issues)}</b> with {issues === 1 ? 'its' : 'their'} reasons, and what to do about {issues === 1 ? 'it' : 'them'}.
        </Text>
        <Button component={Link} to={ISSUES_PATH} size="xs" variant="default">
          See sync issues
        </Button>
      </Group>
    </Alert>
  );
}
