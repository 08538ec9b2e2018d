import { Badge, Group, Paper, Text, TextInput, Title, VisuallyHidden } from '@mantine/core';
import { IconCheck, IconSearch, IconX } from '@tabler/icons-react';
import { useMemo, useState } from 'react';

import type { Attribute } from '../api/client';
import { SalesforceCloud } from '../ui/salesforce-cloud';
import { shownValue, valueWords } from './attribute-value';
import classes from './profiles.module.css';
import { useHighlights } from './use-highlights';

/** With fewer rows than this, eyes are quicker than a filter. */
const FILTER_FROM = 16;

export function AttributeTable({ attributes }: { attributes: Attribute[] }) {
  const [filter, setFilter] = useState('');
  const { marks, latest } = useHighlights(attributes);

  const rows = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    return attributes
      .filter(({ name, display_name }) => `${display_name}\n${name}`.toLowerCase().includes(wanted))
      .sort((a, b) => a.display_name.localeCompare(b.display_name));
  }, [attributes, filter]);

  return (
    <Paper component="section" className={classes['tableCard'] ?? ''} aria-labelledby="attributes-heading">
      <Group justify="space-between" className={classes['cardHead'] ?? ''}>
        <Group gap="xs">
          <Title order={2} id="attributes-heading">
            Attributes
          </Title>
          <Badge color="gray" circle={attributes.length < 10} aria-label={`${attributes.length} attributes`}>
            {attributes.length}
          </Badge>
        </Group>
        {attributes.length >= FILTER_FROM && (
          <TextInput
            size="xs"
            type="search"
            aria-label="Filter attributes"
            placeholder="Filter"
            leftSection={<IconSearch size={14} aria-hidden />}
            value={filter}
            onChange={({ currentTarget }) => setFilter(currentTarget.value)}
          />
        )}
      </Group>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed" px="lg" pb="lg">
          {filter.trim() === '' ? 'No attributes yet.' : `No attribute matches “${filter.trim()}”.`}
        </Text>
      ) : (
        <table className={classes['attributes']} aria-labelledby="attributes-heading">
          <tbody>
            {rows.map((attribute) => (
              // The mark is part of the key: a changed row is a new element, and its animation starts from the beginning.
              <tr
                key={`${attribute.name} ${marks.get(attribute.name) ?? ''}`}
                className={marks.has(attribute.name) ? classes['changed'] : undefined}
                data-attribute={attribute.name}
              >
                <th scope="row">
                  <Group component="span" gap={7} wrap="nowrap" align="center">
                    <span>{attribute.display_name}</span>
                    {attribute.origin === 'salesforce' && <SalesforceCloud size={13} />}
                  </Group>
                  {attribute.name !== attribute.display_name && <span className={classes['codeName']}>{attribute.name}</span>}
                </th>
                <td>
                  <AttributeValue attribute={attribute} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <VisuallyHidden role="status">
        {latest.map((attribute) => `${attribute.display_name} changed to ${valueWords(attribute.data_type, attribute.value)}.`).join(' ')}
      </VisuallyHidden>
    </Paper>
  );
}

function AttributeValue({ attribute }: { attribute: Attribute }) {
  const shown = shownValue(attribute.data_type, attribute.value);
  switch (shown.kind) {
    case 'empty':
      return (
        <Text component="span" size="sm" c="dimmed">
          <span aria-hidden>—</span>
          <VisuallyHidden>Empty</VisuallyHidden>
        </Text>
      );
    case 'boolean':
      return (
        <Group component="span" gap={6}>
          {shown.isTrue ? <IconCheck size={15} aria-hidden /> : <IconX size={15} aria-hidden />}
          {shown.isTrue ? 'True' : 'False'}
        </Group>
      );
    case 'list':
      return (
        <Group component="span" gap={6}>
          {shown.items.map((item, index) => (
            <Badge key={index} color="gray" component="span" className={classes['badge'] ?? ''}>
              {item}
            </Badge>
          ))}
        </Group>
      );
    case 'text':
      return <span title={shown.exact}>{shown.text}</span>;
  }
}
