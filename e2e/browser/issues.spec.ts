/** Sync issues: found, understood, mended in the org, tried again and seen closed. The tests go on where the one before stopped. */
import type { Locator, Page } from '@playwright/test';

import { connectThrough, type DemoState, expect, expectAccessible, Org, picture, signIn, test } from './demo.ts';

test.use({ blankFor: 'issues' });
test.describe.configure({ mode: 'serial' });

/** On a busy machine. */
const ARRIVES = { timeout: 60_000 };
const MANY = 1_000;
const MISFIT = 'Value does not fit: Tier__c, Contact and User';

/** A picklist that is restricted to these values, as the Tooling API takes it. */
const picklist = (...values: string[]) => ({
  Metadata: {
    type: 'Picklist',
    label: 'Tier',
    valueSet: { restricted: true, valueSetDefinition: { sorted: false, value: values.map((name) => ({ valueName: name, label: name, default: false })) } },
  },
});

async function identify(demo: DemoState, id: string, attributes: Record<string, string>): Promise<void> {
  const response = await fetch(`${demo.userflow_api_url}/users`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${demo.userflow_api_key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ id, attributes }),
  });
  expect(response.status).toBe(200);
}

async function open(page: Page, demo: DemoState, address = '/settings/integrations/salesforce/issues'): Promise<void> {
  await signIn(page, demo);
  await page.goto(address);
}

const group = (page: Page, name: string): Locator => page.getByRole('article', { name });
const notice = (page: Page, words: string | RegExp): Locator => page.getByRole('status').filter({ hasText: words });

