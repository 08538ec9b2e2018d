import { ActionIcon, Badge, Button, Group, Menu, Paper, Select, Skeleton, Stack, Text, Title, VisuallyHidden } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowsLeftRight,
  IconArrowUp,
  IconDotsVertical,
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
  IconTrash,
} from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { Link, useNavigate } from 'react-router';

import { deleteMapping, type MadeField, type Mapping, type ProfileKind } from '../api/client';
import { mappingsQuery, salesforceKey, salesforceObjectsQuery } from '../api/queries';
import { useEnv } from '../session/session';
import { ConfirmDialog } from '../ui/confirm-dialog';
import { SalesforceCloud } from '../ui/salesforce-cloud';
import { ErrorState } from '../ui/states';
import { RelativeTime } from '../ui/time';
import { FieldSelect } from './field-select';
import { SALESFORCE_PATH } from './paths';
import classes from './salesforce.module.css';
import { type MappingOrder, useMappingOrder } from './use-mapping-order';
import { useMappingPause } from './use-pause';
import { mappingName, PROFILE_LABEL, userflowMatchLabel } from './words';

const count = new Intl.NumberFormat();
const FIELDS_SHOWN = 6;
const USERFLOW_OBJECTS: { value: ProfileKind; label: string }[] = [
  { value: 'user', label: PROFILE_LABEL.user },
  { value: 'company', label: PROFILE_LABEL.company },
];

export function MappingList() {
  const env = useEnv();
  const query = useQuery(mappingsQuery(env));
  return (
    <Stack component="section" gap="md" aria-labelledby="mappings-heading">
      <Title order={2} id="mappings-heading">
        Mappings
      </Title>
      {query.data !== undefined ? (
        <MappingsInOrder mappings={query.data} />
      ) : query.error === null ? (
        <Paper p="lg" aria-busy>
          <Stack>
            <Skeleton height={14} width="30%" />
            <Skeleton height={11} width="60%" />
          </Stack>
        </Paper>
      ) : (
        <Paper>
          <ErrorState what="Mappings" error={query.error} onRetry={() => void query.refetch()} />
        </Paper>
      )}
      {query.data !== undefined && <NewMappingCard />}
    </Stack>
  );
}

/** The order is the user's to set: of several mappings that feed one attribute, the first that has a link and a value wins. */
function MappingsInOrder({ mappings }: { mappings: Mapping[] }) {
  const order = useMappingOrder(mappings);
  if (mappings.length === 0) return null;
  return (
    <>
      {mappings.length > 1 && (
        <Text size="sm" c="dimmed" mt={-8}>
          In order: where several feed one attribute, the first that has a link and a value wins.
        </Text>
      )}
      <Stack component="ol" gap="md" className={classes['plainList'] ?? ''} aria-label="Mappings in order">
        {mappings.map((mapping, place) => (
          <li key={mapping.id}>
            <MappingCard mapping={mapping} mover={mappings.length > 1 && <Mover mapping={mapping} place={place} order={order} />} />
          </li>
        ))}
      </Stack>
      <VisuallyHidden role="status">{order.said}</VisuallyHidden>
    </>
  );
}

function Mover({ mapping, place, order }: { mapping: Mapping; place: number; order: MappingOrder }) {
  const name = mappingName(mapping);
  return (
    <Group gap={0} wrap="nowrap">
      {([-1, 1] as const).map((by) => {
        const isPossible = order.canMove(place, by);
        return (
          <ActionIcon
            key={by}
            ref={(button) => order.keep(mapping.id, by, button)}
            variant="subtle"
            color="gray"
            size="lg"
            // Stays where focus is: a button that turns off under one's finger loses it.
            aria-disabled={!isPossible}
            className={isPossible ? '' : (classes['spent'] ?? '')}
            aria-label={`Move the mapping of ${name} ${by < 0 ? 'up' : 'down'}`}
            onClick={() => isPossible && order.move(place, by)}
          >
            {by < 0 ? <IconArrowUp size={17} stroke={1.6} /> : <IconArrowDown size={17} stroke={1.6} />}
          </ActionIcon>
        );
      })}
    </Group>
  );
}

