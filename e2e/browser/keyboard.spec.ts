/** The setup guide from an environment with nothing connected to a synced profile, by its labels, and with the keyboard alone. */
import type { Locator, Page } from '@playwright/test';

import { type DemoState, expect, Org, test } from './demo.ts';

test.use({ blankFor: 'keyboard' });

const KEYS_MAX = 150;
const USER = 'e2e-typist';
const TITLE = 'Typist of the Setup Guide';

/** Presses a key until the focus is there. */
async function reach(page: Page, target: Locator, key = 'Tab'): Promise<void> {
  await expect(target).toBeEnabled();
  for (let pressed = 0; pressed < KEYS_MAX; pressed += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${KEYS_MAX} times ${key} do not lead to ${target.toString()}.`);
}

async function press(page: Page, target: Locator): Promise<void> {
  await reach(page, target);
  await page.keyboard.press('Enter');
}

async function write(page: Page, target: Locator, text: string): Promise<void> {
  await reach(page, target);
  await page.keyboard.type(text);
}

/** Types into a drop-down, goes down to the option that begins so, and takes it. */
async function choose(page: Page, box: Locator, typed: string, option: string): Promise<void> {
  await write(page, box, typed);
  const marked = page.locator('[data-combobox-selected]');
  const isThere = async () => (await marked.count()) === 1 && (await marked.innerText()).replaceAll(/\s+/g, ' ').startsWith(option);
  // The list may still be on its way.
  await expect(async () => {
    if (!(await isThere())) await page.keyboard.press('ArrowDown');
    expect(await isThere()).toBe(true);
  }).toPass({ intervals: [50], timeout: 20_000 });
  await page.keyboard.press('Enter');
}

/** A user whom the app knows, and whose contact has a title and an account with an industry. */
async function typist(demo: DemoState): Promise<string> {
  const org = await Org.of(demo);
  const [contact] = await org.query<{ Id: string; Email: string; Account: { Industry: string } }>(
    'SELECT Id, Email, Account.Industry FROM Contact WHERE Email != null AND Account.Industry != null ORDER BY Email LIMIT 1',
  );
  if (contact === undefined) throw new Error('The org has no contact with an email.');
  await org.update('Contact', contact.Id, { Title: TITLE });
  const identify = await fetch(`${demo.userflow_api_url}/users`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${demo.userflow_api_key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ id: USER, attributes: { name: 'Tilda Typist', email: contact.Email } }),
  });
  expect(identify.status).toBe(200);
  return contact.Account.Industry;
}

test('the setup guide leads to a synced profile without a mouse', async ({ page, demo }) => {
  const industry = await typist(demo);
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const box = (name: string) => page.getByRole('combobox', { name, exact: true });

  await page.goto('/sign-in');
  await write(page, page.getByLabel('Email'), demo.admin_email);
  await write(page, page.getByLabel('Password', { exact: true }), demo.admin_password);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();

  await press(page, page.getByRole('link', { name: 'Integrations' }));
  await press(page, button('Add integration'));
  await reach(page, page.getByRole('menuitem', { name: 'Salesforce' }), 'ArrowDown');
  await page.keyboard.press('Enter');
  await press(page, button('Add Salesforce'));
  const opening = page.waitForEvent('popup');
  await press(page, button('Connect with Salesforce'));
  const popup = await opening;
  await write(popup, popup.locator('[name="username"]'), demo.org_username);
  await write(popup, popup.locator('[name="password"]'), demo.org_password);
  const closed = popup.waitForEvent('close');
  await press(popup, popup.getByRole('button', { name: 'Allow' })).catch((error: unknown) => {
    if (!popup.isClosed()) throw error;
  });
  await closed;
  await expect(page.getByRole('status', { name: 'Connection state: Live' })).toBeVisible();

  await expect(page.getByRole('heading', { name: 'Set up a new mapping between Salesforce and Userflow objects' })).toBeVisible();
  await choose(page, box('Salesforce object'), 'Contact', 'Contact');
  await choose(page, box('Userflow object'), '', 'User');
  await press(page, button('Continue'));
  await expect(page.getByRole('heading', { name: 'Match objects by' })).toBeVisible();
  await expect(box('Salesforce Contact')).toHaveValue('Email');
  await expect(box('Userflow User')).toHaveValue('Email');

  await choose(page, box('Contact field, line 1'), 'Title', 'Title');
  await press(page, button('Add a field from Salesforce to Userflow'));
  await choose(page, box('Contact field, line 2'), 'acc', 'Account Account.');
  await expect(box('Contact field, line 2')).toHaveValue('Account.');
  await choose(page, box('Contact field, line 2'), 'Industry', 'Industry Account.Industry');
  await expect(box('User attribute, line 2')).toHaveValue('salesforce_account_industry');
  await press(page, button('Show preview'));
  await expect(page.getByText(/users tried match a Salesforce Contact/)).toBeVisible();
  await press(page, button('Save mapping'));
  await expect(page.getByRole('article', { name: 'Mapping of Contact and User' })).toContainText('salesforce_account_industry');

  await press(page, page.getByRole('link', { name: 'Users' }));
  await write(page, page.getByRole('searchbox'), USER);
  await press(page, page.getByRole('table').getByRole('link', { name: 'Tilda Typist' }));
  const value = (attribute: string) => page.locator(`tr[data-attribute="${attribute}"]`).getByRole('cell');
  await expect(value('salesforce_contact_title')).toHaveText(TITLE, { timeout: 30_000 });
  await expect(value('salesforce_account_industry')).toHaveText(industry, { timeout: 30_000 });
  await press(page, page.getByRole('region', { name: 'Sync with Salesforce' }).getByRole('button', { name: 'Sync now' }));
  await expect(page.getByText('Done. Both sides are in step.')).toBeVisible();
});
