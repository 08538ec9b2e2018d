/**
 * A connection breaks and is mended, and the page says at each step what an administrator needs to know. The tests go on where the one
 * before stopped.
 */
import type { Locator, Page } from '@playwright/test';

import { connectThrough, control, type DemoState, expect, expectAccessible, Org, picture, signIn, test } from './demo.ts';

test.use({ blankFor: 'connection' });
test.describe.configure({ mode: 'serial' });

/** What is asked for at intervals, and what is kept until the grant is back, may take a while on a busy machine. */
const ARRIVES = { timeout: 60_000 };
const USER = 'e2e-keeper';

const state = (page: Page, word: string) => page.getByRole('status', { name: `Connection state: ${word}` });
const part = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const contactFeed = (page: Page) => part(page, 'Changes from Salesforce').getByRole('listitem', { name: 'Contact' });

async function open(page: Page, demo: DemoState): Promise<void> {
  await signIn(page, demo);
  await page.goto('/settings/integrations/salesforce');
}

/** Has the connection examined, as one does who has just changed something in the org. */
async function checkNow(page: Page): Promise<void> {
  const checks = part(page, 'Checks');
  await checks.getByRole('button', { name: 'Check now' }).click();
  await expect(checks.getByText('Checking now…')).toBeHidden(ARRIVES);
}

async function choose(page: Page, action: string): Promise<void> {
  await page.getByRole('button', { name: 'Connection actions' }).click();
  await page.getByRole('menuitem', { name: action }).click();
}

/** The contact that the mapped user is linked to. */
class Contact {
  private constructor(
    private readonly org: Org,
    private readonly id: string,
  ) {}

  static async of(demo: DemoState): Promise<Contact> {
    const org = await Org.of(demo);
    const [first] = await org.query<{ Id: string }>('SELECT Id FROM Contact WHERE Email != null ORDER BY Email LIMIT 1');
    if (first === undefined) throw new Error('The org has no contact with an email.');
    return new Contact(org, first.Id);
  }

  async email(): Promise<string> {
    const [found] = await this.org.query<{ Email: string }>(`SELECT Email FROM Contact WHERE Id = '${this.id}'`);
    return found?.Email ?? '';
  }

  async become(title: string): Promise<void> {
    await this.org.update('Contact', this.id, { Title: title });
  }
}

/** The title that the user has by now. */
async function titleHere(page: Page, demo: DemoState): Promise<unknown> {
  const response = await page.request.get(`/api/v1/environments/${demo.environment_id}/users/${USER}`);
  const { attributes } = (await response.json()) as { attributes: { name: string; value: unknown }[] };
  return attributes.find(({ name }) => name === 'salesforce_contact_title')?.value;
}

async function expectArrives(page: Page, demo: DemoState, title: string): Promise<void> {
  await expect.poll(() => titleHere(page, demo), ARRIVES).toBe(title);
}

async function expectLasting(card: Locator): Promise<void> {
  await expect(card.getByText('Lasts at the present pace.')).toBeVisible(ARRIVES);
}

test('shows the guide beside the sign-in, connects, and tells how changes arrive', async ({ page, demo }) => {
  await open(page, demo);
  const guide = part(page, 'The External Client App');
  await expect(guide).toContainText('Connected apps can no longer be created');
  await expect(guide).toContainText(`${demo.app_url.replace(/\/$/, '')}/api/v1/salesforce/callback`);
  await expect(guide.getByRole('button', { name: 'Copy callback URL' })).toBeVisible();
  await guide.getByRole('button', { name: 'Connect without a browser' }).click();
  await expect(guide.getByLabel('Command for JWT bearer')).toContainText('syncline connect');
  await expectAccessible(page);

  await connectThrough(page, demo, page.getByRole('button', { name: 'Connect with Salesforce' }));
  await expect(page.getByRole('heading', { name: `Connected as ${demo.org_username} at` })).toBeVisible();
  await expect(state(page, 'Live')).toBeVisible(ARRIVES);
  await expect(part(page, 'Changes from Salesforce')).toContainText('Each object that you map appears here');

  const contact = await Contact.of(demo);
  const identify = await fetch(`${demo.userflow_api_url}/users`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${demo.userflow_api_key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ id: USER, attributes: { name: 'Keeper', email: await contact.email() } }),
  });
  expect(identify.status).toBe(200);
  const mapping = {
    salesforce: 'Contact',
    userflow: 'user',
    match: { salesforce: 'Email', userflow: 'email' },
    inbound: [{ from: 'Title', to: 'salesforce_contact_title' }],
  };
  await expect(async () => {
    const made = await page.request.post(`/api/v1/environments/${demo.environment_id}/mappings`, { data: mapping });
    expect(made.status()).toBe(201);
  }).toPass(ARRIVES);

  await expect(contactFeed(page)).toContainText('Change stream', ARRIVES);
  await expect(contactFeed(page)).toContainText('Changes arrive as they happen');
  await expect(state(page, 'Live')).toBeVisible(ARRIVES);
  await contact.become('Keeper of the Stream');
  await expectArrives(page, demo, 'Keeper of the Stream');
  await expect(contactFeed(page)).toContainText('Last change');
});

