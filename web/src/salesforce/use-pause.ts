import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { pauseSalesforce, resumeSalesforce } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';

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
