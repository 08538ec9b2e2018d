import { Alert, Anchor, Badge, Box, Group, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconArrowUpRight } from '@tabler/icons-react';

import type { Issue } from '../api/client';
import { RelativeTime } from '../ui/time';
import classes from './salesforce.module.css';

/** What of one profile could not be synced, why, and what to do about it. */
export function IssueList({ issues }: { issues: Issue[] }) {
  return (
    <Alert
      component="section"
      role="region"
      aria-label="Sync issues"
      color="orange"
      variant="light"
      icon={<IconAlertTriangle aria-hidden />}
      className={classes['issues'] ?? ''}
    >
      <Title order={2} mb="xs">
        {issues.length === 1 ? '1 sync issue' : `${issues.length} sync issues`}
      </Title>
      <Stack component="ul" gap="md" className={classes['plainList'] ?? ''}>
        {issues.map((issue) => (
          <li key={issue.id}>
            <Group gap={8} align="baseline">
              <Text size="sm" fw={600}>
                {issue.cause}
              </Text>
              {issue.field && (
                <Badge color="gray" ff="monospace" size="sm">
                  {issue.field}
                </Badge>
              )}
            </Group>
            <Text size="sm">{issue.remedy}</Text>
            <Box className={classes['issueMeta'] ?? ''}>
              {issue.record_id !== null && issue.record_url !== null && (
                <Anchor href={issue.record_url} target="_blank" rel="noreferrer" size="xs">
                  Record {issue.record_id}
                  <IconArrowUpRight size={14} role="img" aria-label="(opens Salesforce)" style={{ verticalAlign: '-2px' }} />
                </Anchor>
              )}
              <span>
                <RelativeTime at={issue.last_at} />
                {issue.count > 1 && `, ${issue.count} times`}
              </span>
            </Box>
          </li>
        ))}
      </Stack>
    </Alert>
  );
}
