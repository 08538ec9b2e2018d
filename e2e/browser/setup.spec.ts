/** The setup guide, walked from an environment with nothing connected. The tests go on where the one before stopped. */
import type { Page } from '@playwright/test';

import { connectThrough, control, expect, expectAccessible, Org, people, signIn, test } from './demo.ts';

test.use({ blankFor: 'setup' });
test.describe.configure({ mode: 'serial' });

async function choose(page: Page, field: string, option: string | RegExp) {
  const box = page.getByRole('combobox', { name: field });
  await box.click();
  await page.getByRole('option', { name: option }).first().click();
}

test('connects through the window of Salesforce', async ({ page, demo }) => {
  await control(demo, 'PUT', '/features', { person_accounts: true });
  await signIn(page, demo);
  await page.getByRole('link', { name: 'Integrations' }).click();
  await expect(page.getByRole('heading', { name: 'No integrations yet' })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('button', { name: 'Add integration' }).click();
  await expectAccessible(page);
  await page.getByRole('menuitem', { name: 'Salesforce' }).click();
  await expect(page.getByRole('dialog', { name: 'Salesforce' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Add Salesforce' }).click();
  await expect(page).toHaveURL('/settings/integrations/salesforce');
  await expect(page.getByRole('heading', { name: 'Connect your org' })).toBeVisible();
  await expectAccessible(page);

  await connectThrough(page, demo, page.getByRole('button', { name: 'Connect with Salesforce' }));

  await expect(page.getByRole('heading', { name: `Connected as ${demo.org_username} at` })).toBeVisible();
  await expect(page.getByRole('status', { name: 'Connection state: Live' })).toBeVisible();
});

test('maps two objects, and a profile gets the value', async ({ page, demo }) => {
  await signIn(page, demo);
  const org = await Org.of(demo);
  const contacts = await org.query<{ Id: string; Email: string; Account: { Industry: string } }>(
    'SELECT Id, Email, Account.Industry FROM Contact WHERE Email != null AND Account.Industry != null ORDER BY Email LIMIT 1',
  );
  const contact = contacts[0];
  if (contact === undefined) throw new Error('The org has no contact with an email.');
  await org.update('Contact', contact.Id, { Title: 'Walker of the Setup Guide' });
  const identify = await fetch(`${demo.userflow_api_url}/users`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${demo.userflow_api_key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ id: 'e2e-walker', attributes: { name: 'Setup Walker', email: contact.Email } }),
  });
  expect(identify.status).toBe(200);
  const person = (await people(page, demo, 'e2e-walker')).find(({ id }) => id === 'e2e-walker');
  expect(person?.email).toBe(contact.Email);

  await page.goto('/settings/integrations/salesforce');
  await expect(page.getByRole('heading', { name: 'Set up a new mapping between Salesforce and Userflow objects' })).toBeVisible();
  await choose(page, 'Salesforce object', /^Contact\b/);
  await choose(page, 'Userflow object', 'User');
  await page.getByRole('button', { name: 'Continue' }).click();

  await expect(page.getByRole('heading', { name: 'Match objects by' })).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Salesforce Contact' })).toHaveValue('Email');
  await expect(page.getByRole('combobox', { name: 'Userflow User' })).toHaveValue('Email');
  const inbound = page.getByRole('region', { name: 'Fields to sync from Salesforce to Userflow' });
  await expect(page.getByRole('region', { name: 'Fields to sync from Userflow to Salesforce' })).toBeVisible();
  const source = inbound.getByRole('combobox', { name: 'Contact field, line 1' });
  await source.click();
  await source.fill('Title');
  await inbound.getByRole('option', { name: /^Title\b/ }).click();
  await expect(inbound.getByRole('combobox', { name: 'User attribute, line 1' })).toHaveValue('salesforce_contact_title');
  // A field of the contact's account: the association unfolds, and shows what a real record holds.
  await inbound.getByRole('button', { name: 'Add a field from Salesforce to Userflow' }).click();
  await inbound.getByRole('combobox', { name: 'Contact field, line 2' }).click();
  await expect(inbound.getByRole('option', { name: /^Email\b.*@/ })).toBeVisible();
  await inbound.getByRole('combobox', { name: 'Contact field, line 2' }).fill('acc');
  await inbound.getByRole('option', { name: /^Account\b.*unfolds$/ }).click();
  await expect(inbound.getByRole('combobox', { name: 'Contact field, line 2' })).toHaveValue('Account.');
  const industry = inbound.getByRole('option', { name: /^Industry\b.*Account\.Industry/ });
  await expect(industry).toBeVisible();
  await expectAccessible(page);
  await industry.click();
  await expect(inbound.getByRole('combobox', { name: 'User attribute, line 2' })).toHaveValue('salesforce_account_industry');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Save mapping' }).click();
  const saved = page.getByRole('article', { name: 'Mapping of Contact and User' });
  await expect(saved).toContainText('salesforce_contact_title');
  await expect(saved).toContainText(/edited (just now|.* ago)/);

  await page.goto('/users/e2e-walker');
  const row = page.locator('tr[data-attribute="salesforce_contact_title"]');
  await expect(row.getByRole('cell')).toHaveText('Walker of the Setup Guide', { timeout: 30_000 });
  await expect(row.getByRole('img', { name: 'From Salesforce' })).toBeVisible();
  const arrived = page.locator('tr[data-attribute="salesforce_account_industry"]');
  await expect(arrived.getByRole('cell')).toHaveText(contact.Account.Industry, { timeout: 30_000 });
});

test('maps accounts that are people, by their address', async ({ page, demo }) => {
  await signIn(page, demo);
  const org = await Org.of(demo);
  const email = 'countess@people.test';
  await org.create('sobjects/Account', { FirstName: 'Ada', LastName: 'Byron', PersonEmail: email, PersonTitle: 'Countess' });
  const identify = await fetch(`${demo.userflow_api_url}/users`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${demo.userflow_api_key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ id: 'e2e-countess', attributes: { name: 'Ada', email } }),
  });
  expect(identify.status).toBe(200);

  await page.goto('/settings/integrations/salesforce');
  await choose(page, 'Salesforce object', /^Account\b/);
  await choose(page, 'Userflow object', 'User');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('combobox', { name: 'Salesforce Account' })).toHaveValue('Email');
  await expect(page.getByRole('combobox', { name: 'Userflow User' })).toHaveValue('Email');
  const inbound = page.getByRole('region', { name: 'Fields to sync from Salesforce to Userflow' });
  const source = inbound.getByRole('combobox', { name: 'Account field, line 1' });
  await source.click();
  await source.fill('PersonTitle');
  await inbound.getByRole('option', { name: /PersonTitle/ }).click();
  await expect(inbound.getByRole('combobox', { name: 'User attribute, line 1' })).toHaveValue('salesforce_account_person_title');

  // The name of a person is made of two others, which can be written.
  const outbound = page.getByRole('region', { name: 'Fields to sync from Userflow to Salesforce' });
  await outbound.getByRole('button', { name: 'Add a field from Userflow to Salesforce' }).click();
  const target = outbound.getByRole('combobox', { name: 'Account field, line 1' });
  await target.click();
  await target.fill('name');
  await expect(outbound.getByRole('option', { name: /^First Name\b/ })).toBeVisible();
  await expect(outbound.getByRole('option', { name: /^Account Name\b/ })).toHaveCount(0);
  await page.keyboard.press('Escape');
  await outbound.getByRole('button', { name: /^Remove/ }).click();
  await page.getByRole('button', { name: 'Save mapping' }).click();
  await expect(page.getByRole('article', { name: 'Mapping of Account and User' })).toContainText('salesforce_account_person_title');

  await page.goto('/users/e2e-countess');
  const row = page.locator('tr[data-attribute="salesforce_account_person_title"]');
  await expect(row.getByRole('cell')).toHaveText('Countess', { timeout: 30_000 });
});

test('disconnects at once, keeps the values, and offers to add Salesforce again', async ({ page, demo }) => {
  await signIn(page, demo);
  await page.goto('/settings/integrations/salesforce');
  await page.getByRole('button', { name: 'Connection actions' }).click();
  await expectAccessible(page);
  await page.getByRole('menuitem', { name: 'Disconnect' }).click();
  const dialog = page.getByRole('dialog', { name: 'Disconnect Salesforce?' });
  await expect(dialog).toContainText('Your mappings and all attribute values stay as they are');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Disconnect' }).click();
  await expect(page.getByRole('heading', { name: 'Connect your org' })).toBeVisible();
  await expect(page.getByText('Salesforce is disconnected, and has taken Syncline’s access back.')).toBeVisible();

  await page.goto('/settings/integrations');
  await expect(page.getByRole('button', { name: 'Add integration' })).toBeVisible();
  await page.goto('/users/e2e-walker');
  await expect(page.locator('tr[data-attribute="salesforce_contact_title"]').getByRole('cell')).toHaveText('Walker of the Setup Guide');
});
