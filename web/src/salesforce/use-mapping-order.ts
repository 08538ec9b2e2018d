/** Moving mappings up and down. The list shows the new order at once; focus stays with the button that was pressed. */
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';

import { type Mapping, orderMappings } from '../api/client';
import { mappingsQuery } from '../api/queries';
import { useEnv } from '../session/session';
import { type By, moved } from './order';
import { mappingName } from './words';

export interface MappingOrder {
  canMove: (place: number, by: By) => boolean;
  move: (place: number, by: By) => void;
  /** Tells which button moves a mapping, so that it can have the focus back when the list is drawn anew. */
  keep: (id: string, by: By, button: HTMLButtonElement | null) => void;
  /** The last move, for those who do not see it. */
  said: string;
}

export function useMappingOrder(mappings: Mapping[]): MappingOrder {
  const env = useEnv();
  const queryClient = useQueryClient();
  const key = mappingsQuery(env).queryKey;
  const buttons = useRef(new Map<string, HTMLButtonElement>());
  const pressed = useRef<string | null>(null);
  const [said, setSaid] = useState('');
  const mutation = useMutation({
    mutationFn: (next: Mapping[]) => orderMappings(env, next.map(({ id }) => id)),
    onMutate: async (next) => {
      await queryClient.cancelQueries({ queryKey: key });
      queryClient.setQueryData(key, next);
    },
    onError: (error) => void notifications.show({ color: 'red', title: 'The order was not saved', message: error.message }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: key }),
  });

  useEffect(() => {
    if (pressed.current === null) return;
    buttons.current.get(pressed.current)?.focus();
    pressed.current = null;
  }, [mappings]);

  return {
    canMove: (place, by) => mappings[place + by] !== undefined,
    move: (place, by) => {
      const mapping = mappings[place];
      if (mapping === undefined) return;
      pressed.current = `${mapping.id} ${by}`;
      setSaid(`${mappingName(mapping)} is now number ${place + by + 1} of ${mappings.length}.`);
      mutation.mutate(moved(mappings, place, by));
    },
    keep: (id, by, button) => {
      if (button === null) buttons.current.delete(`${id} ${by}`);
      else buttons.current.set(`${id} ${by}`, button);
    },
    said,
  };
}
