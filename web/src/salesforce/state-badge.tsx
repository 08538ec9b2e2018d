import type { Connection } from '../api/client';
import classes from './salesforce.module.css';
import { connectionState } from './words';

/** The live state of a connection: a word, and a dot that repeats it in colour. */
export function StateBadge({ connection }: { connection: Pick<Connection, 'status' | 'stream' | 'feeds'> }) {
  const { label, tone } = connectionState(connection);
  return (
    <span className={classes['state']} data-tone={tone} role="status" aria-label={`Connection state: ${label}`}>
      <span className={classes['dot']} aria-hidden />
      {label}
    </span>
  );
}