test('a value that a restricted picklist has not is found, understood, mended and closed, by keyboard', async ({ page, demo }) => {
  const org = await Org.of(demo);
  const tier = await org.create('tooling/sobjects/CustomField', { FullName: 'Contact.Tier__c', ...picklist('silver') });
  const [everybody] = await org.query<{ Id: string }>("SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true AND Profile.Name = 'System Administrator'");
  await org.create('sobjects/FieldPermissions', {
    ParentId: everybody?.Id,
    SobjectType: 'Contact',
    Field: 'Contact.Tier__c',
    PermissionsRead: true,
    PermissionsEdit: true,
  });
  const contact = await org.create('sobjects/Contact', { LastName: 'Golden', Email: 'golden@issues.test', Title: 'Keeper' });
  await identify(demo, 'golden', { name: 'Goldie Golden', email: 'golden@issues.test', tier: 'silver' });

  await open(page, demo);
  await expect(page.getByRole('heading', { name: 'Not connected' })).toBeVisible();
  await page.getByRole('link', { name: 'Connect with Salesforce' }).click();
  await connectThrough(page, demo, page.getByRole('button', { name: 'Connect with Salesforce' }));
  await expect(page.getByRole('status', { name: 'Connection state: Live' })).toBeVisible(ARRIVES);
  const mapping = await page.request.post(`/api/v1/environments/${demo.environment_id}/mappings`, {
    data: {
      salesforce: 'Contact',
      userflow: 'user',
      match: { salesforce: 'Email', userflow: 'email' },
      inbound: [{ from: 'Title', to: 'salesforce_contact_title' }],
      outbound: [{ from: 'tier', to: 'Tier__c' }],
    },
  });
  expect(mapping.status(), await mapping.text()).toBe(201);

  await page.goto('/settings/integrations/salesforce/issues');
  await expect(page.getByRole('heading', { name: 'No sync issues' })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'issues-none');

  // It appears by itself.
  await identify(demo, 'golden', { tier: 'gold' });
  const misfit = group(page, MISFIT);
  await expect(misfit).toContainText('the picklist is restricted to: silver', ARRIVES);
  await expect(misfit).toContainText('What to do:');
  await page.goto('/settings/integrations/salesforce');
  await page.getByRole('region', { name: 'Sync issues' }).getByRole('link', { name: 'See sync issues' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sync issues' })).toBeFocused();

  const unfold = misfit.getByRole('button', { name: 'Show 1 user' });
  await unfold.focus();
  await page.keyboard.press('Enter');
  await expect(misfit.getByRole('button', { name: 'Hide 1 user' })).toBeFocused();
  await expect(misfit.getByRole('link', { name: 'Goldie Golden' })).toHaveAttribute('href', '/users/golden');
  await expect(misfit.getByRole('link', { name: new RegExp(contact) })).toHaveAttribute('href', new RegExp(`/${contact}$`));
  await expectAccessible(page);
  await picture(page, 'issues-one');

  // Trying again mends nothing by itself, and it is said.
  await misfit.getByRole('button', { name: 'Retry Goldie Golden' }).focus();
  await page.keyboard.press('Enter');
  await expect(notice(page, 'Tried again: still there.')).toBeVisible(ARRIVES);
  await expectAccessible(page);

  await org.change(`tooling/sobjects/CustomField/${tier}`, picklist('silver', 'gold'));
  await misfit.getByRole('button', { name: `Retry 1 sync issue: ${MISFIT}` }).focus();
  await page.keyboard.press('Enter');
  await expect(notice(page, 'Tried again: closed.')).toBeVisible(ARRIVES);
  await expect(page.getByRole('heading', { name: 'No sync issues' })).toBeVisible(ARRIVES);
  await expect(notice(page, 'Tried again: closed.')).toBeFocused();
  const [written] = await org.query<{ Tier__c: string }>(`SELECT Tier__c FROM Contact WHERE Id = '${contact}'`);
  expect(written?.Tier__c).toBe('gold');
});

test('a field that is taken away from the connected user is told of, and closes once it is given back', async ({ page, demo }) => {
  const org = await Org.of(demo);
  const [grant] = await org.query<{ Id: string }>(
    "SELECT Id FROM FieldPermissions WHERE Field = 'Contact.Title' AND Parent.Profile.Name = 'System Administrator' AND Parent.IsOwnedByProfile = true",
  );
  if (grant === undefined) throw new Error('Nobody is granted Contact.Title.');
  await org.update('FieldPermissions', grant.Id, { PermissionsRead: false, PermissionsEdit: false });
  await open(page, demo, '/settings/integrations/salesforce');
  await page.getByRole('button', { name: 'Check now' }).click();
  await page.getByRole('link', { name: 'See sync issues' }).click(ARRIVES);
  const missing = group(page, 'Object or field is missing: Title, Contact and User');
  await expect(missing).toContainText('has no field Title that the connected user can see');
  await expect(missing).toContainText('Give the connected user access to the field');

  // Nothing of other types is shown, and the address keeps the filter.
  await page.getByRole('combobox', { name: 'Type' }).click();
  await page.getByRole('option', { name: 'Value does not fit' }).click();
  await expect(page.getByRole('heading', { name: 'No sync issues like that' })).toBeVisible();
  await page.getByRole('link', { name: 'Show all' }).click();
  await page.getByRole('searchbox').fill('GOLDIE');
  await expect(page).toHaveURL(/search=GOLDIE/);
  await expect(missing).toBeVisible();

  await org.update('FieldPermissions', grant.Id, { PermissionsRead: true, PermissionsEdit: true });
  await page.getByRole('button', { name: /^Retry all/ }).click();
  await expect(notice(page, 'Tried again: closed.')).toBeVisible(ARRIVES);
  await expect(missing).toBeHidden(ARRIVES);
});

test('a thousand issues are a few pages of one cause, and close together', async ({ page, demo }) => {
  test.setTimeout(600_000);
  const org = await Org.of(demo);
  const people = Array.from({ length: MANY }, (_, at) => ({ id: `many-${at}`, email: `many${at}@issues.test`, name: `Many ${at}` }));
  for (let at = 0; at < MANY; at += 200) {
    const records = people.slice(at, at + 200).map(({ email, name }) => ({ attributes: { type: 'Contact' }, LastName: name, Email: email }));
    await org.call('POST', '/composite/sobjects', { allOrNone: true, records });
  }
  for (let at = 0; at < MANY; at += 50) {
    await Promise.all(people.slice(at, at + 50).map(({ id, email, name }) => identify(demo, id, { email, name, tier: 'platinum' })));
  }
  await open(page, demo);
  await expect(page.getByText('1,000 sync issues')).toBeVisible({ timeout: 240_000 });
  const misfit = group(page, MISFIT);
  const rows = misfit.getByRole('listitem');
  const started = Date.now();
  await misfit.getByRole('button', { name: 'Show 1,000 users' }).click();
  await expect(rows).toHaveCount(50);
  const first = await rows.first().textContent();
  await misfit.getByRole('button', { name: 'Next' }).click();
  await expect(misfit.getByText('51–100 of 1,000')).toBeVisible();
  await expect(rows.first()).not.toHaveText(first ?? '');
  expect(Date.now() - started, 'two pages').toBeLessThan(10_000);
  await expectAccessible(page);
  await picture(page, 'issues-many');
  await misfit.getByRole('button', { name: 'Previous' }).click();
  await expect(misfit.getByText('1–50 of 1,000')).toBeVisible();
  await page.getByRole('searchbox').fill('many777@');
  await expect(page.getByText('1 sync issue shown')).toBeVisible();
  await page.getByRole('button', { name: 'Clear search' }).click();

  await page.setViewportSize({ width: 360, height: 740 });
  await expect(page.getByText('1,000 sync issues')).toBeVisible();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
  await picture(page, 'issues-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });

  const [tier] = await org.tooling<{ Id: string }>("SELECT Id FROM CustomField WHERE DeveloperName = 'Tier'");
  await org.change(`tooling/sobjects/CustomField/${tier?.Id}`, picklist('silver', 'gold', 'platinum'));
  await page.getByRole('button', { name: 'Retry all 1,000' }).click();
  await expect(notice(page, 'Tried again: all 1,000 closed.')).toBeVisible({ timeout: 240_000 });
  await expect(page.getByRole('heading', { name: 'No sync issues' })).toBeVisible(ARRIVES);
});
