import { Button, Group, type MantineSpacing, Text } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';

const count = new Intl.NumberFormat();

interface PagerProps {
  label: string;
  /** Rows before this page; null where that is not known, so that the way back is to the first. */
  before: number | null;
  /** Rows of this page. */
  shown: number;
  /** Rows of all pages. */
  total: number;
  /** Null where there is no such page. */
  onPrevious: (() => void) | null;
  onNext: (() => void) | null;
  /** The page is still on its way, and where the next one begins is not known. */
  isBusy: boolean;
  pt?: MantineSpacing;
}

/** Which rows of a list are shown, and the ways to the others; nothing where there are no others. */
export function Pager({ label, before, shown, total, onPrevious, onNext, isBusy, pt = 0 }: PagerProps) {
  if (onPrevious === null && onNext === null) return null;
  const rows = before === null || shown === 0 ? '' : `${count.format(before + 1)}–${count.format(before + shown)} `;
  return (
    <Group component="nav" aria-label={label} justify="space-between" pt={pt}>
      <Text size="sm" c="dimmed" role="status">
        {rows}of {count.format(total)}
      </Text>
      <Group gap="xs">
        <Button
          variant="default"
          size="xs"
          leftSection={<IconChevronLeft size={14} aria-hidden />}
          disabled={onPrevious === null}
          onClick={() => onPrevious?.()}
        >
          {before === null ? 'First page' : 'Previous'}
        </Button>
        <Button
          variant="default"
          size="xs"
          rightSection={<IconChevronRight size={14} aria-hidden />}
          disabled={onNext === null || isBusy}
          onClick={() => onNext?.()}
        >
          Next
        </Button>
      </Group>
    </Group>
  );
}
