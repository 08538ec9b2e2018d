/** Trying issues again, and following what becomes of it until all are tried. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { type IssueFilter, listIssueGroups, retryIssues } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import type { Progress } from './issue-words';

/** Somebody waits for it. */
const LOOK_AGAIN_MS = 500;

interface Asked {
  /** What is tried, as the notice calls it. */
  name: string;
  filter: IssueFilter;
}

interface Attempt extends Asked {
  number: number;
  asked: number;
}

export interface Retry {
  start: (asked: Asked) => void;
  /** Whether these are being tried. */
  isTrying: (filter: IssueFilter) => boolean;
  /** The last attempt: its progress once something is known of it, or why it could not be begun. */
  notice: { name: string; progress: Progress | null; error: Error | null; isDone: boolean } | null;
  dismiss: () => void;
}

const isSame = (one: IssueFilter, other: IssueFilter) => JSON.stringify(one) === JSON.stringify(other);

export function useRetry(): Retry {
  const env = useEnv();
  const queryClient = useQueryClient();
  const [attempt, setAttempt] = useState<Attempt | null>(null);
  const mutation = useMutation({
    mutationFn: ({ filter }: Asked) => retryIssues(env, filter),
    onMutate: () => setAttempt(null),
    onSuccess: ({ issues }, asked) => {
      setAttempt((before) => ({ ...asked, asked: issues, number: (before?.number ?? 0) + Date.now() }));
      return queryClient.invalidateQueries({ queryKey: salesforceKey(env) });
    },
  });

  // Not under the key of live views: what became of an attempt stays what it was when all were tried.
  const query = useQuery({
    queryKey: ['env', env, 'issue-retry', attempt?.number],
    queryFn: ({ signal }) => listIssueGroups(env, attempt?.filter ?? {}, signal),
    enabled: attempt !== null,
    staleTime: Infinity,
    refetchInterval: ({ state }) => (state.data === undefined || state.data.data.some(({ waiting }) => waiting > 0) ? LOOK_AGAIN_MS : false),
  });
  const waiting = query.data?.data.reduce((sum, group) => sum + group.waiting, 0);
  const isDone = attempt !== null && (attempt.asked === 0 || waiting === 0);
  useEffect(() => {
    if (isDone) void queryClient.invalidateQueries({ queryKey: salesforceKey(env) });
  }, [isDone, queryClient, env]);

  const trying = mutation.isPending ? mutation.variables : isDone ? null : attempt;
  const progress = attempt === null ? null : { asked: attempt.asked, left: query.data?.total ?? attempt.asked, waiting: waiting ?? attempt.asked };
  const last = mutation.isPending || mutation.isError ? mutation.variables : attempt;
  return {
    start: (asked) => mutation.mutate(asked),
    isTrying: (filter) => trying !== null && isSame(trying.filter, filter),
    notice: last === null ? null : { name: last.name, progress, error: mutation.error, isDone: isDone || mutation.isError },
    dismiss: () => {
      mutation.reset();
      setAttempt(null);
    },
  };
}
