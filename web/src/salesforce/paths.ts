export const SALESFORCE_PATH = '/settings/integrations/salesforce';
export const ISSUES_PATH = `${SALESFORCE_PATH}/issues`;
