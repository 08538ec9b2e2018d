/** The demo as it starts: connected, mapped and in step. */
import type { Locator } from '@playwright/test';

import { expect, expectAccessible, Org, people, type Person, picture, signIn, test } from './demo.ts';

test.describe('signing in', () => {
  test('asks for a sign-in, and then opens the page that was asked for', async ({ page, demo }) => {
    await page.goto('/settings/integrations');
    await expect(page).toHaveURL('/sign-in');
    await expectAccessible(page);
    await page.getByLabel('Email').fill(demo.admin_email);
    await page.getByLabel('Password', { exact: true }).fill(demo.admin_password);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { level: 1, name: 'Integrations' })).toBeVisible();
  });

  test('says in words that a password is wrong, and does not sign in', async ({ page, demo }) => {
    await page.goto('/sign-in');
    await page.getByLabel('Email').fill(demo.admin_email);
    await page.getByLabel('Password', { exact: true }).fill(`${demo.admin_password}x`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const alert = page.getByRole('alert');
    await expect(alert).toContainText('Email and password do not match');
    await expect(alert).toBeFocused();
    await expectAccessible(page);
    await page.goto('/users');
    await expect(page).toHaveURL('/sign-in');
  });

  test('signs out', async ({ page, demo }) => {
    await signIn(page, demo);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect((await page.request.get('/api/v1/session')).status()).toBe(401);
  });
});

