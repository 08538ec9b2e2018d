import { Button, Center } from '@mantine/core';
import { IconBug, IconMapOff } from '@tabler/icons-react';
import { Link } from 'react-router';

import { EmptyState } from '../ui/states';
import { PageTitle } from './page';

export function NotFoundPage() {
  return (
    <>
      <PageTitle>Page not found</PageTitle>
      <EmptyState
        icon={<IconMapOff size={24} stroke={1.6} />}
        title="There is nothing at this address"
        action={
          <Button component={Link} to="/users" variant="default">
            Go to users
          </Button>
        }
      >
        The link may be old, or mistyped.
      </EmptyState>
    </>
  );
}

/** Shown when a screen itself broke. */
export function CrashPage() {
  return (
    <Center component="main" mih="100dvh">
      <EmptyState
        icon={<IconBug size={24} stroke={1.6} />}
        title="Something went wrong on this page"
        action={<Button onClick={() => window.location.assign('/')}>Start again</Button>}
      >
        Your data is safe: this is a fault of the screen, not of the synchronization.
      </EmptyState>
    </Center>
  );
}