function MappingCard({ mapping, mover }: { mapping: Mapping; mover: ReactNode }) {
  const [deleting, setDeleting] = useState(false);
  const pause = useMappingPause(mapping);
  const profile = PROFILE_LABEL[mapping.userflow];
  const name = mappingName(mapping);
  return (
    <Paper component="article" p="lg" aria-label={`Mapping of ${name}`}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Stack gap={4} className={classes['grow'] ?? ''}>
          <Group gap="xs">
            <SalesforceCloud size={15} label={null} />
            <Title order={3} fz="md">
              {mapping.salesforce}
            </Title>
            <IconArrowsLeftRight size={16} stroke={1.6} role="img" aria-label="in step with" />
            <Title order={3} fz="md">
              {profile}
            </Title>
            {mapping.paused && <Badge color="gray">Paused</Badge>}
          </Group>
          <Text size="sm" c="dimmed" className={classes['wrap'] ?? ''}>
            Matched by {mapping.match.salesforce} = {userflowMatchLabel(mapping.match.userflow, new Map())} · {count.format(mapping.links)} linked
            {mapping.waiting > 0 && ` · ${count.format(mapping.waiting)} waiting`}
            {mapping.edited_at && (
              <>
                {' '}
                · edited <RelativeTime at={mapping.edited_at} />
              </>
            )}
          </Text>
        </Stack>
        <Group gap={0} wrap="nowrap">
          {mover}
          <Menu width={180}>
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Actions for the mapping of ${name}`} loading={pause.isPending}>
                <IconDotsVertical size={18} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item
                component={Link}
                to={`${SALESFORCE_PATH}/mappings/${encodeURIComponent(mapping.id)}`}
                leftSection={<IconPencil size={16} aria-hidden />}
              >
                Edit
              </Menu.Item>
              <Menu.Item
                leftSection={mapping.paused ? <IconPlayerPlay size={16} aria-hidden /> : <IconPlayerPause size={16} aria-hidden />}
                onClick={() => pause.mutate(!mapping.paused)}
              >
                {mapping.paused ? 'Resume' : 'Pause'}
              </Menu.Item>
              <Menu.Item
                color="red"
                leftSection={<IconTrash size={16} aria-hidden />}
                onClick={() => setDeleting(true)}
                className={classes['danger'] ?? ''}
              >
                Delete
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </Group>
      </Group>
      <div className={classes['directions']}>
        <FieldPairs heading="Salesforce to Userflow" pairs={mapping.inbound} />
        <FieldPairs heading="Userflow to Salesforce" pairs={mapping.outbound} />
      </div>
      <MadeFields fields={mapping.fields} />
      <DeleteDialog mapping={mapping} name={name} opened={deleting} onClose={() => setDeleting(false)} />
    </Paper>
  );
}

/** Fields that Syncline makes and that take no values yet. */
function MadeFields({ fields }: { fields: MadeField[] }) {
  const unfinished = fields.filter(({ state }) => state !== 'usable');
  if (unfinished.length === 0) return null;
  return (
    <ul className={classes['madeFields']} aria-label="Salesforce fields being made">
      {unfinished.map(({ field, state, detail }) => (
        <li key={field}>
          <Group gap={8}>
            <Badge color={state === 'refused' ? 'red' : 'gray'}>{state === 'refused' ? 'Refused' : 'Being made'}</Badge>
            <Text size="sm" ff="monospace" fz="0.75rem" className={classes['wrap'] ?? ''}>
              {field}
            </Text>
          </Group>
          <Text size="sm" c={state === 'refused' ? undefined : 'dimmed'} mt={2}>
            {detail ?? 'Its values follow as soon as Salesforce shows the field.'}
          </Text>
        </li>
      ))}
    </ul>
  );
}

function FieldPairs({ heading, pairs }: { heading: string; pairs: Mapping['inbound'] }) {
  const [showAll, setShowAll] = useState(false);
  const shown = showAll ? pairs : pairs.slice(0, FIELDS_SHOWN);
  return (
    <div>
      <Text size="xs" fw={600} c="dimmed" mb={6}>
        {heading}
      </Text>
      {pairs.length === 0 ? (
        <Text size="sm" c="dimmed">
          No fields
        </Text>
      ) : (
        <ul className={classes['pairs']}>
          {shown.map(({ from, to }) => (
            <li key={`${from} ${to}`}>
              <span>{from}</span>
              <span className={classes['pairsArrow']} role="img" aria-label="to">
                →
              </span>
              <span>{to}</span>
            </li>
          ))}
        </ul>
      )}
      {shown.length < pairs.length && (
        <Button variant="subtle" size="compact-xs" mt={4} onClick={() => setShowAll(true)}>
          Show all {pairs.length}
        </Button>
      )}
    </div>
  );
}

function DeleteDialog({ mapping, name, opened, onClose }: { mapping: Mapping; name: string; opened: boolean; onClose: () => void }) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const mutation = useMutation({
    mutationFn: () => deleteMapping(env, mapping.id),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: salesforceKey(env) }),
  });
  return (
    <ConfirmDialog title={`Delete the mapping of ${name}?`} action="Delete mapping" mutation={mutation} opened={opened} onClose={onClose}>
      <Text size="sm">
        Its fields stop syncing and its {count.format(mapping.links)} links end. No Salesforce record, user or company is deleted.
      </Text>
    </ConfirmDialog>
  );
}

function NewMappingCard() {
  const env = useEnv();
  const navigate = useNavigate();
  const objects = useQuery(salesforceObjectsQuery(env));
  const [salesforce, setSalesforce] = useState<string | null>(null);
  const [userflow, setUserflow] = useState<ProfileKind | null>(null);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (salesforce === null || userflow === null) return;
    void navigate(`${SALESFORCE_PATH}/mappings/new?${new URLSearchParams({ salesforce, userflow })}`);
  };

  return (
    <form onSubmit={submit} className={classes['dashed']} aria-labelledby="new-mapping-heading">
      <Title order={3} fz="md" id="new-mapping-heading">
        Set up a new mapping between Salesforce and Userflow objects
      </Title>
      <div className={classes['newMapping']}>
        <FieldSelect
          label="Salesforce object"
          placeholder={objects.isPending ? 'Loading…' : 'Choose an object'}
          disabled={objects.isPending}
          error={objects.isError ? `Objects could not be loaded. ${objects.error.message}` : undefined}
          options={objects.data?.data.map(({ name, label }) => ({ value: name, label })) ?? []}
          value={salesforce}
          onChange={setSalesforce}
        />
        <IconArrowsLeftRight size={18} stroke={1.6} className={classes['rowArrow']} aria-hidden />
        <Select
          label="Userflow object"
          placeholder="Choose an object"
          data={USERFLOW_OBJECTS}
          value={userflow}
          onChange={setUserflow}
        />
        <Button type="submit" disabled={salesforce === null || userflow === null}>
          Continue
        </Button>
      </div>
    </form>
  );
}
