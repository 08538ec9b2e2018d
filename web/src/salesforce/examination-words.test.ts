import { describe, expect, it } from 'vitest';

import type { Finding } from '../api/client';
import { openFindings, outcome, passedWords } from './examination-words';

const finding = (check: string, verdict: Finding['verdict']): Finding => ({ check, verdict, subject: null, message: '', remedy: null });
const at = '2026-03-02T12:00:00Z';

describe('openFindings', () => {
  it('leaves out what is good and puts the worst first', () => {
    const findings = [finding('a', 'good'), finding('b', 'unknown'), finding('c', 'warning'), finding('d', 'problem'), finding('e', 'warning')];
    expect(openFindings(findings).map(({ check }) => check)).toEqual(['d', 'c', 'e', 'b']);
  });
});

describe('outcome', () => {
  it('counts the worst', () => {
    const said = (...verdicts: Finding['verdict'][]) =>
      outcome({ at, requested: false, findings: verdicts.map((verdict, index) => finding(`${index}`, verdict)) }).label;
    expect(said('good', 'problem', 'warning', 'problem')).toBe('2 problems');
    expect(said('good', 'warning')).toBe('1 warning');
    expect(said('unknown')).toBe('1 not known');
    expect(said('good')).toBe('All good');
  });

  it('tells never from running', () => {
    expect(outcome({ at: null, requested: false, findings: [] }).label).toBe('Not checked yet');
    expect(outcome({ at: null, requested: true, findings: [] }).label).toBe('Checking');
  });
});

describe('passedWords', () => {
  it('knows one from many', () => {
    expect([passedWords(1), passedWords(12)]).toEqual(['1 check passed', '12 checks passed']);
  });
});
