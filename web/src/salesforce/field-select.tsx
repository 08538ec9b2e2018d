import { Badge, type ComboboxItem, Group, Select, type SelectProps, Text } from '@mantine/core';
import { useState } from 'react';

import classes from './salesforce.module.css';

export interface FieldOption {
  value: string;
  label: string;
  /** The type in words, shown beside the code name. */
  type?: string;
  isNew?: boolean;
}

interface FieldSelectProps extends Pick<SelectProps, 'label' | 'aria-label' | 'error' | 'placeholder' | 'disabled' | 'description' | 'className'> {
  options: FieldOption[];
  value: string | null;
  onChange: (value: string | null) => void;
  /** Makes an option of a typed name that is none yet; null when the text can not be a name. */
  create?: (text: string) => FieldOption | null;
}

/** Long field lists render only so many; typing narrows them. */
const SHOWN_AT_ONCE = 200;

/** A searchable drop-down of fields: by label or code name. A chosen value that is no option any more stays visible, by its name. */
export function FieldSelect({ options, value, onChange, create, ...props }: FieldSelectProps) {
  const [search, setSearch] = useState('');
  const known = new Map(options.map((option) => [option.value, option]));
  if (value !== null && !known.has(value)) known.set(value, create?.(value) ?? { value, label: value });
  const typed = search.trim();
  const isTyping = typed !== '' && ![...known.values()].some(({ label }) => label === typed);
  const created = isTyping && !known.has(typed) ? create?.(typed) : null;
  if (created) known.set(created.value, created);

  return (
    <Select
      {...props}
      searchable
      limit={SHOWN_AT_ONCE}
      data={[...known.values()].map(({ value: id, label }) => ({ value: id, label }))}
      value={value}
      onChange={onChange}
      searchValue={search}
      onSearchChange={setSearch}
      nothingFoundMessage="Nothing found"
      filter={({ options: all, search: text, limit }) => {
        const wanted = text.trim().toLowerCase();
        return (all as ComboboxItem[]).filter((item) => `${item.label}\n${item.value}`.toLowerCase().includes(wanted)).slice(0, limit);
      }}
      renderOption={({ option }) => {
        const field = known.get(option.value);
        return (
          <Group justify="space-between" wrap="nowrap" gap="sm" w="100%">
            <div className={classes['grow']}>
              <Text size="sm" className={classes['wrap'] ?? ''}>
                {option.label}
              </Text>
              {option.label !== option.value && (
                <Text size="xs" c="dimmed" ff="monospace" className={classes['wrap'] ?? ''}>
                  {option.value}
                </Text>
              )}
            </div>
            {field?.type !== undefined && (
              <Text size="xs" c="dimmed">
                {field.type}
              </Text>
            )}
            {field?.isNew && <Badge size="sm">New</Badge>}
          </Group>
        );
      }}
    />
  );
}
