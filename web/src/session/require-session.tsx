import { Center, Loader } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Navigate, Outlet, useLocation } from 'react-router';

import { sessionQuery } from '../api/queries';
import { ErrorState } from '../ui/states';
import { SessionContext } from './session';

/** Shows its routes to a signed-in member; anyone else is asked to sign in, and then comes back to where they were going. */
export function RequireSession() {
  const location = useLocation();
  const { data: session, error, refetch } = useQuery(sessionQuery);
  const [chosen, setChosen] = useLocalStorage<string | null>({
    key: 'syncline-environment',
    defaultValue: null,
    getInitialValueInEffect: false,
  });

  if (session === undefined) {
    return (
      <Center component="main" mih="100dvh" p="md">
        {error === null ? <Loader aria-label="Loading" /> : <ErrorState what="Syncline" error={error} onRetry={() => void refetch()} />}
      </Center>
    );
  }
  if (session === null) {
    return <Navigate to="/sign-in" replace state={{ from: location.pathname + location.search }} />;
  }

  const environment = session.environments.find(({ id }) => id === chosen) ?? session.environments[0];
  if (environment === undefined) {
    return (
      <Center component="main" mih="100dvh" p="md">
        You are not a member of any environment. Ask an administrator to add you.
      </Center>
    );
  }
  return (
    <SessionContext value={{ session, environment, chooseEnvironment: setChosen }}>
      <Outlet key={environment.id} />
    </SessionContext>
  );
}
