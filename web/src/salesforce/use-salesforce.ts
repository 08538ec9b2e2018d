import { useQuery, useQueryClient } from '@tanstack/react-query';

import { useLive } from '../api/live';
import { connectionQuery, salesforceKey, sessionQuery } from '../api/queries';
import { useEnv } from '../session/session';

/** The connection of the environment, kept up to date with its mappings and issues while the screen is open. */
export function useLiveConnection() {
  const env = useEnv();
  const queryClient = useQueryClient();
  useLive(
    env,
    'salesforce',
    () => queryClient.invalidateQueries({ queryKey: salesforceKey(env) }),
    () => void queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey }),
  );
  return useQuery(connectionQuery(env));
}
