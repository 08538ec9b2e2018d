import { Stack, Text } from '@mantine/core';

import type { Budget } from '../api/client';
import { busiestHourWords, forecast } from './budget-words';
import classes from './connection.module.css';
import { Meter } from './meter';
import { SectionCard } from './section-card';
import { ShareForm } from './share-form';
import { ToneBadge } from './tone-badge';

/** What syncing costs the org, whether that lasts, and how much it may be. */
export function BudgetCard({ budget }: { budget: Budget }) {
  const { label, tone, words } = forecast(budget, new Date());
  return (
    <SectionCard id="budget" title="API budget" note="Calls to Salesforce in the last 24 hours" aside={<ToneBadge tone={tone}>{label}</ToneBadge>}>
      <Stack gap="md">
        <Text size="sm">{words}</Text>
        <div className={classes['meters']}>
          {budget.own_limit !== null && (
            <Meter label="Syncline, of its share" used={budget.own_used} limit={budget.own_limit} note={busiestHourWords(budget.hours)} />
          )}
          {budget.org_used !== null && budget.org_limit !== null && (
            <Meter label="All programs, of the org’s limit" used={budget.org_used} limit={budget.org_limit} />
          )}
          {budget.deliveries_used !== null && budget.deliveries_limit !== null && (
            <Meter
              label="Change events delivered"
              used={budget.deliveries_used}
              limit={budget.deliveries_limit}
              note={
                budget.deliveries_used >= budget.deliveries_limit
                  ? 'Used up: Salesforce delivers none until older ones lie more than 24 hours back. Syncline asks for changes meanwhile.'
                  : null
              }
            />
          )}
        </div>
        <ShareForm key={budget.share_percent} budget={budget} />
      </Stack>
    </SectionCard>
  );
}