test('lists what the checks found, and checks again on demand', async ({ page, demo }) => {
  await open(page, demo);
  await checkNow(page);
  const checks = part(page, 'Checks');
  await expect(checks.getByText(/^Last run /)).toBeVisible();
  await checks.getByRole('button', { name: /checks? passed$/ }).click();
  await expect(checks.getByRole('list', { name: 'Passed' }).getByRole('listitem').first()).toBeVisible();
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
});

test('takes a share of the calls, and refuses what is none', async ({ page, demo }) => {
  await open(page, demo);
  const budget = part(page, 'API budget');
  await expectLasting(budget);
  await page.setViewportSize({ width: 1280, height: 1250 });
  await picture(page, 'connection');
  const share = budget.getByRole('textbox', { name: 'Share of the org’s calls' });
  await share.fill('0');
  await budget.getByRole('button', { name: 'Save share' }).click();
  await expect(budget.getByText('Enter a whole number from 1 to 100.')).toBeVisible();
  await expectAccessible(page);
  await share.fill('40');
  await budget.getByRole('button', { name: 'Save share' }).click();
  await expect(page.getByText('Syncline may now use 40% of the org’s calls.')).toBeVisible();
  await expect(budget.getByRole('meter', { name: 'Syncline, of its share' })).toBeVisible();
});

test('pauses and resumes: nothing is read meanwhile, and then it follows', async ({ page, demo }) => {
  await open(page, demo);
  const contact = await Contact.of(demo);
  await choose(page, 'Pause');
  await expect(page.getByText('Nothing is sent to Salesforce and nothing is read from it')).toBeVisible(ARRIVES);
  await expect(state(page, 'Paused')).toBeVisible();
  await expect(part(page, 'Checks').getByRole('button', { name: 'Check now' })).toBeHidden();
  await expectAccessible(page);
  await contact.become('Keeper of the Pause');
  expect(await titleHere(page, demo)).toBe('Keeper of the Stream');
  await page.getByRole('button', { name: 'Resume sync' }).click();
  await expect(state(page, 'Live')).toBeVisible(ARRIVES);
  await expectArrives(page, demo, 'Keeper of the Pause');
});

test('says Reconnect needed when the grant is revoked in the org, and goes on after signing in again', async ({ page, demo }) => {
  await open(page, demo);
  const contact = await Contact.of(demo);
  await control(demo, 'DELETE', `/grants?user=${encodeURIComponent(demo.org_username)}&client_id=${encodeURIComponent(demo.org_client_id)}`);
  await contact.become('Keeper of the Grant');
  await expect(state(page, 'Reconnect needed')).toBeVisible(ARRIVES);
  const panel = page.getByRole('region', { name: /^Connected as/ });
  await expect(panel).toContainText('Salesforce no longer accepts the connection');
  await expect(panel).toContainText('Nothing is lost');
  await expect(contactFeed(page)).toBeVisible();
  await expectAccessible(page);

  await connectThrough(page, demo, panel.getByRole('button', { name: 'Connect with Salesforce' }));
  await expect(state(page, 'Live')).toBeVisible(ARRIVES);
  await expectArrives(page, demo, 'Keeper of the Grant');
});

