/** Who is signed in, and which environment the screens show. */
import { createContext, use } from 'react';

import type { EnvironmentRef, Session } from '../api/client';

interface SessionContextValue {
  session: Session;
  environment: EnvironmentRef;
  chooseEnvironment: (id: string) => void;
}

export const SessionContext = createContext<SessionContextValue | null>(null);

export function useSession(): SessionContextValue {
  const value = use(SessionContext);
  if (value === null) throw new Error('useSession outside of RequireSession');
  return value;
}

/** The id of the environment that the screens show. */
export function useEnv(): string {
  return useSession().environment.id;
}
