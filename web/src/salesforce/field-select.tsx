import { Badge, Combobox, Group, Text } from '@mantine/core';

import { Picker, type PickerBoxProps, SHOWN_AT_ONCE, usePicker } from '../ui/picker';
import classes from './salesforce.module.css';

export interface FieldOption {
  value: string;
  label: string;
  /** The type in words, shown beside the code name. */
  type?: string;
  isNew?: boolean;
}

interface FieldSelectProps extends PickerBoxProps {
  options: FieldOption[];
  value: string | null;
  onChange: (value: string) => void;
  /** Makes an option of a typed name that is none yet; null when the text can not be a name. */
  create?: (text: string) => FieldOption | null;
}

/** A searchable drop-down of fields: by label or code name. A chosen value that is no option any more stays visible, by its name. */
export function FieldSelect({ options, value, onChange, create, ...box }: FieldSelectProps) {
  const picker = usePicker();
  const known = new Map(options.map((option) => [option.value, option]));
  if (value !== null && !known.has(value)) known.set(value, create?.(value) ?? { value, label: value });
  const chosen = value === null ? '' : (known.get(value)?.label ?? value);
  const typed = picker.typed?.trim() ?? '';
  const isTyping = typed !== '' && ![...known.values()].some(({ label }) => label === typed);
  const created = isTyping && !known.has(typed) ? create?.(typed) : null;
  if (created) known.set(created.value, created);
  const found = [...known.values()].filter((option) => `${option.label}\n${option.value}`.toLowerCase().includes(typed.toLowerCase()));
  const drawn = found.slice(0, SHOWN_AT_ONCE);

  const choose = (picked: string) => {
    onChange(picked);
    picker.store.closeDropdown();
  };
  return (
    <Picker
      {...box}
      picker={picker}
      chosen={chosen}
      onChoose={choose}
      matches={drawn.map((option) => option.value)}
      total={found.length}
      listLabel={box['aria-label'] ?? box.label ?? ''}
    >
      <FieldOptions options={drawn} value={value} />
    </Picker>
  );
}

function FieldOptions({ options, value }: { options: FieldOption[]; value: string | null }) {
  if (options.length === 0) return <Combobox.Empty>Nothing found</Combobox.Empty>;
  return options.map((option) => (
    <Combobox.Option key={option.value} value={option.value} active={option.value === value} aria-selected={option.value === value}>
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
        {option.type !== undefined && (
          <Text size="xs" c="dimmed">
            {option.type}
          </Text>
        )}
        {option.isNew && <Badge size="sm">New</Badge>}
      </Group>
    </Combobox.Option>
  ));
}
