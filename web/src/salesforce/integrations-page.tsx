import { Anchor, Button, Group, Menu, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconChevronDown, IconPlugConnected, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';

import type { Connection } from '../api/client';
import { PageTitle } from '../shell/page';
import { EmptyState, ErrorState } from '../ui/states';
import { AddSalesforceDialog } from './add-salesforce-dialog';
import { SALESFORCE_PATH } from './paths';
import classes from './salesforce.module.css';
import { SalesforceTile } from './salesforce-tile';
import { StateBadge } from './state-badge';
import { StreamLine } from './stream-line';
import { useLiveConnection } from './use-salesforce';

export function IntegrationsPage() {
  const query = useLiveConnection();
  const connection = query.data;
  const isConnected = connection !== undefined && connection.status !== 'not_connected';

  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-end">
        <div>
          <PageTitle>Integrations</PageTitle>
          <Text c="dimmed" size="sm" mt={2}>
            Other systems that this environment is kept in step with.
          </Text>
        </div>
        {connection !== undefined && !isConnected && <AddIntegration />}
      </Group>
      {connection === undefined ? (
        query.error === null ? (
          <Paper p="lg" aria-busy>
            <Group>
              <Skeleton height={44} width={44} radius="md" />
              <Stack gap={8}>
                <Skeleton height={14} width={140} />
                <Skeleton height={10} width={240} />
              </Stack>
            </Group>
          </Paper>
        ) : (
          <Paper>
            <ErrorState what="Integrations" error={query.error} onRetry={() => void query.refetch()} />
          </Paper>
        )
      ) : isConnected ? (
        <ConnectionCard connection={connection} />
      ) : (
        <Paper>
          <EmptyState icon={<IconPlugConnected size={24} stroke={1.6} />} title="No integrations yet">
            Add Salesforce to keep contacts, leads and accounts in step with your users and companies, in both directions, as they change.
          </EmptyState>
        </Paper>
      )}
    </Stack>
  );
}

function AddIntegration() {
  const navigate = useNavigate();
  const [adding, setAdding] = useState(false);
  return (
    <>
      <Menu width={260}>
        <Menu.Target>
          <Button leftSection={<IconPlus size={16} aria-hidden />} rightSection={<IconChevronDown size={14} aria-hidden />}>
            Add integration
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<SalesforceTile size={28} />} onClick={() => setAdding(true)}>
            Salesforce
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <AddSalesforceDialog opened={adding} onClose={() => setAdding(false)} onAdd={() => void navigate(SALESFORCE_PATH)} />
    </>
  );
}

function ConnectionCard({ connection }: { connection: Connection }) {
  return (
    <Paper p="lg">
      <Group justify="space-between" align="flex-start" gap="md">
        <Group gap="md" wrap="nowrap" align="flex-start" className={classes['grow'] ?? ''}>
          <SalesforceTile size={44} />
          <Stack gap={4} miw={0}>
            <Group gap="sm">
              <Title order={2}>
                <Anchor component={Link} to={SALESFORCE_PATH} inherit c="inherit" className="plain-link">
                  Salesforce
                </Anchor>
              </Title>
              <StateBadge connection={connection} />
            </Group>
            <Text size="sm" className={classes['wrap'] ?? ''}>
              Connected as <b>{connection.username ?? 'an unknown user'}</b> at{' '}
              <b>{connection.organization_name ?? connection.organization_id ?? 'an unknown organization'}</b>
            </Text>
            <StreamLine connection={connection} />
          </Stack>
        </Group>
        <Button component={Link} to={SALESFORCE_PATH} variant="default">
          Manage
        </Button>
      </Group>
    </Paper>
  );
}
