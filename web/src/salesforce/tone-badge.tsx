import type { ReactNode } from 'react';

import classes from './salesforce.module.css';
import type { Tone } from './words';

/** A word, and a dot that repeats in colour how good it is. */
export function ToneBadge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={classes['state']} data-tone={tone}>
      <span className={classes['dot']} aria-hidden />
      {children}
    </span>
  );
}
