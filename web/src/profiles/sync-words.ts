/** Words for how a profile stands with its mappings. */
import type { Explanation } from '../api/client';
import type { Tone } from '../salesforce/words';

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

/** Whether something will change by itself soon, so that it is worth looking again. */
export const isMoving = (explanation: Explanation): boolean =>
  explanation.mappings.some(
    (mapping) => mapping.waiting !== null || mapping.state === 'not_searched' || mapping.fields.some(({ state }) => state === 'waiting' || state === 'unknown'),
  );

const CHARACTERS_MAX = 300;

/** As much of a value as tells it apart: the longest is some megabytes. */
export const beginning = (text: string): string => (text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX)}…` : text);
