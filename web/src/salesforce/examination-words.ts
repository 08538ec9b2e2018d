/** The words for what the checks of a connection found. */
import type { Examination, Finding } from '../api/client';
import type { Tone } from './words';

/** From what matters most. */
const GRAVITY: readonly Finding['verdict'][] = ['problem', 'warning', 'unknown', 'good'];

export const VERDICT_LABEL: Record<Finding['verdict'], string> = {
  problem: 'Problem',
  warning: 'Warning',
  unknown: 'Not known',
  good: 'Good',
};

/** What somebody should look at, worst first, each in the order of the checks. */
export function openFindings(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ verdict }) => verdict !== 'good').sort((one, other) => GRAVITY.indexOf(one.verdict) - GRAVITY.indexOf(other.verdict));
}

const counted = (number: number, one: string, many: string) => (number === 1 ? `1 ${one}` : `${number} ${many}`);

export function passedWords(number: number): string {
  return counted(number, 'check passed', 'checks passed');
}

/** The outcome in a few words. */
export function outcome({ at, requested, findings }: Examination): { label: string; tone: Tone } {
  if (at === null) return requested ? { label: 'Checking', tone: 'busy' } : { label: 'Not checked yet', tone: 'idle' };
  const number = (verdict: Finding['verdict']) => findings.filter((finding) => finding.verdict === verdict).length;
  if (number('problem') > 0) return { label: counted(number('problem'), 'problem', 'problems'), tone: 'bad' };
  if (number('warning') > 0) return { label: counted(number('warning'), 'warning', 'warnings'), tone: 'bad' };
  if (number('unknown') > 0) return { label: `${number('unknown')} not known`, tone: 'idle' };
  return { label: 'All good', tone: 'good' };
}
