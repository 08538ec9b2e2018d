/** The real program, started for the tests of one file, and what they need to use it as a person and as an org's own client would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { AxeBuilder } from '@axe-core/playwright';
import { type Locator, type Page, test as base, expect } from '@playwright/test';

/** Enough for several pages; thousands take a debug build a minute to get in step. */
const CONTACTS = '400';
const READY_WITHIN_MS = 180_000;
const STOPPED_WITHIN_MS = 20_000;

/** The state file of `syncline demo`, as far as these tests use it. */
export interface DemoState {
  app_url: string;
  environment_id: string;
  userflow_api_url: string;
  userflow_api_key: string;
  admin_email: string;
  admin_password: string;
  org_url: string;
  org_client_id: string;
  org_username: string;
  org_password: string;
  org_access_token: string;
}

interface WorkerFixtures {
  /** Start the demo with nothing connected, for the file of that name: files with the same options share a program. */
  blankFor: string;
  demo: DemoState;
}

/** `test` with a running demo, one for each file. */
export const test = base.extend<object, WorkerFixtures>({
  blankFor: ['', { option: true, scope: 'worker' }],
  demo: [
    async ({ blankFor }, use) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'syncline-e2e-'));
      const program = start(folder, blankFor !== '');
      try {
        await use(await program.state);
      } finally {
        await stop(program.process);
        await rm(folder, { recursive: true, force: true });
      }
    },
    { scope: 'worker', timeout: READY_WITHIN_MS + STOPPED_WITHIN_MS },
  ],
  baseURL: async ({ demo }, use) => use(demo.app_url),
});

export { expect };

function start(folder: string, blank: boolean): { process: ChildProcess; state: Promise<DemoState> } {
  const binary = process.env['SYNCLINE_BIN'];
  if (binary === undefined) throw new Error('SYNCLINE_BIN must name the syncline program to test.');
  const stateFile = path.join(folder, 'state.json');
  const folders = ['--state-file', stateFile, '--data-dir', path.join(folder, 'data')];
  const options = [...folders, '--listen', '127.0.0.1:0', '--org-listen', '127.0.0.1:0', '--contacts', CONTACTS];
  const child = spawn(binary, ['demo', ...options, ...(blank ? ['--blank'] : [])], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-8_000)));
  return { process: child, state: ready(child, stateFile, () => log) };
}

async function ready(child: ChildProcess, stateFile: string, log: () => string): Promise<DemoState> {
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null) throw new Error(`syncline demo ended with code ${child.exitCode}:\n${log()}`);
    const state = await readFile(stateFile, 'utf8').catch(() => null);
    // The file is complete once it parses.
    if (state !== null && state.trimEnd().endsWith('}')) return JSON.parse(state) as DemoState;
    if (Date.now() > deadline) throw new Error(`syncline demo was not ready within ${READY_WITHIN_MS / 1000} s:\n${log()}`);
    await delay(50);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const killing = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
  await gone;
  clearTimeout(killing);
}

export async function signIn(page: Page, demo: DemoState): Promise<void> {
  await page.goto('/sign-in');
  await page.getByLabel('Email').fill(demo.admin_email);
  await page.getByLabel('Password', { exact: true }).fill(demo.admin_password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();
}

/** Signs in at Salesforce in the window that `opener` opens, and allows it. */
export async function connectThrough(page: Page, demo: DemoState, opener: Locator): Promise<void> {
  const opening = page.waitForEvent('popup');
  await opener.click();
  const popup = await opening;
  await popup.locator('[name="username"]').fill(demo.org_username);
  await popup.locator('[name="password"]').fill(demo.org_password);
  const closed = popup.waitForEvent('close');
  await popup.getByRole('button', { name: 'Allow' }).click();
  await closed;
}

/** No fault that axe can find on the page as it is now. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined))));
  const { violations } = await new AxeBuilder({ page }).analyze();
  const faults = violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target.join(' ')).join(', ')})`);
  expect(faults).toEqual([]);
}

/** A picture for the README, when the run is asked for them. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOT_DIR'];
  if (folder !== undefined) await page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled' });
}

/** A user as the management API lists it. */
export interface Person {
  id: string;
  name: string;
  email: string;
  linked: string[];
}

/** The users on the first page of the list; the page must be signed in. */
export async function people(page: Page, demo: DemoState, search = ''): Promise<Person[]> {
  const query = new URLSearchParams({ limit: '100', search });
  const response = await page.request.get(`/api/v1/environments/${demo.environment_id}/users?${query}`);
  expect(response.ok()).toBe(true);
  const { data } = (await response.json()) as { data: Person[] };
  return data;
}

/** The org's REST API, as any client of Salesforce uses it. */
export class Org {
  private constructor(
    private readonly root: string,
    private readonly token: string,
  ) {}

  static async of(demo: DemoState): Promise<Org> {
    const versions = (await (await fetch(`${demo.org_url}/services/data/`)).json()) as { url: string }[];
    const newest = versions.at(-1);
    if (newest === undefined) throw new Error('The org lists no API version.');
    return new Org(demo.org_url + newest.url, demo.org_access_token);
  }

  async query<T>(soql: string): Promise<T[]> {
    const response = await this.call('GET', `/query?${new URLSearchParams({ q: soql })}`);
    const { records } = (await response.json()) as { records: T[] };
    return records;
  }

  /** The Id of the one contact with that email. */
  async contactId(email: string): Promise<string> {
    const records = await this.query<{ Id: string }>(`SELECT Id FROM Contact WHERE Email = '${email.replaceAll("'", "\\'")}'`);
    expect(records).toHaveLength(1);
    return records[0]?.Id ?? '';
  }

  async update(object: string, id: string, fields: Record<string, unknown>): Promise<void> {
    await this.change(`sobjects/${object}/${id}`, fields);
  }

  /** Makes a record, or a part of the set-up, and gives its Id. */
  async create(collection: string, fields: Record<string, unknown>): Promise<string> {
    const { id } = (await (await this.call('POST', `/${collection}`, fields)).json()) as { id: string };
    return id;
  }

  async change(route: string, fields: Record<string, unknown>): Promise<void> {
    await this.call('PATCH', `/${route}`, fields);
  }

  /** A query of the org's set-up. */
  async tooling<T>(soql: string): Promise<T[]> {
    const response = await this.call('GET', `/tooling/query?${new URLSearchParams({ q: soql })}`);
    const { records } = (await response.json()) as { records: T[] };
    return records;
  }

  /** What an administrator takes out of the org's set-up, by the Tooling API. */
  async removeSetup(object: string, where: string): Promise<void> {
    const records = await this.tooling<{ Id: string }>(`SELECT Id FROM ${object} WHERE ${where}`);
    expect(records).not.toHaveLength(0);
    for (const { Id } of records) await this.call('DELETE', `/tooling/sobjects/${object}/${Id}`);
  }

  async call(method: string, route: string, body?: unknown): Promise<Response> {
    const response = await fetch(this.root + route, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
    return response;
  }
}

/** Sets what the world does to the org; docs/org.md tells what there is. */
export async function control(demo: DemoState, method: string, route: string, body?: unknown): Promise<void> {
  const response = await fetch(`${demo.org_url}/__control${route}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
}
