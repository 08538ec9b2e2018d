import { Modal, Stack, Text } from '@mantine/core';
import { type NotificationData, notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { type Connection, disconnectSalesforce } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { ConfirmDialog } from '../ui/confirm-dialog';
import { ConnectForm } from './connect-card';

interface Props {
  connection: Connection;
  opened: boolean;
  onClose: () => void;
}

/** The same sign-in as at first, into the same org. */
export function ReconnectDialog({ connection, opened, onClose }: Props) {
  const finish = () => {
    notifications.show({ message: 'Salesforce is connected again.' });
    onClose();
  };
  return (
    <Modal opened={opened} onClose={onClose} title="Reconnect Salesforce" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Text size="sm">
          Sign in again, as the same user or as another one of <b>{connection.organization_name ?? 'this org'}</b>. Mappings and links stay, and sync
          goes on where it stopped.
        </Text>
        <ConnectForm connection={connection} onConnected={finish} />
      </Stack>
    </Modal>
  );
}

export function DisconnectDialog({ connection, opened, onClose }: Props) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const mutation = useMutation({
    mutationFn: () => disconnectSalesforce(env),
    onSuccess: async (disconnection) => {
      await queryClient.invalidateQueries({ queryKey: salesforceKey(env) });
      notifications.show(disconnected(disconnection));
      onClose();
    },
  });
  return (
    <ConfirmDialog title="Disconnect Salesforce?" action="Disconnect" mutation={mutation} opened={opened} onClose={onClose}>
      <Text size="sm">
        Sync with <b>{connection.organization_name ?? 'this org'}</b> stops at once, in both directions, and Syncline gives its access back.
      </Text>
      <Text size="sm">
        Your mappings and all attribute values stay as they are. Connect the same org again to go on. Nothing in Salesforce is deleted.
      </Text>
    </ConfirmDialog>
  );
}

/** What Salesforce has not taken back yet stays on the screen until somebody has read it. */
function disconnected({ revoked }: { revoked: boolean }): NotificationData {
  if (revoked) return { message: 'Salesforce is disconnected, and has taken Syncline’s access back.' };
  return {
    color: 'orange',
    autoClose: false,
    title: 'Salesforce is disconnected',
    message:
      'It did not answer when Syncline gave its access back. Syncline goes on trying for 24 hours; nothing else is sent. To be sure at once, revoke the access in the org: Setup → Connected Apps OAuth Usage.',
  };
}
