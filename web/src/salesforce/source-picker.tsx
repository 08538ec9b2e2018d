/**
 * A combobox for the source of an inbound line: fields of the object, and associations that unfold step by step. What is typed is the
 * path itself, so typing and choosing are one: choosing an association types its name and a full stop.
 */
import { Combobox, InputBase, Loader, Text, useCombobox } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { useEffect, useState } from 'react';

import type { SalesforceObject } from '../api/client';
import classes from './salesforce.module.css';
import { isAssociatedField } from './mapping-draft';
import { fieldAt, matching, optionsAt, partsOf, type SourceOption } from './source-path';
import { type SampleOf, usePlace, useSample } from './use-source';

/** Long field lists render only so many; typing narrows them. */
const SHOWN_AT_ONCE = 200;

interface SourcePickerProps {
  'aria-label': string;
  object: SalesforceObject;
  value: string | null;
  onChange: (value: string) => void;
  error?: string | undefined;
  sampleOf: SampleOf;
}

export function SourcePicker({ object, value, onChange, error, sampleOf, ...props }: SourcePickerProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const isOpen = combobox.dropdownOpened;

  const chosen = partsOf(value ?? '');
  const chosenField = fieldAt(usePlace(object, chosen.steps), chosen.rest);
  const chosenLabel = value === null ? '' : (chosenField?.label ?? value);

  // Until something is typed, the whole list of the place where the chosen field is.
  const { steps, rest } = typed === null ? { steps: chosen.steps, rest: '' } : partsOf(typed);
  const place = usePlace(object, steps);
  const sample = useSample(sampleOf, place, steps, object, isOpen);
  const { fields, associations } = optionsAt(place);
  const found = { fields: matching(fields, rest), associations: matching(associations, rest) };
  const asTyped = typed !== null && found.fields.length === 0 && place.lost === null && place.objects.length === 0 && isAssociatedField(typed) ? typed : null;

  // Enter takes the first that matches, never the way back.
  const first = steps.length > 0 ? 1 : 0;
  useEffect(() => {
    if (isOpen && typed !== null) combobox.selectOption(first);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the store is a new object on each drawing
  }, [typed, isOpen, first, place.isPending]);

  const open = () => {
    if (!isOpen) combobox.openDropdown();
  };
  const choose = (path: string) => {
    if (path.endsWith('.') || path === '') {
      setTyped(path);
      return;
    }
    onChange(path);
    setTyped(null);
    combobox.closeDropdown();
  };
  const where = [object.label, ...place.labels].join(' › ');

  return (
    <Combobox store={combobox} withinPortal={false} position="bottom-start" shadow="md" onOptionSubmit={choose}>
      <Combobox.Target withExpandedAttribute>
        <InputBase
          {...props}
          placeholder="Choose a field"
          error={error}
          value={typed ?? chosenLabel}
          rightSection={place.isPending && isOpen ? <Loader size={16} /> : <Combobox.Chevron />}
          rightSectionPointerEvents="none"
          onClick={open}
          onFocus={(event) => event.currentTarget.select()}
          onChange={(event) => {
            open();
            setTyped(event.currentTarget.value);
          }}
          onBlur={() => {
            combobox.closeDropdown();
            setTyped(null);
          }}
          onKeyDown={(event) => {
            // The way back, where there is nothing left of the field's own name to take away.
            if (event.key === 'ArrowLeft' && event.altKey && isOpen && steps.length > 0) {
              event.preventDefault();
              choose(back(place.prefix));
            }
            if (event.key === 'Escape') setTyped(null);
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown className={classes['source'] ?? ''}>
        {/* Hundreds of options for each line are too many to draw where nobody looks. */}
        {isOpen && (
          <>
            <Combobox.Options mah={340} style={{ overflowY: 'auto' }} aria-label={`Fields of ${where}`}>
              {steps.length > 0 && (
                <Combobox.Option value={back(place.prefix)} className={classes['sourceBack'] ?? ''}>
                  ‹ Back, from {where}
                </Combobox.Option>
              )}
              <Options options={found.fields} sample={sample} />
              {found.associations.length > 0 && (
                <Combobox.Group label="Associated records">
                  <Options options={found.associations} sample={{}} />
                </Combobox.Group>
              )}
              {asTyped !== null && !place.isPending && (
                <Combobox.Option value={asTyped}>
                  <Text size="sm">{asTyped}</Text>
                  <Text size="xs" c="dimmed">
                    as typed; it is checked when you save
                  </Text>
                </Combobox.Option>
              )}
              {found.fields.length + found.associations.length === 0 && (asTyped === null || place.isPending) && (
                <Combobox.Empty>
                  {place.isPending
                    ? `Asking for the fields of ${where}…`
                    : place.lost !== null
                      ? `${object.label} has no association “${place.lost}”.`
                      : (place.error?.message ?? 'Nothing found')}
                </Combobox.Empty>
              )}
            </Combobox.Options>
            {found.fields.length > SHOWN_AT_ONCE && (
              <Combobox.Footer>
                <Text size="xs" c="dimmed">
                  The first {SHOWN_AT_ONCE} of {new Intl.NumberFormat().format(found.fields.length)} fields. Type to narrow them.
                </Text>
              </Combobox.Footer>
            )}
          </>
        )}
      </Combobox.Dropdown>
    </Combobox>
  );
}

/** The way without its last association. */
const back = (prefix: string): string => prefix.replace(/[^.]+\.$/, '');

function Options({ options, sample }: { options: SourceOption[]; sample: Record<string, string> }) {
  return options.slice(0, SHOWN_AT_ONCE).map(({ path, label, type, leadsTo }) => {
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
