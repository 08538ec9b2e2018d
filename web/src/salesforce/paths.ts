export const SALESFORCE_PATH = '/settings/integrations/salesforce';
