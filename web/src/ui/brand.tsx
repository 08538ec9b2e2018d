import { Group, Text } from '@mantine/core';

/** The mark and the name. */
export function Brand({ size = 26 }: { size?: number }) {
  return (
    <Group gap={10} wrap="nowrap">
      <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
        <rect width="32" height="32" rx="8" fill="#3b5bdb" />
        <path
          d="M8 12.5h12.5M17 8.5l4 4-4 4M24 19.5H11.5M15 15.5l-4 4 4 4"
          fill="none"
          stroke="#fff"
          strokeWidth="2.4"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      <Text component="span" fw={700} fz={size * 0.66} lh={1} style={{ letterSpacing: '-0.01em' }}>
        Syncline
      </Text>
    </Group>
  );
}
