import { Group, Paper, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

import classes from './connection.module.css';

interface Props {
  /** Also where links within the page lead to. */
  id: string;
  title: string;
  /** One line under the title. */
  note?: ReactNode;
  /** At the right of the title. */
  aside?: ReactNode;
  children: ReactNode;
}

/** A titled part of the connection's page. */
export function SectionCard({ id, title, note, aside, children }: Props) {
  return (
    <Paper component="section" aria-labelledby={id} p="lg">
      <Group justify="space-between" align="flex-start" gap="sm" mb="md">
        <Stack gap={2} className={classes['titles'] ?? ''}>
          <Title order={2} id={id} tabIndex={-1} className={classes['target'] ?? ''}>
            {title}
          </Title>
          {note && (
            <Text size="sm" c="dimmed">
              {note}
            </Text>
          )}
        </Stack>
        {aside}
      </Group>
      {children}
    </Paper>
  );
}
