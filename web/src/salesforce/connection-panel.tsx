import { Alert, Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'react-router';

import type { Connection } from '../api/client';
import { RelativeTime } from '../ui/time';
import { forecast } from './budget-words';
import { ConnectForm } from './connect-card';
import { ConnectionMenu } from './connection-menu';
import { outcome } from './examination-words';
import { ISSUES_PATH } from './paths';
import classes from './salesforce.module.css';
import { SalesforceTile } from './salesforce-tile';
import { StateBadge } from './state-badge';
import { StreamLine } from './stream-line';
import { type PauseSwitch, usePauseSwitch } from './use-pause';

const count = new Intl.NumberFormat();

/** As whom and where, how it stands, and at a glance what the rest of the page has to say. */
export function ConnectionPanel({ connection }: { connection: Connection }) {
  const pauseSwitch = usePauseSwitch();
  const { budget, examination } = connection;
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
        <ConnectionMenu connection={connection} pauseSwitch={pauseSwitch} />
      </Group>
      {connection.status === 'reconnect_needed' && <ReconnectAlert connection={connection} />}
      {connection.status === 'paused' && <PausedAlert pauseSwitch={pauseSwitch} />}
      <dl className={classes['figures']}>
        <Figure label="Linked" value={count.format(connection.links)} note={connection.links === 1 ? 'record' : 'records'} />
        <Figure label="Waiting to sync" value={count.format(connection.waiting)} note={connection.waiting === 0 ? 'all in step' : 'right now'} />
        <Figure
          label="Sync issues"
          value={connection.issues === 0 ? '0' : <Link to={ISSUES_PATH}>{count.format(connection.issues)}</Link>}
          note={connection.issues === 0 ? 'none' : 'to look at'}
        />
        {budget && <Figure label="API budget" value={<a href="#budget">{forecast(budget, new Date()).label}</a>} isText />}
        {examination && <Figure label="Checks" value={<a href="#checks">{outcome(examination).label}</a>} isText />}
        {connection.connected_at && <Figure label="Connected" value={<RelativeTime at={connection.connected_at} />} isText />}
      </dl>
    </Paper>
  );
}

function ReconnectAlert({ connection }: { connection: Connection }) {
  return (
    <Alert
      mx="lg"
      mb="lg"
      color="orange"
      className={classes['issues'] ?? ''}
      classNames={{ title: classes['alertTitle'] ?? '' }}
      icon={<IconAlertTriangle aria-hidden />}
      title="Sign in to Salesforce again"
    >
      <Text size="sm" mb="md">
        Nothing is lost: changes on both sides are kept, and sync goes on where it stopped.
      </Text>
      <ConnectForm connection={connection} />
    </Alert>
  );
}

function PausedAlert({ pauseSwitch }: { pauseSwitch: PauseSwitch }) {
  return (
    <Alert
      mx="lg"
      mb="lg"
      color="gray"
      classNames={{ title: classes['alertTitle'] ?? '' }}
      icon={<IconPlayerPause aria-hidden />}
      title="Sync is paused"
    >
      <Text size="sm" mb="sm">
        Nothing is sent to Salesforce and nothing is read from it. Changes on both sides are kept, and follow once you resume.
      </Text>
      <Button
        variant="default"
        size="xs"
        leftSection={<IconPlayerPlay size={14} aria-hidden />}
        loading={pauseSwitch.isPending}
        onClick={() => pauseSwitch.set(false)}
      >
        Resume sync
      </Button>
    </Alert>
  );
}

function Figure({ label, value, note = '', isText = false }: { label: string; value: ReactNode; note?: string; isText?: boolean }) {
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
