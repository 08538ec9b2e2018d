import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { IconAlertCircle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useEffect, useRef, useState } from 'react';
import { Navigate, useLocation, useNavigate } from 'react-router';

import { ApiError, signIn } from '../api/client';
import { sessionQuery } from '../api/queries';
import { Brand } from '../ui/brand';

function returnPath(state: unknown): string {
  if (typeof state === 'object' && state !== null && 'from' in state && typeof state.from === 'string') return state.from;
  return '/users';
}

/** What to tell someone whose sign-in failed; never which of the two was wrong. */
function failureWords(error: Error): string {
  if (error instanceof ApiError && error.status === 401) return 'Email and password do not match. Check both, then try again.';
  return error.message;
}

export function SignInPage() {
  useDocumentTitle('Sign in · Syncline');
  const navigate = useNavigate();
  const location = useLocation();
  const queryClient = useQueryClient();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [missing, setMissing] = useState<{ email?: string; password?: string }>({});
  const emailRef = useRef<HTMLInputElement>(null);
  const passwordRef = useRef<HTMLInputElement>(null);
  const errorRef = useRef<HTMLDivElement>(null);

  const mutation = useMutation({
    mutationFn: () => signIn(email.trim(), password),
    onSuccess: (session) => {
      queryClient.removeQueries({ queryKey: ['env'] });
      queryClient.setQueryData(sessionQuery.queryKey, session);
      return navigate(returnPath(location.state), { replace: true });
    },
  });

  useEffect(() => {
    if (mutation.isError) errorRef.current?.focus();
  }, [mutation.isError, mutation.submittedAt]);

  if (queryClient.getQueryData(sessionQuery.queryKey)) return <Navigate to={returnPath(location.state)} replace />;

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const gaps = {
      ...(email.trim() === '' ? { email: 'Enter your email.' } : {}),
      ...(password === '' ? { password: 'Enter your password.' } : {}),
    };
    setMissing(gaps);
    if (gaps.email !== undefined) emailRef.current?.focus();
    else if (gaps.password !== undefined) passwordRef.current?.focus();
    else mutation.mutate();
  };

  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={380} gap="lg">
        <Center>
          <Brand size={34} />
        </Center>
        <Paper p={{ base: 'lg', xs: 'xl' }} shadow="sm">
          <form onSubmit={submit} noValidate>
            <Stack>
              <div>
                <Title order={1}>Sign in</Title>
                <Text c="dimmed" size="sm" mt={4}>
                  Keep Salesforce and Userflow in step.
                </Text>
              </div>
              {mutation.isError && (
                <Alert ref={errorRef} tabIndex={-1} color="red" icon={<IconAlertCircle aria-hidden />} role="alert">
                  {failureWords(mutation.error)}
                </Alert>
              )}
              <TextInput
                ref={emailRef}
                label="Email"
                type="email"
                name="email"
                autoComplete="username"
                data-autofocus
                autoFocus
                required
                withAsterisk={false}
                value={email}
                error={missing.email}
                onChange={({ currentTarget }) => setEmail(currentTarget.value)}
              />
              <PasswordInput
                ref={passwordRef}
                label="Password"
                name="password"
                autoComplete="current-password"
                required
                withAsterisk={false}
                value={password}
                error={missing.password}
                visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
                onChange={({ currentTarget }) => setPassword(currentTarget.value)}
              />
              <Button type="submit" loading={mutation.isPending} fullWidth mt="xs">
                Sign in
              </Button>
            </Stack>
          </form>
        </Paper>
      </Stack>
    </Center>
  );
}
