import { ActionIcon, Anchor, AppShell, Box, Burger, Button, Group, NavLink, Select, Stack, Text, Tooltip, useMantineColorScheme } from '@mantine/core';
import { useColorScheme, useDisclosure, useMediaQuery } from '@mantine/hooks';
import { IconBuilding, IconLogout, IconMoon, IconPlugConnected, IconSun, IconUsers } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { Link, Outlet, useLocation } from 'react-router';

import { signOut } from '../api/client';
import { sessionQuery } from '../api/queries';
import { useInterrupted } from '../api/live';
import { useSession } from '../session/session';
import { Brand } from '../ui/brand';
import classes from './app-layout.module.css';

export function AppLayout() {
  const [opened, { toggle, close }] = useDisclosure(false);
  const isNarrow = useMediaQuery('(max-width: 47.99em)');
  const { pathname } = useLocation();
  useEffect(close, [pathname, close]);

  return (
    <AppShell
      header={{ height: { base: 56, sm: 0 } }}
      navbar={{ width: 248, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'md', sm: 'xl' }}
      layout="alt"
    >
      <Anchor href="#main" className={classes['skipLink'] ?? ''}>
        Skip to content
      </Anchor>
      <AppShell.Header hiddenFrom="sm" px="md" className={classes['surface'] ?? ''}>
        <Group h="100%" justify="space-between">
          <Brand />
          <Burger opened={opened} onClick={toggle} size="sm" aria-label="Menu" aria-expanded={opened} aria-controls="navigation" />
        </Group>
      </AppShell.Header>
      {/* Slid out of sight, it must be out of reach of the keyboard too. */}
      <AppShell.Navbar id="navigation" inert={isNarrow && !opened} p="md" className={classes['surface'] ?? ''} aria-label="Main">
        <Navigation onBurger={toggle} opened={opened} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes['main'] ?? ''}>
        <ReconnectingBanner />
        <Box maw={1120} mx="auto">
          <Outlet />
        </Box>
      </AppShell.Main>
    </AppShell>
  );
}

function Navigation({ opened, onBurger }: { opened: boolean; onBurger: () => void }) {
  return (
    <Stack h="100%" gap="lg">
      <Group justify="space-between" h={24}>
        <Brand />
        <Burger hiddenFrom="sm" opened={opened} onClick={onBurger} size="sm" aria-label="Close menu" />
      </Group>
      <EnvironmentPicker />
      <Stack gap={2} flex={1}>
        <NavigationLink to="/users" icon={<IconUsers size={18} stroke={1.7} />} label="Users" />
        <NavigationLink to="/companies" icon={<IconBuilding size={18} stroke={1.7} />} label="Companies" />
        <Text size="xs" fw={600} c="dimmed" mt="md" mb={4} pl="sm">
          Settings
        </Text>
        <NavigationLink to="/settings/integrations" icon={<IconPlugConnected size={18} stroke={1.7} />} label="Integrations" />
      </Stack>
      <Account />
    </Stack>
  );
}

function NavigationLink({ to, icon, label }: { to: string; icon: ReactNode; label: string }) {
  const { pathname } = useLocation();
  const active = pathname === to || pathname.startsWith(`${to}/`);
  return (
    <NavLink
      component={Link}
      to={to}
      label={label}
      leftSection={icon}
      active={active}
      aria-current={pathname === to ? 'page' : undefined}
      className={classes['navLink'] ?? ''}
    />
  );
}

function EnvironmentPicker() {
  const { session, environment, chooseEnvironment } = useSession();
  if (session.environments.length === 1) {
    return (
      <Box className={classes['environment'] ?? ''}>
        <Text size="xs" c="dimmed">
          Environment
        </Text>
        <Text size="sm" fw={600} truncate>
          {environment.name}
        </Text>
      </Box>
    );
  }
  return (
    <Select
      label="Environment"
      data={session.environments.map(({ id, name }) => ({ value: id, label: name }))}
      value={environment.id}
      allowDeselect={false}
      onChange={(id) => id !== null && chooseEnvironment(id)}
    />
  );
}

function Account() {
  const { session } = useSession();
  const queryClient = useQueryClient();
  const mutation = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      queryClient.setQueryData(sessionQuery.queryKey, null);
      queryClient.removeQueries({ queryKey: ['env'] });
    },
  });
  return (
    <Stack gap="xs" className={classes['account'] ?? ''}>
      <Box miw={0}>
        <Text size="sm" fw={600} truncate>
          {session.member.name}
        </Text>
        <Text size="xs" c="dimmed" truncate title={session.member.email}>
          {session.member.email}
        </Text>
      </Box>
      <Group justify="space-between" wrap="nowrap">
        <Button
          variant="default"
          size="xs"
          flex={1}
          leftSection={<IconLogout size={15} aria-hidden />}
          loading={mutation.isPending}
          onClick={() => mutation.mutate()}
        >
          Sign out
        </Button>
        <ColorSchemeToggle />
      </Group>
      {mutation.isError && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {mutation.error.message}
        </Text>
      )}
    </Stack>
  );
}

function ColorSchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const system = useColorScheme();
  const isDark = (colorScheme === 'auto' ? system : colorScheme) === 'dark';
  const label = isDark ? 'Switch to light colours' : 'Switch to dark colours';
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size={30} aria-label={label} onClick={() => setColorScheme(isDark ? 'light' : 'dark')}>
        {isDark ? <IconSun size={16} /> : <IconMoon size={16} />}
      </ActionIcon>
    </Tooltip>
  );
}

function ReconnectingBanner() {
  const interrupted = useInterrupted();
  return (
    <div role="status" className={classes['banner'] ?? ''}>
      {interrupted && (
        <Text size="sm" className={classes['bannerText'] ?? ''}>
          Reconnecting… What you see may be out of date.
        </Text>
      )}
    </div>
  );
}