test('reconnects through the menu', async ({ page, demo }) => {
  await open(page, demo);
  await choose(page, 'Reconnect');
  const dialog = page.getByRole('dialog', { name: 'Reconnect Salesforce' });
  await expectAccessible(page);
  await connectThrough(page, demo, dialog.getByRole('button', { name: 'Connect with Salesforce' }));
  await expect(dialog).toBeHidden();
  await expect(page.getByText('Salesforce is connected again.')).toBeVisible();
  await expect(state(page, 'Live')).toBeVisible(ARRIVES);
});

test('says that the org’s calls are used up, and goes on when there are more', async ({ page, demo }) => {
  await open(page, demo);
  const budget = part(page, 'API budget');
  await control(demo, 'PUT', '/limits', { daily_requests_max: 1 });
  await checkNow(page);
  await expect(budget.getByText(/The org’s calls are used up\..*Nothing is lost/)).toBeVisible(ARRIVES);
  await expectAccessible(page);
  await control(demo, 'PUT', '/limits', { daily_requests_max: null });
  await checkNow(page);
  await expectLasting(budget);
  await (await Contact.of(demo)).become('Keeper of the Calls');
  await expectArrives(page, demo, 'Keeper of the Calls');
});

test('asks for changes of an object that is taken out of the channel, and listens again when it may', async ({ page, demo }) => {
  await open(page, demo);
  const org = await Org.of(demo);
  const contact = await Contact.of(demo);
  await expect(contactFeed(page)).toContainText('Change stream', ARRIVES);
  await control(demo, 'POST', '/events', { action: 'set_captured_entities_max', entities: 0 });
  await org.removeSetup('PlatformEventChannelMember', "SelectedEntity = 'ContactChangeEvent'");
  await checkNow(page);
  await expect(contactFeed(page)).toContainText('Polling', ARRIVES);
  await expect(contactFeed(page)).toContainText(/Changes arrive within \d+ seconds?/);
  await expect(contactFeed(page)).toContainText('Change Data Capture');
  await expect(state(page, 'Polling')).toBeVisible(ARRIVES);
  await expectAccessible(page);
  await contact.become('Keeper of the Polls');
  await expectArrives(page, demo, 'Keeper of the Polls');

  await control(demo, 'POST', '/events', { action: 'set_captured_entities_max', entities: null });
  await checkNow(page);
  await expect(contactFeed(page)).toContainText('Change stream', ARRIVES);
  await expect(state(page, 'Live')).toBeVisible(ARRIVES);
  await contact.become('Keeper of the Channel');
  await expectArrives(page, demo, 'Keeper of the Channel');
});

test('asks for changes while the day’s event deliveries are used up', async ({ page, demo }) => {
  await open(page, demo);
  const contact = await Contact.of(demo);
  await control(demo, 'POST', '/events', { action: 'set_daily_deliveries_max', events: 0 });
  await contact.become('Keeper of the Deliveries');
  await expect(contactFeed(page)).toContainText('Polling', ARRIVES);
  await expectArrives(page, demo, 'Keeper of the Deliveries');
  await control(demo, 'POST', '/events', { action: 'set_daily_deliveries_max', events: null });
  await checkNow(page);
  await expect(contactFeed(page)).toContainText('Change stream', ARRIVES);
});

test('says that Salesforce has not taken the access back yet, and that Syncline goes on trying', async ({ page, demo }) => {
  await open(page, demo);
  await control(demo, 'POST', '/faults', { path: '/services/oauth2/revoke', fault: { answer: { status: 503 } } });
  await choose(page, 'Disconnect');
  await page.getByRole('dialog', { name: 'Disconnect Salesforce?' }).getByRole('button', { name: 'Disconnect' }).click();
  await expect(page.getByRole('heading', { name: 'Connect your org' })).toBeVisible(ARRIVES);
  const notice = page.getByRole('alert').filter({ hasText: 'Salesforce is disconnected' });
  await expect(notice).toContainText('Syncline goes on trying for 24 hours');
  await expectAccessible(page);
  await control(demo, 'DELETE', '/faults');
});
