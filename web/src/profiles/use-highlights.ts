import { useEffect, useRef, useState } from 'react';

import type { Attribute } from '../api/client';
import { changedAttributes } from './changes';

const HIGHLIGHT_MS = 4_000;

interface Highlights {
  /** Attribute name → a number that differs for each change, so that a second change starts the highlight anew. */
  marks: ReadonlyMap<string, number>;
  latest: Attribute[];
}

/** The attributes whose value changed on screen in the last few seconds, and those of the latest change for announcing. */
export function useHighlights(attributes: readonly Attribute[]): Highlights {
  const before = useRef(attributes);
  const serial = useRef(0);
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>());
  const [highlights, setHighlights] = useState<Highlights>({ marks: new Map(), latest: [] });

  useEffect(() => {
    const changed = changedAttributes(before.current, attributes);
    before.current = attributes;
    if (changed.length === 0) return;

    serial.current += 1;
    const mark = serial.current;
    setHighlights(({ marks }) => ({ marks: new Map([...marks, ...changed.map(({ name }) => [name, mark] as const)]), latest: changed }));

    const timer = setTimeout(() => {
      timers.current.delete(timer);
      setHighlights(({ marks, latest }) => ({ marks: new Map([...marks].filter(([, at]) => at !== mark)), latest }));
    }, HIGHLIGHT_MS);
    timers.current.add(timer);
  }, [attributes]);

  useEffect(() => {
    const pending = timers.current;
    return () => pending.forEach((timer) => clearTimeout(timer));
  }, []);

  return highlights;
}
