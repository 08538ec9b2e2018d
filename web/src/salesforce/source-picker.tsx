/**
 * A combobox for the source of an inbound line: fields of the object, and associations that unfold step by step. What is typed is the
 * path itself, so typing and choosing are one: choosing an association types its name and a full stop.
 */
import { Combobox, Text } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';

import type { SalesforceObject } from '../api/client';
import { Picker, SHOWN_AT_ONCE, usePicker } from '../ui/picker';
import classes from './salesforce.module.css';
import { isAssociatedField } from './mapping-draft';
import { fieldAt, matching, optionsAt, partsOf, type SourceOption } from './source-path';
import { type SampleOf, usePlace, useSample } from './use-source';

interface SourcePickerProps {
  'aria-label': string;
  object: SalesforceObject;
  value: string | null;
  onChange: (value: string) => void;
  error?: string | undefined;
  sampleOf: SampleOf;
}

export function SourcePicker({ object, value, onChange, sampleOf, ...props }: SourcePickerProps) {
  const picker = usePicker();
  const { typed, setTyped } = picker;

  const chosen = partsOf(value ?? '');
  const chosenField = fieldAt(usePlace(object, chosen.steps), chosen.rest);
  const chosenLabel = value === null ? '' : (chosenField?.label ?? value);

  // Until something is typed, the whole list of the place where the chosen field is.
  const { steps, rest } = typed === null ? { steps: chosen.steps, rest: '' } : partsOf(typed);
  const place = usePlace(object, steps);
  const sample = useSample(sampleOf, place, steps, object, picker.store.dropdownOpened);
  const { fields, associations } = optionsAt(place);
  const found = { fields: matching(fields, rest), associations: matching(associations, rest) };
  const drawn = { fields: found.fields.slice(0, SHOWN_AT_ONCE), associations: found.associations.slice(0, SHOWN_AT_ONCE) };
  const isWritten = typed !== null && found.fields.length === 0 && place.lost === null && place.objects.length === 0 && isAssociatedField(typed);
  const asTyped = isWritten && !place.isPending ? [typed] : [];
  const matches = [...drawn.fields, ...drawn.associations].map(({ path }) => path).concat(asTyped);

  const choose = (path: string) => {
    if (path.endsWith('.') || path === '') {
      setTyped(path);
      return;
    }
    onChange(path);
    picker.store.closeDropdown();
  };
  const where = [object.label, ...place.labels].join(' › ');

  return (
    <Picker
      {...props}
      picker={picker}
      placeholder="Choose a field"
      chosen={chosenLabel}
      onChoose={choose}
      matches={matches}
      lead={steps.length > 0 ? 1 : 0}
      total={found.fields.length}
      isPending={place.isPending}
      listLabel={`Fields of ${where}`}
      dropdownClassName={classes['source']}
      onKeyDown={(event) => {
        // The way back, where there is nothing left of the field's own name to take away.
        if (event.key === 'ArrowLeft' && event.altKey && picker.store.dropdownOpened && steps.length > 0) {
          event.preventDefault();
          choose(back(place.prefix));
        }
      }}
    >
      {steps.length > 0 && (
        <Combobox.Option value={back(place.prefix)} className={classes['sourceBack'] ?? ''}>
          ‹ Back, from {where}
        </Combobox.Option>
      )}
      <Options options={drawn.fields} sample={sample} />
      {drawn.associations.length > 0 && (
        <Combobox.Group label="Associated records">
          <Options options={drawn.associations} sample={{}} />
        </Combobox.Group>
      )}
      {asTyped.map((path) => (
        <Combobox.Option key={path} value={path}>
          <Text size="sm">{path}</Text>
          <Text size="xs" c="dimmed">
            as typed; it is checked when you save
          </Text>
        </Combobox.Option>
      ))}
      {matches.length === 0 && (
        <Combobox.Empty>
          {place.isPending
            ? `Asking for the fields of ${where}…`
            : place.lost !== null
              ? `${object.label} has no association “${place.lost}”.`
              : (place.error?.message ?? 'Nothing found')}
        </Combobox.Empty>
      )}
    </Picker>
  );
}

/** The way without its last association. */
const back = (prefix: string): string => prefix.replace(/[^.]+\.$/, '');

function Options({ options, sample }: { options: SourceOption[]; sample: Record<string, string> }) {
  return options.map(({ path, label, type, leadsTo }) => {
    const value = sample[path.split('.').at(-1) ?? ''];
    return (
      <Combobox.Option key={path} value={path}>
        <span className={classes['sourceOption']}>
          <span>
            <Text span size="sm" className={classes['wrap'] ?? ''}>
              {label}
            </Text>
            <Text span size="xs" c="dimmed" ff="monospace" className={classes['wrap'] ?? ''} display="block">
              {path}
            </Text>
          </span>
          <span className={classes['sourceMeta']}>
            <Text span size="xs" c="dimmed">
              {type}
            </Text>
            {value !== undefined && (
              <Text span size="xs" className={classes['sourceSample'] ?? ''} title={value}>
                {value}
              </Text>
            )}
          </span>
          {leadsTo.length > 0 && <IconChevronRight size={15} stroke={1.6} role="img" aria-label="unfolds" />}
        </span>
      </Combobox.Option>
    );
  });
}
