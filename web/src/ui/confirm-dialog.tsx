import { Alert, Button, Group, Modal, Stack } from '@mantine/core';
import type { ReactNode } from 'react';

interface ConfirmDialogProps {
  /** The question. */
  title: string;
  /** What the button that does it says. */
  action: string;
  mutation: { mutate: () => void; isPending: boolean; error: Error | null };
  opened: boolean;
  onClose: () => void;
  /** What follows from it. */
  children: ReactNode;
}

/** Asks before something is done that can not be undone. */
export function ConfirmDialog({ title, action, mutation, opened, onClose, children }: ConfirmDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        {children}
        {mutation.error !== null && (
          <Alert role="alert" color="red">
            {mutation.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Cancel
          </Button>
          <Button color="red.9" loading={mutation.isPending} onClick={() => mutation.mutate()}>
            {action}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
