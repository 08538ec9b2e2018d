import { Anchor, Breadcrumbs, Text } from '@mantine/core';
import { Link } from 'react-router';

export interface Step {
  to: string;
  label: string;
}

/** The way to a page from above; the page itself where its name is known. */
export function Trail({ steps, here }: { steps: Step[]; here?: string }) {
  return (
    <Breadcrumbs component="nav" aria-label="Breadcrumbs" separatorMargin="xs">
      {steps.map(({ to, label }) => (
        <Anchor key={to} component={Link} to={to} size="sm">
          {label}
        </Anchor>
      ))}
      {here !== undefined && (
        <Text size="sm" c="dimmed" truncate aria-current="page">
          {here}
        </Text>
      )}
    </Breadcrumbs>
  );
}