test.describe('users and companies', () => {
  test('finds a person by name, and keeps the search in the address', async ({ page, demo }) => {
    await signIn(page, demo);
    const [person] = (await people(page, demo)).slice(3);
    if (person === undefined) throw new Error('The demo has too few users.');
    await page.getByRole('searchbox').fill(person.email);
    await expect(page).toHaveURL(`/users?search=${encodeURIComponent(person.email).replaceAll('%20', '+')}`);
    await expect(page.getByRole('table').getByRole('link')).toHaveText([person.name]);
    await expectAccessible(page);
    await page.reload();
    await expect(page.getByRole('searchbox')).toHaveValue(person.email);
    await expect(page.getByRole('table').getByRole('link')).toHaveText([person.name]);
  });

  test('says when a search finds nobody', async ({ page, demo }) => {
    await signIn(page, demo);
    await page.goto('/users?search=nobody-is-called-this');
    await expect(page.getByRole('heading', { name: 'No users match “nobody-is-called-this”' })).toBeVisible();
    await expectAccessible(page);
  });

  test('pages forward and back through the users', async ({ page, demo }) => {
    await signIn(page, demo);
    const links = page.getByRole('table').getByRole('link');
    await expect(links).toHaveCount(50);
    const first = await links.first().textContent();
    await page.getByRole('button', { name: 'Next' }).click();
    await expect(page.getByText(/^51–100 of /)).toBeVisible();
    await expect(links.first()).not.toHaveText(first ?? '');
    await page.getByRole('button', { name: 'Previous' }).click();
    await expect(page.getByText(/^1–50 of /)).toBeVisible();
  });

  test('lists companies, and a company shows fields of its account', async ({ page, demo }) => {
    await signIn(page, demo);
    await page.getByRole('link', { name: 'Companies' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Companies' })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('row').filter({ has: page.getByRole('img', { name: /^Linked to Salesforce/ }) }).first().getByRole('link').click();
    await expect(page.getByRole('row', { name: /salesforce_account_industry/ }).getByRole('img', { name: 'From Salesforce' })).toBeVisible();
    await expectAccessible(page);
  });
});

test.describe('a profile', () => {
  let person: Person;

  test.beforeEach(async ({ page, demo }) => {
    await signIn(page, demo);
    const linked = (await people(page, demo)).find((candidate) => candidate.linked.includes('Contact'));
    if (linked === undefined) throw new Error('Nobody on the first page is linked to a contact.');
    person = linked;
    await page.goto(`/users/${encodeURIComponent(person.id)}`);
  });

  test('marks what comes from Salesforce with the cloud, and nothing else', async ({ page }) => {
    await expect(page.getByRole('heading', { level: 1, name: person.name })).toBeVisible();
    const rows = page.getByRole('table', { name: 'Attributes' }).getByRole('row');
    const cloud = page.getByRole('img', { name: 'From Salesforce' });
    await expect(rows.filter({ hasText: 'salesforce_contact_title' }).and(rows.filter({ has: cloud }))).toHaveCount(1);
    await expect(rows.filter({ hasText: /\bemail\b/ }).filter({ has: cloud })).toHaveCount(0);
    await expectAccessible(page);
  });

  test('changes on screen by itself when the contact changes in Salesforce', async ({ page, demo }) => {
    const org = await Org.of(demo);
    const row = page.locator('tr[data-attribute="salesforce_contact_title"]');
    await expect(row).toBeVisible();
    await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

    await org.update('Contact', await org.contactId(person.email), { Title: 'Keeper of the e2e Keys' });
    await expect(row.getByRole('cell')).toHaveText('Keeper of the e2e Keys');
    await expect(page.getByRole('status').filter({ hasText: 'changed to Keeper of the e2e Keys' })).toBeAttached();
    await picture(page, 'profile');

    expect(await page.evaluate(() => 'neverReloaded' in window)).toBe(true);
  });

  test('says how it is synced: the link and its reason, and both sides of each field', async ({ page }) => {
    const inspector = page.getByRole('region', { name: 'Sync with Salesforce' });
    const contact = inspector.getByRole('article', { name: /^Contact, matched by Email = email/ });
    await expect(contact).toContainText('Linked to Contact');
    await expect(contact).toContainText(person.email);
    const title = contact.getByRole('row').filter({ hasText: 'salesforce_contact_title' });
    await expect(title).toContainText('In step');
    await expectAccessible(page);
    await inspector.scrollIntoViewIfNeeded();
    await picture(page, 'inspector');
  });

  test('is synced at once when asked for, and says what came of it', async ({ page }) => {
    const inspector = page.getByRole('region', { name: 'Sync with Salesforce' });
    await inspector.getByRole('button', { name: 'Sync now' }).press('Enter');
    await expect(inspector.getByRole('status').filter({ hasText: 'Done. Both sides are in step.' })).toBeVisible();
    await expectAccessible(page);
  });

  test('links to the record in Salesforce', async ({ page, demo }) => {
    const id = await (await Org.of(demo)).contactId(person.email);
    const link = page.getByRole('region', { name: 'Salesforce' }).getByRole('link', { name: new RegExp(id) });
    await expect(link).toHaveAttribute('href', new RegExp(`${id}`));
  });
});

test.describe('the connection', () => {
  test.beforeEach(async ({ page, demo }) => signIn(page, demo));

  test('shows on the Integrations page as whom and where, and that it is live', async ({ page, demo }) => {
    await page.getByRole('link', { name: 'Integrations' }).click();
    await expect(page.getByText(`Connected as ${demo.org_username} at`)).toBeVisible();
    await expect(page.getByRole('status', { name: 'Connection state: Live' })).toBeVisible();
    await expectAccessible(page);
  });

  test('shows its figures and mappings', async ({ page, demo }) => {
    await page.goto('/settings/integrations/salesforce');
    await expect(page.getByRole('heading', { name: `Connected as ${demo.org_username} at` })).toBeVisible();
    await expect(page.getByRole('article', { name: 'Mapping of Contact and User' })).toContainText('salesforce_contact_title');
    await expect(page.getByRole('article', { name: 'Mapping of Account and Company' })).toBeVisible();
    await expectAccessible(page);
    await picture(page, 'integrations');
  });

  test('moves a mapping by keyboard, where the focus stays, and pauses and resumes it', async ({ page }) => {
    await page.goto('/settings/integrations/salesforce');
    const mappings = page.getByRole('list', { name: 'Mappings in order' }).getByRole('article');
    const names = () => mappings.evaluateAll((found) => found.map((mapping) => mapping.getAttribute('aria-label')));
    await expect(mappings).toHaveCount(2);
    const before = await names();
    const up = page.getByRole('button', { name: 'Move the mapping of Account and Company up' });
    await up.press('Enter');
    await expect.poll(names).toEqual(before.toReversed());
    await expect(up).toBeFocused();
    await expect(page.getByRole('status').filter({ hasText: 'Account and Company is now number 1 of 2.' })).toBeAttached();
    await expectAccessible(page);
    await page.reload();
    await expect.poll(names).toEqual(before.toReversed());
    await page.getByRole('button', { name: 'Move the mapping of Account and Company down' }).press('Enter');
    await expect.poll(names).toEqual(before);

    const contact = page.getByRole('article', { name: 'Mapping of Contact and User' });
    for (const [action, paused] of [['Pause', 1], ['Resume', 0]] as const) {
      await page.getByRole('button', { name: 'Actions for the mapping of Contact and User' }).click();
      await page.getByRole('menuitem', { name: action }).click();
      await expect(contact.getByText('Paused')).toHaveCount(paused);
    }
  });

  test('opens a mapping as it is saved', async ({ page }) => {
    await page.goto('/settings/integrations/salesforce');
    await page.getByRole('button', { name: 'Actions for the mapping of Contact and User' }).click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await expect(page.getByRole('combobox', { name: 'Salesforce Contact' })).toHaveValue('Email');
    await expectAccessible(page);
  });

  test('shows on real links what a mapping would do, before it is saved', async ({ page }) => {
    await page.goto('/settings/integrations/salesforce');
    await page.getByRole('button', { name: 'Actions for the mapping of Contact and User' }).click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    const inbound = page.getByRole('region', { name: 'Fields to sync from Salesforce to Userflow' });
    await inbound.getByRole('button', { name: 'Options of line 1' }).click();
    await inbound.getByRole('button', { name: 'Add a value' }).first().click();
    await inbound.getByLabel('Source value 1').fill('Nobody has this title');
    const preview = page.getByRole('region', { name: 'Preview on real links' });
    await preview.getByRole('button', { name: 'Show preview' }).press('Enter');
    await expect(preview.getByText(/^\d+ of \d+ users tried match a Salesforce Contact\.$/)).toBeVisible();
    await expect(preview.getByText(/value map does not name it/).first()).toBeVisible();
    await expectAccessible(page);
    // It follows the draft.
    await inbound.getByRole('button', { name: 'Remove value 1' }).click();
    await expect(preview.getByText(/value map does not name it/)).toHaveCount(0);
    await preview.scrollIntoViewIfNeeded();
    await picture(page, 'preview');
  });

  test('shows what the server refuses at the field that it means', async ({ page }) => {
    await page.goto('/settings/integrations/salesforce/mappings/new?salesforce=Contact&userflow=user');
    const outbound = page.getByRole('region', { name: 'Fields to sync from Userflow to Salesforce' });
    await outbound.getByRole('button', { name: 'Add a field' }).click();
    await choose(outbound, 'User attribute, line 1', 'plan');
    // What records are matched by must not be overwritten.
    await choose(outbound, 'Contact field, line 1', 'Email');
    await page.getByRole('button', { name: 'Save mapping' }).click();
    const refused = page.locator('[aria-invalid="true"]');
    await expect(refused).toHaveCount(1);
    await expect(refused).toBeFocused();
    await expect(outbound.getByText(/matched by/)).toBeVisible();
    await expectAccessible(page);
  });

  test('tells assistive technology which option Enter takes, while one types', async ({ page }) => {
    await page.goto('/settings/integrations/salesforce/mappings/new?salesforce=Contact&userflow=user');
    const inbound = page.getByRole('region', { name: 'Fields to sync from Salesforce to Userflow' });
    const outbound = page.getByRole('region', { name: 'Fields to sync from Userflow to Salesforce' });
    await outbound.getByRole('button', { name: 'Add a field' }).click();
    for (const [box, typed] of [
      [inbound.getByRole('combobox', { name: 'Contact field, line 1' }), 'title'],
      [outbound.getByRole('combobox', { name: 'User attribute, line 1' }), 'plan'],
    ] as const) {
      await box.click();
      await box.press('ArrowDown');
      await box.press('ArrowDown');
      await expect(await told(box)).toBeVisible();
      await box.fill('nothing is called so');
      await expect(box).not.toHaveAttribute('aria-activedescendant');
      await box.fill(typed);
      const option = await told(box);
      const label = (await option.innerText()).split('\n')[0] ?? '';
      expect(label.toLowerCase()).toContain(typed);
      await box.press('Enter');
      await expect(box).toHaveValue(label);
      await expect(box).not.toHaveAttribute('aria-activedescendant');
    }
  });

  test('finds one of hundreds of fields, and a field of whoever owns the record', async ({ page, demo }) => {
    test.setTimeout(180_000);
    const many = 400;
    const org = await Org.of(demo);
    const names = Array.from({ length: many }, (_, number) => `Note_${String(number).padStart(3, '0')}__c`);
    for (const name of names) {
      const metadata = { type: 'Text', label: name.slice(0, -3).replace('_', ' '), length: 80 };
      await org.create('tooling/sobjects/CustomField', { FullName: `Lead.${name}`, Metadata: metadata });
    }
    const [everybody] = await org.query<{ Id: string }>("SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true AND Profile.Name = 'System Administrator'");
    for (let at = 0; at < many; at += 200) {
      const granted = { attributes: { type: 'FieldPermissions' }, ParentId: everybody?.Id, SobjectType: 'Lead', PermissionsRead: true, PermissionsEdit: true };
      const records = names.slice(at, at + 200).map((name) => ({ ...granted, Field: `Lead.${name}` }));
      await org.call('POST', '/composite/sobjects', { records });
    }
    await page.goto('/settings/integrations/salesforce');
    await page.getByRole('button', { name: 'Check now' }).click();
    const described = async () => {
      const response = await page.request.get(`/api/v1/environments/${demo.environment_id}/salesforce/objects/Lead`);
      return ((await response.json()) as { fields: unknown[] }).fields.length;
    };
    await expect.poll(described, { timeout: 60_000 }).toBeGreaterThan(many);

    await page.goto('/settings/integrations/salesforce/mappings/new?salesforce=Lead&userflow=user');
    const inbound = page.getByRole('region', { name: 'Fields to sync from Salesforce to Userflow' });
    const source = inbound.getByRole('combobox', { name: 'Lead field, line 1' });
    await source.click();
    // Lines that are closed draw none of them.
    await expect(inbound.getByText(/^The first 200 of \d+\. Type to narrow them\.$/)).toBeVisible();
    await picture(page, 'many-fields');
    await expectAccessible(page);
    await source.fill('note 399');
    await expect(inbound.getByRole('option')).toHaveCount(1);
    await page.keyboard.press('Enter');
    await expect(source).toHaveValue('Note 399');
    await expect(inbound.getByRole('combobox', { name: 'User attribute, line 1' })).toHaveValue('salesforce_lead_note_399');

    // A lead belongs to a person or to a queue.
    await source.fill('owner');
    await inbound.getByRole('option', { name: /^Owner\b.*unfolds$/ }).click();
    const email = inbound.getByRole('option', { name: /^Email\b.*Owner\.Email\b/ });
    await expect(inbound.getByRole('option', { name: /Owner\.Name\b/ })).toBeVisible();
    await expect(email).toBeVisible();
    await picture(page, 'owner-fields');
    await expectAccessible(page);
    await email.click();
    await expect(inbound.getByRole('combobox', { name: 'User attribute, line 1' })).toHaveValue('salesforce_owner_email');
  });

  test('sends what events add up to, and the latest answer to a question, once they are chosen', async ({ page, demo }) => {
    const person = (await people(page, demo)).find(({ linked }) => linked.includes('Contact'));
    if (person === undefined) throw new Error('Nobody on the first page is linked to a contact.');
    const track = (name: string, attributes: Record<string, unknown> = {}) =>
      page.request.post(`${demo.userflow_api_url}/events`, {
        headers: { Authorization: `Bearer ${demo.userflow_api_key}` },
        data: { name, user_id: person.id, attributes },
        failOnStatusCode: true,
      });
    await track('trial_extended');
    await track('question_answered', { question_cvid: 'cv-nps', question_name: 'How likely', question_type: 'nps', number_answer: 9 });

    await page.goto('/settings/integrations/salesforce');
    await page.getByRole('button', { name: 'Actions for the mapping of Contact and User' }).click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    const outbound = page.getByRole('region', { name: 'Fields to sync from Userflow to Salesforce' });
    const lines = outbound.getByRole('combobox', { name: /^User attribute, line/ });
    // A count waits for nothing: the mapping's own lines come with the page.
    await expect(lines.first()).toBeVisible();
    const before = await lines.count();
    const chosen = [
      ['How often: Trial Extended', 'userflow_user_trial_extended_count__c', 'Number(16, 2)'],
      ['Latest answer: How likely', 'userflow_user_how_likely__c', 'Number(16, 2)'],
    ] as const;
    for (const [at, [title, field, type]] of chosen.entries()) {
      await outbound.getByRole('button', { name: 'Add a field' }).click();
      const line = before + at + 1;
      await choose(outbound, `User attribute, line ${line}`, title);
      const target = outbound.getByRole('combobox', { name: `Contact field, line ${line}` });
      await expect(target).toHaveValue(field);
      await target.click();
      await expect(outbound.getByRole('option', { name: field })).toContainText(type);
      await page.keyboard.press('Escape');
    }
    await lines.last().click();
    await lines.last().fill('often');
    await outbound.scrollIntoViewIfNeeded();
    await picture(page, 'sources');
    // What is typed and not chosen is forgotten.
    await page.keyboard.press('Tab');
    await expect(lines.last()).toHaveValue(chosen[1][0]);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Save mapping' }).click();
    await expect(page).toHaveURL('/settings/integrations/salesforce');

    await page.goto(`/users/${encodeURIComponent(person.id)}`);
    const inspector = page.getByRole('region', { name: 'Sync with Salesforce' });
    const row = (from: string) => inspector.getByRole('row').filter({ hasText: from });
    await expect(row('event.trial_extended.count').getByRole('cell')).toHaveText(['1', '1', 'In step', /ago|now/]);
    await expect(row('answer.cv-nps').getByRole('cell')).toHaveText(['9', '9', 'In step', /ago|now/]);
    await track('trial_extended');
    await expect(row('event.trial_extended.count').getByRole('cell')).toHaveText(['2', '2', 'In step', /ago|now/]);
    const org = await Org.of(demo);
    const fields = chosen.map(([, field]) => field);
    const records = await org.query<Record<string, unknown>>(`SELECT ${fields.join(', ')} FROM Contact WHERE Email = '${person.email}'`);
    expect(fields.map((field) => records[0]?.[field])).toEqual([2, 9]);
    await inspector.scrollIntoViewIfNeeded();
    await picture(page, 'computed');
  });

  test('says Reconnecting while the server can not be reached, and recovers', async ({ page, context }) => {
    await page.goto('/users');
    await expect(page.getByRole('table').getByRole('link')).toHaveCount(50);
    await context.setOffline(true);
    await page.getByRole('link', { name: 'Companies' }).click();
    await expect(page.getByText('Reconnecting…')).toBeVisible();
    await context.setOffline(false);
    await expect(page.getByText('Reconnecting…')).toBeHidden();
  });

  test('fits a narrow screen, and its menu works there', async ({ page }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const address of ['/users', '/companies', '/settings/integrations', '/settings/integrations/salesforce']) {
      await page.goto(address);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, address).toBeLessThanOrEqual(0);
    }
    await page.getByRole('button', { name: 'Menu', exact: true }).click();
    await page.getByRole('link', { name: 'Companies' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Companies' })).toBeVisible();
  });
});

/** The option that a box tells assistive technology of. */
async function told(box: Locator): Promise<Locator> {
  await expect(box).toHaveAttribute('aria-activedescendant', /./);
  return box.page().locator(`[id="${await box.getAttribute('aria-activedescendant')}"]`);
}

async function choose(within: Locator, field: string, text: string) {
  const box = within.getByRole('combobox', { name: field });
  await box.click();
  await box.fill(text);
  await within.getByRole('option', { name: new RegExp(`^${text}\\b`, 'i') }).first().click();
}
