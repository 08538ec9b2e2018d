import { Button, Group, Modal, Stack, Text } from '@mantine/core';

import { SalesforceTile } from './salesforce-tile';

export function AddSalesforceDialog({ opened, onClose, onAdd }: { opened: boolean; onClose: () => void; onAdd: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Salesforce" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Group wrap="nowrap" align="flex-start">
          <SalesforceTile size={44} />
          <Text size="sm">
            Fields of contacts, leads, accounts and custom objects appear on your users and companies as they change, and attributes go back to
            Salesforce. Syncline creates no records: it links those that are on both sides.
          </Text>
        </Group>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button onClick={onAdd} data-autofocus>
            Add Salesforce
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
