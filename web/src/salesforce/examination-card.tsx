import { Alert, Badge, Button, Collapse, Group, Text } from '@mantine/core';
import { IconAlertTriangle, IconChevronDown, IconCircleCheck, IconCircleX, IconHelpCircle, IconStethoscope } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useId, useState } from 'react';

import { type Connection, type Examination, examineSalesforce, type Finding } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { RelativeTime } from '../ui/time';
import classes from './connection.module.css';
import { openFindings, outcome, passedWords, VERDICT_LABEL } from './examination-words';
import { SectionCard } from './section-card';
import { ToneBadge } from './tone-badge';

const ICONS: Record<Finding['verdict'], ReactNode> = {
  problem: <IconCircleX size={20} aria-hidden />,
  warning: <IconAlertTriangle size={20} aria-hidden />,
  unknown: <IconHelpCircle size={20} aria-hidden />,
  good: <IconCircleCheck size={20} aria-hidden />,
};

/** What was checked, what is wrong, and what to do about it. */
export function ExaminationCard({ status, examination }: { status: Connection['status']; examination: Examination }) {
  const { at, requested, findings } = examination;
  const { label, tone } = outcome(examination);
  const open = openFindings(findings);
  const good = findings.filter(({ verdict }) => verdict === 'good');
  return (
    <SectionCard
      id="checks"
      title="Checks"
      note={
        <span role="status">
          {requested ? (
            status === 'connected' ? 'Checking now…' : 'Checks run once sync goes on.'
          ) : at === null ? (
            'What could keep records from being synced: permissions, fields, limits, settings of the org.'
          ) : (
            <>
              Last run <RelativeTime at={at} />
            </>
          )}
        </span>
      }
      aside={
        <Group gap="sm">
          <ToneBadge tone={tone}>{label}</ToneBadge>
          {status === 'connected' && <CheckNow isRunning={requested} />}
        </Group>
      }
    >
      {at === null ? (
        <Text size="sm" c="dimmed">
          {requested ? 'The first results are here in a few seconds.' : 'Checks run by themselves after connecting, after a mapping was saved, and once a day.'}
        </Text>
      ) : (
        <>
          {open.length > 0 && <Findings label="To look at" findings={open} />}
          {good.length > 0 && <Passed findings={good} isAll={open.length === 0} />}
        </>
      )}
    </SectionCard>
  );
}

function CheckNow({ isRunning }: { isRunning: boolean }) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const mutation = useMutation({
    mutationFn: () => examineSalesforce(env),
    onSettled: () => queryClient.invalidateQueries({ queryKey: salesforceKey(env) }),
  });
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconStethoscope size={16} aria-hidden />}
        loading={isRunning || mutation.isPending}
        onClick={() => mutation.mutate()}
      >
        Check now
      </Button>
      {mutation.isError && (
        <Alert role="alert" color="red" p="xs">
          {mutation.error.message}
        </Alert>
      )}
    </>
  );
}

function Findings({ label, findings }: { label: string; findings: Finding[] }) {
  return (
    <ul className={classes['rows']} aria-label={label}>
      {findings.map((finding) => (
        <li key={`${finding.check} ${finding.subject ?? ''}`} className={classes['finding']} data-verdict={finding.verdict}>
          <span className={classes['findingIcon']}>{ICONS[finding.verdict]}</span>
          <div>
            <Group gap={8} align="baseline">
              <Text size="xs" fw={650} className={classes['verdict'] ?? ''}>
                {VERDICT_LABEL[finding.verdict]}
              </Text>
              {finding.subject && (
                <Badge color="gray" ff="monospace" size="sm" className={classes['subject'] ?? ''}>
                  {finding.subject}
                </Badge>
              )}
            </Group>
            <Text size="sm" className={classes['breakable'] ?? ''}>
              {finding.message}
            </Text>
            {finding.remedy && (
              <Text size="sm" mt={4} className={classes['breakable'] ?? ''}>
                <b>What to do:</b> {finding.remedy}
              </Text>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

function Passed({ findings, isAll }: { findings: Finding[]; isAll: boolean }) {
  const [opened, setOpened] = useState(false);
  const id = useId();
  return (
    <div className={isAll ? '' : classes['passed']}>
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        aria-expanded={opened}
        aria-controls={id}
        onClick={() => setOpened(!opened)}
        leftSection={<IconCircleCheck size={18} className={classes['goodIcon'] ?? ''} aria-hidden />}
        rightSection={<IconChevronDown size={14} className={classes['chevron'] ?? ''} data-opened={opened} aria-hidden />}
        className={classes['fold'] ?? ''}
      >
        {passedWords(findings.length)}
      </Button>
      <Collapse expanded={opened} id={id}>
        <div className={classes['folded']}>
          <Findings label="Passed" findings={findings} />
        </div>
      </Collapse>
    </div>
  );
}
