import { Alert, Button, Code, Group, Paper, Radio, Stack, Text, TextInput, Title } from '@mantine/core';
import { IconAlertCircle, IconExternalLink, IconInfoCircle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';

import { ApiError, type Connection } from '../api/client';
import { salesforceKey } from '../api/queries';
import { useEnv } from '../session/session';
import { AppGuide } from './app-guide';
import { connectSalesforce, SignInAbandoned } from './authorize';
import classes from './connection.module.css';
import { SalesforceTile } from './salesforce-tile';
import { loginUrlWords, myDomainUrl } from './words';

const MY_DOMAIN = 'my-domain';

/** For an environment without a connection: signing in, and beside it what has to be there first. */
export function ConnectCard({ connection }: { connection: Connection }) {
  return (
    <div className={classes['columns']}>
      <Paper component="section" aria-labelledby="connect-heading" p={{ base: 'lg', sm: 'xl' }}>
        <Stack gap="lg">
          <Group wrap="nowrap" align="flex-start">
            <SalesforceTile size={44} />
            <div>
              <Title order={2} id="connect-heading">
                Connect your org
              </Title>
              <Text size="sm" c="dimmed">
                Sign in as the user that Syncline works as. A dedicated integration user is best.
              </Text>
            </div>
          </Group>
          <ConnectForm connection={connection} />
        </Stack>
      </Paper>
      <AppGuide callbackUrl={connection.callback_url} isSetUp={connection.available} />
    </div>
  );
}

function NotAvailable({ isConnected }: { isConnected: boolean }) {
  return (
    <Alert icon={<IconInfoCircle aria-hidden />} color="gray" title="This server has no Salesforce app yet" classNames={{ title: classes['alertTitle'] ?? '' }}>
      {isConnected ? (
        <>
          It was connected by <Code>syncline connect</Code>. Whoever runs this server can connect it again with that command.
        </>
      ) : (
        <>
          To sign in here, it needs an External Client App of yours. Create one, set <Code>SYNCLINE_SALESFORCE_CLIENT_ID</Code> and{' '}
          <Code>SYNCLINE_SALESFORCE_CLIENT_SECRET</Code>, then start the server again.
        </>
      )}
    </Alert>
  );
}

/** Also used to reconnect: the same sign-in, with a quieter frame. */
export function ConnectForm({ connection, onConnected }: { connection: Connection; onConnected?: () => void }) {
  return connection.available ? (
    <SignInForm loginUrls={connection.login_urls} usual={connection.login_url} onConnected={onConnected} />
  ) : (
    <NotAvailable isConnected={connection.status !== 'not_connected'} />
  );
}

interface SignInProps {
  loginUrls: string[];
  /** Where it was signed in last. */
  usual: string | null;
  onConnected: (() => void) | undefined;
}

function SignInForm({ loginUrls, usual, onConnected }: SignInProps) {
  const env = useEnv();
  const queryClient = useQueryClient();
  const isOwn = usual !== null && !loginUrls.includes(usual);
  const [choice, setChoice] = useState(isOwn ? MY_DOMAIN : (usual ?? loginUrls[0] ?? MY_DOMAIN));
  const [myDomain, setMyDomain] = useState(isOwn ? usual : '');
  const [domainError, setDomainError] = useState<string | null>(null);

  const mutation = useMutation({
    mutationFn: (loginUrl: string) => connectSalesforce(env, loginUrl),
    onSettled: () => queryClient.invalidateQueries({ queryKey: salesforceKey(env) }),
    onSuccess: () => onConnected?.(),
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
