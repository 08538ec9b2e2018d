import { ActionIcon, Button, Code, Collapse, CopyButton, Paper, Stack, Text, Title, Tooltip } from '@mantine/core';
import { IconCheck, IconChevronDown, IconCopy } from '@tabler/icons-react';
import { useId, useState } from 'react';

import classes from './connection.module.css';

/** How to create the app in Salesforce that this server signs in through. */
export function AppGuide({ callbackUrl, isSetUp }: { callbackUrl: string; isSetUp: boolean }) {
  return (
    <Paper component="section" aria-labelledby="guide-heading" p={{ base: 'lg', sm: 'xl' }}>
      <Stack gap="md">
        <div>
          <Title order={2} id="guide-heading">
            {isSetUp ? 'The External Client App' : 'Create the External Client App'}
          </Title>
          <Text size="sm" c="dimmed" mt={2}>
            {isSetUp
              ? 'This server has its app already. Compare it with these steps if Salesforce refuses the sign-in.'
              : 'Once for this server, by an administrator of a Salesforce org.'}{' '}
            Connected apps can no longer be created; one that you have goes on working.
          </Text>
        </div>
        <ol className={classes['steps']}>
          <li>
            In Salesforce, open <b>Setup → External Client App Manager</b> and choose <b>New External Client App</b>.
          </li>
          <li>
            Name it, for example Syncline, enter a contact e-mail address, and leave the distribution state at <b>Local</b>.
          </li>
          <li>
            Under <b>API (Enable OAuth Settings)</b>, tick <b>Enable OAuth</b> and enter this callback URL, exactly:
            <CallbackUrl url={callbackUrl} />
          </li>
          <li>
            Add two OAuth scopes: <b>Manage user data via APIs</b> <Code>api</Code> and <b>Perform requests at any time</b>{' '}
            <Code>refresh_token</Code>.
          </li>
          <li>
            Under <b>Security</b>, keep <b>Require secret for Web Server Flow</b> and <b>Require Proof Key for Code Exchange (PKCE)</b> ticked.
            Refresh token rotation may be on.
          </li>
          <li>
            Choose <b>Create</b>. Then, on the <b>Settings</b> tab under <b>OAuth Settings</b>, open <b>Consumer Key and Secret</b> and give both to
            this server:
            <pre className={classes['command']} tabIndex={0} aria-label="Server settings">
              {'SYNCLINE_SALESFORCE_CLIENT_ID=<consumer key>\nSYNCLINE_SALESFORCE_CLIENT_SECRET=<consumer secret>'}
            </pre>
          </li>
          <li>Start the server again. Salesforce may take ten minutes until it knows a new app.</li>
        </ol>
        <Headless />
      </Stack>
    </Paper>
  );
}

function CallbackUrl({ url }: { url: string }) {
  return (
    <span className={classes['copyable']}>
      <code>{url}</code>
      <CopyButton value={url} timeout={2_000}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : 'Copy'}>
            <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={copied ? 'Callback URL copied' : 'Copy callback URL'}>
              {copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </span>
  );
}

function Headless() {
  const [opened, setOpened] = useState(false);
  const id = useId();
  return (
    <div>
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        aria-expanded={opened}
        aria-controls={id}
        onClick={() => setOpened(!opened)}
        rightSection={<IconChevronDown size={14} className={classes['chevron'] ?? ''} data-opened={opened} aria-hidden />}
        className={classes['fold'] ?? ''}
      >
        Connect without a browser
      </Button>
      <Collapse expanded={opened} id={id}>
        <Stack gap="md" pt="xs">
          <div>
            <Text size="sm">
              <b>JWT bearer:</b> tick <b>Enable JWT Bearer Flow</b> in the app and upload the certificate; under <b>Policies</b>, let administrators
              pre-authorize users, and add the permission set of the user. Then:
            </Text>
            <pre className={classes['command']} tabIndex={0} aria-label="Command for JWT bearer">
              {
                'syncline connect --login-url https://acme.my.salesforce.com \\\n  --client-id <consumer key> --private-key server.key \\\n  --username integration@acme.com'
              }
            </pre>
          </div>
          <div>
            <Text size="sm">
              <b>Client credentials:</b> tick <b>Enable Client Credentials Flow</b> in the app, and under <b>Policies</b> name the user to run as. Then:
            </Text>
            <pre className={classes['command']} tabIndex={0} aria-label="Command for client credentials">
              {
                'syncline connect --login-url https://acme.my.salesforce.com \\\n  --client-id <consumer key> --client-secret-file secret.txt'
              }
            </pre>
          </div>
        </Stack>
      </Collapse>
    </div>
  );
}
