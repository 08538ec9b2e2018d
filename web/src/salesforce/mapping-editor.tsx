import { ActionIcon, Alert, Button, Group, Paper, SegmentedControl, Select, Stack, Text, Title } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconAlertCircle, IconArrowRight, IconPlus, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useEffect, useMemo, useRef, useState } from 'react';
import { Link, useNavigate } from 'react-router';

import { ApiError, type AttributeDefinition, createMapping, type Mapping, type MappingInput, type OutboundSource, type SalesforceObject, updateMapping } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { SalesforceCloud } from '../ui/salesforce-cloud';
import { FieldSelect, type FieldOption } from './field-select';
import { LineOptions } from './line-options';
import {
  canWriteTo,
  type Direction,
  type Draft,
  draftOf,
  type Errors,
  gaps,
  isAttributeName,
  isMadeField,
  newDraft,
  payload,
  placeOfField,
  rowPlace,
  type Suggest,
  suggestedAttribute,
  withNewRow,
  withOptions,
  withoutRow,
  withRowField,
} from './mapping-draft';
import { SALESFORCE_PATH } from './paths';
import { PreviewCard } from './preview-card';
import classes from './salesforce.module.css';
import { SourcePicker } from './source-picker';
import type { SampleOf } from './use-source';
import { PROFILE_LABEL } from './words';

interface MappingEditorProps {
  object: SalesforceObject;
  userflow: Mapping['userflow'];
  attributes: AttributeDefinition[];
  sources: OutboundSource[];
  mapping: Mapping | null;
}

