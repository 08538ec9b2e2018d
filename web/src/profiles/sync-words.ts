/** Words for how a profile stands with its mappings. */
import type { Explanation } from '../api/client';
import type { Tone } from '../salesforce/words';
import { valueWords } from './attribute-value';

type Mapping = Explanation['mappings'][number];
type Field = Mapping['fields'][number];

interface Said {
  word: string;
  tone: Tone;
}

export const LINK_STATES: Record<Mapping['state'], Said> = {
  linked: { word: 'Linked', tone: 'good' },
  no_key: { word: 'No key', tone: 'idle' },
  not_searched: { word: 'Being looked up', tone: 'busy' },
  no_record: { word: 'No record', tone: 'idle' },
  ambiguous: { word: 'Several records', tone: 'bad' },
};

export const FIELD_STATES: Record<Field['state'], Said> = {
  in_step: { word: 'In step', tone: 'good' },
  waiting: { word: 'Waiting', tone: 'busy' },
  failed: { word: 'Not synced', tone: 'bad' },
  unknown: { word: 'To be read', tone: 'busy' },
};

export const DIRECTION_WORDS: Record<Field['direction'], { from: string; to: string }> = {
  inbound: { from: 'Salesforce', to: 'Userflow' },
  outbound: { from: 'Userflow', to: 'Salesforce' },
};

/** How far a profile is that somebody asked to be synced now. What is paused is not waited for. */
export function syncProgress({ kind, mappings }: Explanation): { isDone: boolean; words: string } {
  const working = mappings.filter(({ paused }) => !paused);
  const waiting = working.filter((mapping) => mapping.waiting !== null);
  if (waiting.some(({ attempts }) => attempts > 0)) {
    return { isDone: true, words: 'Salesforce could not be asked just now. It is tried again by itself.' };
  }
  if (waiting.length > 0) return { isDone: false, words: 'Reading both sides…' };
  if (mappings.length === 0) return { isDone: true, words: `No mapping is about ${kind === 'user' ? 'users' : 'companies'} yet.` };
  if (working.length === 0) return { isDone: true, words: 'Its mappings are paused: it is synced once they are resumed.' };
  const failed = working.flatMap(({ fields }) => fields).filter(({ state }) => state === 'failed').length;
  if (failed > 0) return { isDone: true, words: `Done. ${failed === 1 ? 'One field' : `${failed} fields`} could not be synced.` };
  const isLinked = working.some(({ state }) => state === 'linked');
  return { isDone: true, words: isLinked ? 'Done. Both sides are in step.' : 'Done. No Salesforce record matches.' };
}

/** What a target was set to last, where it has another value now, and from what, where the line has another source now: "with CTO from Title". */
export function setWords({ from, target, synced_value: value, synced_from: source }: Field): string {
  const words = valueWords('string', value);
  const told = isStill(words, valueWords('string', target)) ? [] : [`with ${words}`];
  if (source !== null && source !== from) told.push(`from ${source}`);
  return told.join(' ');
}

/** Whether a target still has the value that it was set to last. A long one is kept cut, and marked so. */
const isStill = (set: string, target: string): boolean => set === target || (set.endsWith('…') && target.startsWith(set.slice(0, -1)));

const CHARACTERS_MAX = 300;

/** As much of a value as tells it apart: the longest is some megabytes. */
export const beginning = (text: string): string => (text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX)}…` : text);
