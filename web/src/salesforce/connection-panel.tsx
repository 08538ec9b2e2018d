import { ActionIcon, Alert, Button, Group, Menu, Modal, Paper, Stack, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle, IconArrowUpRight, IconDotsVertical, IconPlugConnectedX } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';

import { type Connection, disconnectSalesforce } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { RelativeTime } from '../ui/time';
import { ConnectForm } from './connect-card';
import classes from './salesforce.module.css';
import { SalesforceTile } from './salesforce-tile';
import { StateBadge } from './state-badge';
import { StreamLine } from './stream-line';

const count = new Intl.NumberFormat();

export function ConnectionPanel({ connection }: { connection: Connection }) {
  const [disconnecting, setDisconnecting] = useState(false);
  return (
    <Paper component="section" aria-labelledby="connection-heading">
      <Group wrap="nowrap" align="flex-start" gap="md" p="lg">
        <SalesforceTile size={44} />
        <Stack gap={4} className={classes['grow'] ?? ''}>
          <Group gap="sm">
            <Title order={2} id="connection-heading" className={classes['wrap'] ?? ''}>
              Connected as {connection.username ?? 'an unknown user'} at{' '}
              {connection.organization_name ?? connection.organization_id ?? 'an unknown organization'}
            </Title>
            <StateBadge connection={connection} />
          </Group>
          <StreamLine connection={connection} />
        </Stack>
        <Menu width={200}>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Connection actions">
              <IconDotsVertical size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {connection.instance_url && (
              <Menu.Item
                component="a"
                href={connection.instance_url}
                target="_blank"
                rel="noreferrer"
                leftSection={<IconArrowUpRight size={16} aria-hidden />}
              >
                Open Salesforce
              </Menu.Item>
            )}
            <Menu.Item
              color="red"
              leftSection={<IconPlugConnectedX size={16} aria-hidden />}
              onClick={() => setDisconnecting(true)}
              className={classes['danger'] ?? ''}
            >
              Disconnect
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </Group>
      {connection.status === 'reconnect_needed' && (
        <Alert mx="lg" mb="lg" color="orange" className={classes['issues'] ?? ''} classNames={{ title: classes['alertTitle'] ?? '' }} icon={<IconAlertTriangle aria-hidden />} title="Sign in to Salesforce again">
          <Text size="sm" mb="md">
            Nothing is lost: changes on both sides are kept, and sync goes on where it stopped.
          </Text>
          <ConnectForm loginUrls={connection.login_urls} />
        </Alert>
      )}
      <dl className={classes['figures']}>
        <Figure label="Linked" value={count.format(connection.links)} note={connection.links === 1 ? 'record' : 'records'} />
        <Figure label="Waiting to sync" value={count.format(connection.waiting)} note={connection.waiting === 0 ? 'all in step' : 'right now'} />
        <Figure label="Sync issues" value={count.format(connection.issues)} note={connection.issues === 0 ? 'none' : 'see below'} />
        {connection.api_calls && (
          <Figure
            label="API calls, last 24 hours"
            value={count.format(connection.api_calls.used)}
            note={`of ${count.format(connection.api_calls.limit)}`}
          />
        )}
        {connection.connected_at && <Figure label="Connected" value={<RelativeTime at={connection.connected_at} />} note="" isText />}
      </dl>
      <DisconnectDialog connection={connection} opened={disconnecting} onClose={() => setDisconnecting(false)} />
    </Paper>
  );
}

function Figure({ label, value, note, isText = false }: { label: string; value: ReactNode; note: string; isText?: boolean }) {
  return (
    <div className={classes['figure']}>
      <dt>{label}</dt>
      <dd>
        <span className={isText ? classes['figureText'] : classes['figureValue']}>{value}</span>
        {note !== '' && <span className={classes['figureNote']}>{note}</span>}
      </dd>
    </div>
  );
}

function DisconnectDialog({ connection, opened, onClose }: { connection: Connection; opened: boolean; onClose: () => void }) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const mutation = useMutation({
    mutationFn: () => disconnectSalesforce(env),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: salesforceKey(env) });
      notifications.show({ message: 'Salesforce is disconnected.' });
      onClose();
    },
  });
  return (
    <Modal opened={opened} onClose={onClose} title="Disconnect Salesforce?" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Text size="sm">
          Sync with <b>{connection.organization_name ?? 'this org'}</b> stops at once, in both directions, and Syncline gives its access back.
        </Text>
        <Text size="sm">
          Your mappings and all attribute values stay as they are. Connect the same org again to go on. Nothing in Salesforce is deleted.
        </Text>
        {mutation.isError && (
          <Alert role="alert" color="red">
            {mutation.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Cancel
          </Button>
          <Button color="red.9" loading={mutation.isPending} onClick={() => mutation.mutate()}>
            Disconnect
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
