import { ActionIcon, Button, Checkbox, Collapse, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconArrowRight, IconChevronRight, IconPlus, IconTrash } from '@tabler/icons-react';
import { useId, useState } from 'react';

import { type Direction, type Options, saidOptions, withOption } from './mapping-draft';
import classes from './salesforce.module.css';

interface LineOptionsProps {
  direction: Direction;
  /** How people call the line: `line 2`. */
  name: string;
  options: Options;
  /** Types of both ends, where they are known. */
  fromType: string | undefined;
  toType: string | undefined;
  error: string | undefined;
  onChange: (options: Options) => void;
}

const EMPTY = [
  { value: 'clear', label: 'Clear the target' },
  { value: 'keep', label: 'Leave the target as it is' },
  { value: 'default', label: 'Set a default' },
];

/** What cutting makes sense for: a short or long text, or a field that does not exist yet. */
const CUTTABLE = new Set(['string', 'textarea']);

/** The options of one line, behind a small disclosure that says which are in use. */
export function LineOptions({ direction, name, options, fromType, toType, error, onChange }: LineOptionsProps) {
  const [isOpened, setOpened] = useState(false);
  const panel = useId();
  const isOpen = isOpened || error !== undefined;
  const said = saidOptions(options);
  const canCut = direction === 'outbound' && (toType === undefined || CUTTABLE.has(toType));
  return (
    <div>
      <Button
        variant="subtle"
        color="gray"
        size="compact-xs"
        aria-expanded={isOpen}
        aria-controls={panel}
        aria-label={`Options of ${name}`}
        leftSection={<IconChevronRight size={13} aria-hidden className={isOpen ? classes['turned'] : undefined} />}
        onClick={() => setOpened(!isOpened)}
      >
        Options{said.length > 0 && `: ${said.join(', ')}`}
      </Button>
      {fromType !== undefined && (
        <Text span size="xs" c="dimmed" ml="xs">
          {fromType}
          {toType !== undefined && ` → ${toType}`}
        </Text>
      )}
      <Collapse expanded={isOpen} id={panel}>
        <Stack gap="sm" className={classes['lineOptions'] ?? ''}>
          {error !== undefined && (
            <Text size="sm" c="red" role="alert">
              {error}
            </Text>
          )}
          <Group gap="sm" align="end">
            <Select
              label="When the source has no value"
              w={280}
              maw="100%"
              allowDeselect={false}
              data={EMPTY}
              value={options.empty ?? 'clear'}
              onChange={(value) => onChange(withOption(withOption(options, 'default', undefined), 'empty', value as Options['empty']))}
            />
            {options.empty === 'default' && (
              <TextInput
                label="Default"
                value={String(options.default ?? '')}
                onChange={(event) => onChange(withOption(options, 'default', event.currentTarget.value))}
              />
            )}
          </Group>
          <ValueMap options={options} onChange={onChange} />
          {canCut && (
            <Checkbox
              label="Cut a text that is too long for the field, and mark it with …"
              description="Otherwise it is a sync issue."
              checked={options.truncate ?? false}
              onChange={(event) => onChange(withOption(options, 'truncate', event.currentTarget.checked || undefined))}
            />
          )}
        </Stack>
      </Collapse>
    </div>
  );
}

interface Pair {
  key: number;
  from: string;
  to: string;
}

/** Pairs may be half-typed here; only those with a source value are said. */
function ValueMap({ options, onChange }: Pick<LineOptionsProps, 'options' | 'onChange'>) {
  const [pairs, setPairs] = useState<Pair[]>(() => Object.entries(options.values ?? {}).map(([from, to], key) => ({ key, from, to })));
  const change = (next: Pair[]) => {
    setPairs(next);
    const named = next.filter(({ from }) => from.trim() !== '').map(({ from, to }) => [from.trim(), to] as const);
    const values = named.length > 0 ? Object.fromEntries(named) : undefined;
    onChange(withOption(values === undefined ? withOption(options, 'otherwise', undefined) : options, 'values', values));
  };
  const otherwise = options.otherwise ?? null;
  const edit = (key: number, side: 'from' | 'to', text: string) => change(pairs.map((pair) => (pair.key === key ? { ...pair, [side]: text } : pair)));
  return (
    <div>
      <Text size="sm" fw={600}>
        Value map
      </Text>
      <Text size="xs" c="dimmed" mb={6}>
        {pairs.length === 0 ? 'Values stay as they are.' : 'Several values may become the same one. An empty target means no value.'}
      </Text>
      <Stack component="ul" gap={6} className={classes['plainList'] ?? ''}>
        {pairs.map((pair, index) => (
          <li key={pair.key} className={classes['valuePair']}>
            <TextInput
              size="xs"
              aria-label={`Source value ${index + 1}`}
              placeholder="Source value"
              value={pair.from}
              onChange={(event) => edit(pair.key, 'from', event.currentTarget.value)}
            />
            <IconArrowRight size={15} stroke={1.6} className={classes['valueArrow']} aria-hidden />
            <TextInput
              size="xs"
              aria-label={`Becomes ${index + 1}`}
              placeholder="Becomes"
              value={pair.to}
              onChange={(event) => edit(pair.key, 'to', event.currentTarget.value)}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Remove value ${index + 1}`}
              onClick={() => change(pairs.filter(({ key }) => key !== pair.key))}
            >
              <IconTrash size={15} stroke={1.6} />
            </ActionIcon>
          </li>
        ))}
      </Stack>
      <Button
        variant="subtle"
        size="compact-xs"
        mt={4}
        leftSection={<IconPlus size={13} aria-hidden />}
        onClick={() => setPairs([...pairs, { key: Math.max(-1, ...pairs.map(({ key }) => key)) + 1, from: '', to: '' }])}
      >
        Add a value
      </Button>
      {options.values !== undefined && (
        <Group gap="sm" mt="xs" align="end">
          <Select
            label="Any other value"
            w={220}
            allowDeselect={false}
            data={[
              { value: 'issue', label: 'Is a sync issue' },
              { value: 'becomes', label: 'Becomes' },
            ]}
            value={otherwise === null ? 'issue' : 'becomes'}
            onChange={(value) => onChange(withOption(options, 'otherwise', value === 'becomes' ? '' : undefined))}
          />
          {otherwise !== null && (
            <TextInput
              aria-label="What any other value becomes"
              value={otherwise}
              onChange={(event) => onChange(withOption(options, 'otherwise', event.currentTarget.value))}
            />
          )}
        </Group>
      )}
    </div>
  );
}
