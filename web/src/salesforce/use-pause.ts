import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { type Mapping, pauseMapping, pauseSalesforce, resumeMapping, resumeSalesforce } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { mappingName } from './words';

export interface PauseSwitch {
  set: (isPaused: boolean) => void;
  isPending: boolean;
}

/** Pausing answers once nothing is sent any more, which may take a moment. */
export function usePauseSwitch(): PauseSwitch {
  const env = useEnv();
  const queryClient = useQueryClient();
  const mutation = useMutation({
    mutationFn: (isPaused: boolean) => (isPaused ? pauseSalesforce(env) : resumeSalesforce(env)),
    onSettled: () => queryClient.invalidateQueries({ queryKey: salesforceKey(env) }),
    onSuccess: (_, isPaused) => void notifications.show({ message: isPaused ? 'Sync is paused.' : 'Sync goes on.' }),
    onError: (error, isPaused) =>
      void notifications.show({ color: 'red', title: isPaused ? 'Sync could not be paused' : 'Sync could not be resumed', message: error.message }),
  });
  return { set: (isPaused) => mutation.mutate(isPaused), isPending: mutation.isPending };
}

/** The same for one mapping, which answers at once. */
export function useMappingPause(mapping: Mapping) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const name = mappingName(mapping);
  return useMutation({
    mutationFn: (isPaused: boolean) => (isPaused ? pauseMapping(env, mapping.id) : resumeMapping(env, mapping.id)),
    onSettled: () => queryClient.invalidateQueries({ queryKey: salesforceKey(env) }),
    onSuccess: (_, isPaused) =>
      void notifications.show({ message: isPaused ? `The mapping of ${name} is paused. What changes is kept for it.` : `The mapping of ${name} goes on.` }),
    onError: (error, isPaused) =>
      void notifications.show({
        color: 'red',
        title: `The mapping of ${name} could not be ${isPaused ? 'paused' : 'resumed'}`,
        message: error.message,
      }),
  });
}
