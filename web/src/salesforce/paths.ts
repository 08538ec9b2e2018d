export const SALESFORCE_PATH = '/settings/integrations/salesforce';
export const ISSUES_PATH = `${SALESFORCE_PATH}/issues`;

/** Where the pages of a connection stand. */
export const INTEGRATIONS_STEP = { to: '/settings/integrations', label: 'Integrations' };
export const SALESFORCE_STEP = { to: SALESFORCE_PATH, label: 'Salesforce' };
