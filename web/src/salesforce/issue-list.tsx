import { Alert, Anchor, Badge, Box, Group, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'react-router';

import type { Issue } from '../api/client';
import { profilePath } from '../profiles/words';
import { RelativeTime } from '../ui/time';
import classes from './salesforce.module.css';

/** What could not be synced, why, and what to do about it. On a profile's own page the profile is not named again. */
export function IssueList({ issues, within }: { issues: Issue[]; within: 'profile' | 'connection' }) {
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
              {within === 'connection' && issue.profile_id !== '' && (
                <Anchor component={Link} to={profilePath(issue.profile_kind, issue.profile_id)} size="xs">
                  {issue.profile_id}
                </Anchor>
              )}
              {issue.record_id && <span>Record {issue.record_id}</span>}
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
