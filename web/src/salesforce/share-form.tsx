import { Button, NumberInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';

import { ApiError, type Budget, setApiShare } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { parseShare, shareWords } from './budget-words';
import classes from './connection.module.css';

const RANGE = 'Enter a whole number from 1 to 100.';

/** How much of the org's calls Syncline may use. */
export function ShareForm({ budget }: { budget: Budget }) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const [typed, setTyped] = useState<string | number>(budget.share_percent);
  const [error, setError] = useState<string | null>(null);
  const mutation = useMutation({
    mutationFn: (percent: number) => setApiShare(env, percent),
    onSuccess: async ({ budget: saved }) => {
      await queryClient.invalidateQueries({ queryKey: salesforceKey(env) });
      if (saved !== null) notifications.show({ message: `Syncline may now use ${saved.share_percent}% of the org’s calls.` });
    },
    onError: (failure) => setError(failure instanceof ApiError ? failure.message : 'The share could not be saved.'),
  });

  const percent = parseShare(typed);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (percent === null) {
      setError(RANGE);
      return;
    }
    setError(null);
    mutation.mutate(percent);
  };

  return (
    <form onSubmit={submit} noValidate className={classes['share']}>
      <NumberInput
        label="Share of the org’s calls"
        description={percent === null ? undefined : (shareWords(percent, budget.org_limit) ?? undefined)}
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        suffix="%"
        min={1}
        max={100}
        clampBehavior="none"
        allowDecimal={false}
        allowNegative={false}
        step={5}
        stepHoldDelay={400}
        stepHoldInterval={80}
        value={typed}
        error={error}
        onChange={(value) => {
          setTyped(value);
          setError(null);
        }}
        className={classes['shareInput'] ?? ''}
      />
      <Button type="submit" variant="default" loading={mutation.isPending} disabled={percent === budget.share_percent} className={classes['shareButton'] ?? ''}>
        Save share
      </Button>
    </form>
  );
}
