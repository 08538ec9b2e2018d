import { ActionIcon, Menu } from '@mantine/core';
import { IconArrowUpRight, IconDotsVertical, IconPlayerPause, IconPlayerPlay, IconPlugConnectedX, IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';

import type { Connection } from '../api/client';
import { DisconnectDialog, ReconnectDialog } from './connection-dialogs';
import classes from './salesforce.module.css';
import type { PauseSwitch } from './use-pause';

/** What can be done to a connection that stands. */
export function ConnectionMenu({ connection, pauseSwitch }: { connection: Connection; pauseSwitch: PauseSwitch }) {
  const [dialog, setDialog] = useState<'reconnect' | 'disconnect' | null>(null);
  const close = () => setDialog(null);
  const isPaused = connection.status === 'paused';
  return (
    <>
      <Menu width={200}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Connection actions" loading={pauseSwitch.isPending}>
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
          {connection.status !== 'reconnect_needed' && (
            <Menu.Item
              leftSection={isPaused ? <IconPlayerPlay size={16} aria-hidden /> : <IconPlayerPause size={16} aria-hidden />}
              onClick={() => pauseSwitch.set(!isPaused)}
            >
              {isPaused ? 'Resume' : 'Pause'}
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconRefresh size={16} aria-hidden />} onClick={() => setDialog('reconnect')}>
            Reconnect
          </Menu.Item>
          <Menu.Item
            color="red"
            leftSection={<IconPlugConnectedX size={16} aria-hidden />}
            onClick={() => setDialog('disconnect')}
            className={classes['danger'] ?? ''}
          >
            Disconnect
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ReconnectDialog connection={connection} opened={dialog === 'reconnect'} onClose={close} />
      <DisconnectDialog connection={connection} opened={dialog === 'disconnect'} onClose={close} />
    </>
  );
}