export function MappingEditor({ object, userflow, attributes, sources, mapping }: MappingEditorProps) {
  const env = useEnv();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState<Draft>(() => (mapping === null ? newDraft(object.name, userflow, object.fields) : draftOf(mapping)));
  const [errors, setErrors] = useState<Errors>(new Map());
  const formRef = useRef<HTMLFormElement>(null);

  const mutation = useMutation({
    mutationFn: () => {
      const input = payload(draft, mapping);
      return mapping === null ? createMapping(env, input) : updateMapping(env, mapping.id, input);
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: salesforceKey(env) });
      notifications.show({ message: 'The mapping is saved. Matching records are being synced.' });
      await navigate(SALESFORCE_PATH);
    },
    onError: (error) => {
      const place = error instanceof ApiError ? placeOfField(draft, error.field) : null;
      setErrors(place === null ? new Map() : new Map([[place, error.message]]));
    },
  });

  // The first field in error takes the focus, once it is marked.
  useEffect(() => {
    if (errors.size > 0) formRef.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [errors]);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const found = gaps(draft);
    setErrors(found);
    if (found.size === 0) mutation.mutate();
  };

  const salesforceFields = useMemo(() => fieldOptions(object, () => true), [object]);
  const writableFields = useMemo(() => fieldOptions(object, ({ name, updateable }) => updateable && canWriteTo(name, object.name, draft.matchSalesforce)), [object, draft.matchSalesforce]);
  const attributeOptions = useMemo(() => attributes.map(attributeOption), [attributes]);
  const matchTargets = useMemo(() => [...identityOptions(userflow), ...attributeOptions.filter(({ value }) => value !== 'email')], [userflow, attributeOptions]);
  const sourceOptions = useMemo(() => sources.map(sourceOption), [sources]);
  const madeFields = useMemo(() => new Map(sources.map(({ from, made_field: made }) => [from, made])), [sources]);
  const sampleOf = useMemo<SampleOf>(
    () => ({ input: { ...payload(newDraft(object.name, userflow), null), match: matchOf(draft.matchSalesforce, draft.matchUserflow) }, replaces: mapping?.id ?? null }),
    [object.name, userflow, draft.matchSalesforce, draft.matchUserflow, mapping],
  );
  const hasUnplacedError = mutation.isError && errors.size === 0;
  const profile = PROFILE_LABEL[userflow];

  return (
    <form ref={formRef} onSubmit={submit} noValidate aria-label={`Mapping of ${object.label} and ${profile}`}>
      <Stack gap="lg">
        <Paper p="lg" component="section" aria-labelledby="match-heading">
          <Title order={2} id="match-heading">
            Match objects by
          </Title>
          <Text size="sm" c="dimmed" mb="md">
            A Salesforce record and a {profile.toLowerCase()} are linked when these two are equal.
          </Text>
          <div className={classes['pair']}>
            <FieldSelect
              label={`Salesforce ${object.label}`}
              placeholder="Choose a field"
              options={salesforceFields}
              value={draft.matchSalesforce}
              error={errors.get('match.salesforce')}
              onChange={(value) => setDraft({ ...draft, matchSalesforce: value })}
            />
            <span className={classes['pairSign']} aria-hidden>
              =
            </span>
            <FieldSelect
              label={`Userflow ${profile}`}
              placeholder="Choose an attribute"
              options={matchTargets}
              value={draft.matchUserflow}
              error={errors.get('match.userflow')}
              onChange={(value) => setDraft({ ...draft, matchUserflow: value })}
            />
          </div>
        </Paper>

        <Rows
          direction="inbound"
          heading="Fields to sync from Salesforce to Userflow"
          hint={`These appear on the ${profile.toLowerCase()} as attributes that come from Salesforce. Associations unfold in the list, up to five steps; a path such as Account.Industry can be typed too.`}
          fromLabel={`${object.label} field`}
          toLabel={`${profile} attribute`}
          draft={draft}
          setDraft={setDraft}
          errors={errors}
          source={({ value, label, error, onChange }) => (
            <SourcePicker aria-label={label} object={object} value={value} error={error} onChange={onChange} sampleOf={sampleOf} />
          )}
          fromType={(from) => typeOf(salesforceFields, from)}
          suggest={(from) => suggestedAttribute(object.name, from)}
          toOptions={(from) => inboundTargets(object.name, from, attributeOptions)}
          createTarget={(text) => (isAttributeName(text) ? { value: text, label: text, isNew: true } : null)}
        />
        <Rows
          direction="outbound"
          heading="Fields to sync from Userflow to Salesforce"
          hint={`These are written to the linked ${object.label} whenever they change: attributes, when the ${profile.toLowerCase()} was first and last seen, how often and when an event happened, and the latest answer to a question.`}
          fromLabel={`${profile} attribute`}
          toLabel={`${object.label} field`}
          draft={draft}
          setDraft={setDraft}
          errors={errors}
          source={({ value, label, error, onChange }) => (
            <FieldSelect aria-label={label} placeholder="Choose what to send" options={sourceOptions} value={value} error={error} onChange={onChange} />
          )}
          fromType={(from) => typeOf(sourceOptions, from)}
          suggest={(from) => madeFields.get(from)?.name ?? null}
          toOptions={(from) => outboundTargets(from, writableFields, madeFields)}
          createTarget={(text) => (isMadeField(text) ? { value: text, label: text, isNew: true } : null)}
        />
        <Rules draft={draft} setDraft={setDraft} objectLabel={object.label} profile={profile.toLowerCase()} />
        <PreviewCard draft={draft} objectLabel={object.label} mapping={mapping} />

        {hasUnplacedError && (
          <Alert role="alert" color="red" icon={<IconAlertCircle aria-hidden />} title="The mapping was not saved">
            {mutation.error.message}
          </Alert>
        )}
        <Group justify="flex-end" className={classes['saveBar'] ?? ''}>
          <Button component={Link} to={SALESFORCE_PATH} variant="default">
            Cancel
          </Button>
          <Button type="submit" loading={mutation.isPending}>
            Save mapping
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface RowsProps {
  direction: Direction;
  heading: string;
  hint: string;
  fromLabel: string;
  toLabel: string;
  draft: Draft;
  setDraft: (draft: Draft) => void;
  errors: Errors;
  source: (props: SourceProps) => ReactNode;
  /** The type of a source, where it is known. */
  fromType: (from: string | null) => string | undefined;
  suggest: Suggest;
  toOptions: (from: string | null) => FieldOption[];
  createTarget: (text: string) => FieldOption | null;
}

interface SourceProps {
  label: string;
  value: string | null;
  error: string | undefined;
  onChange: (value: string | null) => void;
}

function Rows(props: RowsProps) {
  const { direction, heading, hint, fromLabel, toLabel, draft, setDraft, errors, source, fromType, suggest, toOptions, createTarget } = props;
  const rows = draft[direction];
  const headingId = `${direction}-heading`;
  const cloud = <SalesforceCloud size={13} label={null} />;
  return (
    <Paper p="lg" component="section" aria-labelledby={headingId}>
      <Title order={2} id={headingId}>
        {heading}
      </Title>
      <Text size="sm" c="dimmed" mb="md">
        {hint}
      </Text>
      {rows.length > 0 && (
        <div className={classes['rowHead']} aria-hidden>
          <span>
            {direction === 'inbound' && cloud} {fromLabel}
          </span>
          <span>
            {direction === 'outbound' && cloud} {toLabel}
          </span>
        </div>
      )}
      <Stack component="ul" gap="sm" className={classes['plainList'] ?? ''}>
        {rows.map((row, index) => (
          <li key={row.key} className={classes['line']}>
            <div className={classes['row']}>
              {source({
                label: `${fromLabel}, line ${index + 1}`,
                value: row.from,
                error: errors.get(rowPlace(direction, row.key, 'from')),
                onChange: (value) => setDraft(withRowField(draft, direction, row.key, 'from', value, suggest)),
              })}
              <IconArrowRight size={18} stroke={1.6} className={classes['lineArrow']} aria-hidden />
              <FieldSelect
                className={classes['lineTarget'] ?? ''}
                aria-label={`${toLabel}, line ${index + 1}`}
                placeholder={direction === 'inbound' ? 'Choose or name an attribute' : 'Choose a field, or make one'}
                options={toOptions(row.from)}
                value={row.to}
                error={errors.get(rowPlace(direction, row.key, 'to'))}
                onChange={(value) => setDraft(withRowField(draft, direction, row.key, 'to', value, suggest))}
                create={createTarget}
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                size={36}
                aria-label={`Remove line ${index + 1}`}
                onClick={() => setDraft(withoutRow(draft, direction, row.key))}
              >
                <IconTrash size={17} stroke={1.6} />
              </ActionIcon>
            </div>
            {(row.from !== null || row.to !== null) && (
            <LineOptions
              direction={direction}
              name={`line ${index + 1}`}
              options={row.options ?? {}}
              fromType={fromType(row.from)}
              toType={typeOf(toOptions(row.from), row.to)}
              error={errors.get(rowPlace(direction, row.key, 'options'))}
              onChange={(options) => setDraft(withOptions(draft, direction, row.key, options))}
            />
            )}
          </li>
        ))}
      </Stack>
      <Button
        variant="subtle"
        size="compact-sm"
        mt={rows.length > 0 ? 'sm' : 0}
        leftSection={<IconPlus size={14} aria-hidden />}
        aria-label={`Add a field from ${direction === 'inbound' ? 'Salesforce to Userflow' : 'Userflow to Salesforce'}`}
        onClick={() => setDraft(withNewRow(draft, direction))}
      >
        Add a field
      </Button>
    </Paper>
  );
}

function typeOf(options: FieldOption[], value: string | null): string | undefined {
  return options.find((option) => option.value === value)?.type;
}

interface RulesProps {
  draft: Draft;
  setDraft: (draft: Draft) => void;
  objectLabel: string;
  profile: string;
}

const DUPLICATES: { value: MappingInput['duplicates']; label: string }[] = [
  { value: 'oldest', label: 'Link the oldest record' },
  { value: 'newest', label: 'Link the last modified record' },
  { value: 'skip', label: 'Link none of them' },
];

const ON_UNLINK: { value: MappingInput['on_unlink']; label: string }[] = [
  { value: 'clear', label: 'Clear its attributes' },
  { value: 'keep', label: 'Keep the values' },
];

function Rules({ draft, setDraft, objectLabel, profile }: RulesProps) {
  const isNarrow = useMediaQuery('(max-width: 26em)');
  return (
    <Paper p="lg" component="section" aria-labelledby="rules-heading">
      <Title order={2} id="rules-heading" mb="md">
        Rules
      </Title>
      <Stack gap="md">
        <Select
          label={`When several ${objectLabel} records match one ${profile}`}
          description="Each such case is also listed as a sync issue."
          maw={420}
          allowDeselect={false}
          data={DUPLICATES}
          value={draft.duplicates}
          onChange={(value) => value !== null && setDraft({ ...draft, duplicates: value })}
        />
        <div>
          <Text size="sm" fw={600} id="unlink-label" mb={4}>
            When a link ends
          </Text>
          <SegmentedControl
            orientation={isNarrow ? 'vertical' : 'horizontal'}
            aria-labelledby="unlink-label"
            data={ON_UNLINK}
            value={draft.onUnlink}
            onChange={(value) => setDraft({ ...draft, onUnlink: value })}
          />
        </div>
      </Stack>
    </Paper>
  );
}

function fieldOptions(object: SalesforceObject, isWanted: (field: SalesforceObject['fields'][number]) => boolean): FieldOption[] {
  return object.fields
    .filter(isWanted)
    .map(({ name, label, type }) => ({ value: name, label, type }))
    .sort((a, b) => a.label.localeCompare(b.label));
}

function attributeOption({ name, display_name, data_type }: AttributeDefinition): FieldOption {
  return { value: name, label: display_name, type: data_type };
}

function sourceOption({ from, title, data_type }: OutboundSource): FieldOption {
  return { value: from, label: title, type: data_type };
}

const matchOf = (salesforce: string | null, userflow: string | null): MappingInput['match'] => ({ salesforce: salesforce ?? '', userflow: userflow ?? '' });

/** The field that would be made for the source first, then those that exist. */
function outboundTargets(from: string | null, fields: FieldOption[], made: ReadonlyMap<string, OutboundSource['made_field']>): FieldOption[] {
  const field = from === null ? undefined : made.get(from);
  if (field === undefined || fields.some(({ value }) => value.toLowerCase() === field.name.toLowerCase())) return fields;
  return [{ value: field.name, label: field.name, type: field.type, isNew: true }, ...fields];
}

function identityOptions(userflow: Mapping['userflow']): FieldOption[] {
  return userflow === 'user'
    ? [
        { value: 'email', label: 'Email', type: 'string' },
        { value: 'user_id', label: 'User ID', type: 'id' },
      ]
    : [{ value: 'company_id', label: 'Company ID', type: 'id' }];
}

/** The suggested new attribute first, then those that exist. */
function inboundTargets(object: string, from: string | null, attributes: FieldOption[]): FieldOption[] {
  if (from === null) return attributes;
  const name = suggestedAttribute(object, from);
  return attributes.some(({ value }) => value === name) ? attributes : [{ value: name, label: name, isNew: true }, ...attributes];
}
