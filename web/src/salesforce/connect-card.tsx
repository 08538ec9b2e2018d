import { Alert, Button, Code, Group, Paper, Radio, Stack, Text, TextInput, Title } from '@mantine/core';
import { IconAlertCircle, IconExternalLink, IconInfoCircle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';

import { ApiError, type Connection } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { connectSalesforce, SignInAbandoned } from './authorize';
import { SalesforceTile } from './salesforce-tile';
import { loginUrlWords, myDomainUrl } from './words';

const MY_DOMAIN = 'my-domain';

export function ConnectCard({ connection }: { connection: Connection }) {
  return (
    <Paper p={{ base: 'lg', sm: 'xl' }} maw={640}>
      <Stack gap="lg">
        <Group wrap="nowrap">
          <SalesforceTile size={44} />
          <div>
            <Title order={2}>Connect your org</Title>
            <Text size="sm" c="dimmed">
              Sign in as the user that Syncline works as. A dedicated integration user is best.
            </Text>
          </div>
        </Group>
        {connection.available ? <ConnectForm loginUrls={connection.login_urls} /> : <NotAvailable />}
      </Stack>
    </Paper>
  );
}

function NotAvailable() {
  return (
    <Alert icon={<IconInfoCircle aria-hidden />} color="gray" title="This server has no Salesforce app yet">
      Create an external client app (or a connected app) in Salesforce, set <Code>SYNCLINE_SALESFORCE_CLIENT_ID</Code> and{' '}
      <Code>SYNCLINE_SALESFORCE_CLIENT_SECRET</Code>, then start the server again.
    </Alert>
  );
}

/** Also used to reconnect: the same sign-in, with a quieter frame. */
export function ConnectForm({ loginUrls }: { loginUrls: string[] }) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const [choice, setChoice] = useState(loginUrls[0] ?? MY_DOMAIN);
  const [myDomain, setMyDomain] = useState('');
  const [domainError, setDomainError] = useState<string | null>(null);

  const mutation = useMutation({
    mutationFn: (loginUrl: string) => connectSalesforce(env, loginUrl),
    onSettled: () => queryClient.invalidateQueries({ queryKey: salesforceKey(env) }),
  });

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const loginUrl = choice === MY_DOMAIN ? myDomainUrl(myDomain) : choice;
    if (loginUrl === null) {
      setDomainError('Enter the address of your org, such as acme.my.salesforce.com.');
      return;
    }
    setDomainError(null);
    mutation.mutate(loginUrl);
  };

  const { error } = mutation;
  const refusedUrl = error instanceof ApiError && error.field === 'login_url' ? error.message : null;
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Radio.Group label="Where do you sign in?" value={choice} onChange={setChoice} error={choice === MY_DOMAIN ? null : refusedUrl}>
          <Stack gap="sm" mt="xs">
            {loginUrls.map((url) => (
              <Radio key={url} value={url} {...loginUrlWords(url)} />
            ))}
            <Radio value={MY_DOMAIN} label="My Domain" description="Your org's own address" />
          </Stack>
        </Radio.Group>
        {choice === MY_DOMAIN && (
          <TextInput
            label="My Domain address"
            placeholder="acme.my.salesforce.com"
            inputMode="url"
            autoComplete="url"
            value={myDomain}
            error={domainError ?? refusedUrl}
            onChange={({ currentTarget }) => setMyDomain(currentTarget.value)}
          />
        )}
        {error !== null && refusedUrl === null && (
          <Alert
            role="alert"
            color={error instanceof SignInAbandoned ? 'gray' : 'red'}
            icon={<IconAlertCircle aria-hidden />}
            title={error instanceof SignInAbandoned ? undefined : 'Salesforce did not connect'}
          >
            {error.message}
          </Alert>
        )}
        <Group gap="md">
          <Button type="submit" loading={mutation.isPending} leftSection={<IconExternalLink size={16} aria-hidden />}>
            Connect with Salesforce
          </Button>
          {mutation.isPending && (
            <Text size="sm" c="dimmed" role="status">
              Waiting for the Salesforce window…
            </Text>
          )}
        </Group>
      </Stack>
    </form>
  );
}
