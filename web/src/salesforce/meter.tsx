import { Text } from '@mantine/core';
import { useId } from 'react';

import { usedPercent, usedWords } from './budget-words';
import classes from './connection.module.css';

/** How much of a limit is used: in numbers, and as a bar. */
export function Meter({ label, used, limit, note }: { label: string; used: number; limit: number; note?: string | null }) {
  const id = useId();
  const percent = usedPercent(used, limit);
  return (
    <div>
      <div className={classes['meterHead']}>
        <Text size="sm" fw={600} id={id}>
          {label}
        </Text>
        <Text size="sm" className={classes['number'] ?? ''}>
          {usedWords(used, limit)}
        </Text>
      </div>
      <div
        role="meter"
        aria-labelledby={id}
        aria-valuemin={0}
        aria-valuemax={limit}
        aria-valuenow={Math.min(used, limit)}
        aria-valuetext={usedWords(used, limit)}
        className={classes['bar']}
      >
        {/* A trace of use is still seen. */}
        <div className={classes['barFill']} data-full={percent >= 100} style={{ width: `${used > 0 ? Math.max(percent, 0.75) : 0}%` }} />
      </div>
      {note && (
        <Text size="xs" c="dimmed" mt={4}>
          {note}
        </Text>
      )}
    </div>
  );
}
