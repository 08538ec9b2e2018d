/** Words for what a mapping would do. */
import type { Preview, ProfileKind } from '../api/client';
import type { Tone } from './words';

type Line = Preview['sample'][number]['lines'][number];

const count = new Intl.NumberFormat('en');

const many = (number: number, one: string, more = `${one}s`): string => `${count.format(number)} ${number === 1 ? one : more}`;

const profiles = (number: number, kind: ProfileKind): string => (kind === 'user' ? many(number, 'user') : many(number, 'company', 'companies'));

/** "12 of 25 users tried match a Salesforce Contact." */
export const matchWords = ({ tried, matched }: Preview, kind: ProfileKind, object: string): string =>
  `${count.format(matched)} of ${profiles(tried, kind)} tried ${matched === 1 ? 'matches' : 'match'} a Salesforce ${object}.`;

/** What saving would come to, for all profiles that there are. */
export function costWords({ cost: { links, updates, writes, calls, seconds } }: Preview, kind: ProfileKind): string {
  const getting = (number: number, who: string, what: string) => (number === 0 ? [] : [`${who} ${number === 1 ? 'gets' : 'get'} new ${what}`]);
  const changes = [
    ...getting(updates, profiles(updates, kind), 'attribute values'),
    ...getting(writes, many(writes, 'Salesforce record'), 'field values'),
  ];
  const time = seconds < 60 ? many(seconds, 'second') : many(Math.round(seconds / 60), 'minute');
  const told = changes.length === 0 ? 'No value changes' : `About ${changes.join(', and ')}`;
  return `Saving links about ${profiles(links, kind)}. ${told}. That takes about ${many(calls, 'API call')} and ${time}.`;
}

export function lineState({ changes, failure }: Line): { word: string; tone: Tone } {
  if (failure !== null) return { word: 'Not synced', tone: 'bad' };
  return changes ? { word: 'Changes', tone: 'busy' } : { word: 'Stays', tone: 'good' };
}

/** Which record a profile matches, or why none. */
export function keyWords({ key, record_id: record, candidates }: Preview['sample'][number], object: string): string {
  if (record !== null) return `matches ${object} ${record} by ${key}`;
  return candidates > 1 ? `${count.format(candidates)} records have the key ${key}, and none is taken` : `No record of ${object} has the key ${key}`;
}
