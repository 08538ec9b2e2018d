import { createBrowserRouter, Navigate } from 'react-router';

import { ProfileListPage } from './profiles/profile-list-page';
import { ProfileRoute } from './profiles/profile-page';
import { IntegrationsPage } from './salesforce/integrations-page';
import { IssuesPage } from './salesforce/issues-page';
import { EditMappingPage, NewMappingPage } from './salesforce/mapping-pages';
import { SalesforcePage } from './salesforce/salesforce-page';
import { RequireSession } from './session/require-session';
import { SignInPage } from './session/sign-in-page';
import { AppLayout } from './shell/app-layout';
import { CrashPage, NotFoundPage } from './shell/fallback-pages';

export const router = createBrowserRouter([
  {
    errorElement: <CrashPage />,
    children: [
      { path: '/sign-in', element: <SignInPage /> },
      {
        element: <RequireSession />,
        children: [
          {
            element: <AppLayout />,
            children: [
              { index: true, element: <Navigate to="/users" replace /> },
              { path: 'users', element: <ProfileListPage key="user" kind="user" /> },
              { path: 'users/:id', element: <ProfileRoute kind="user" /> },
              { path: 'companies', element: <ProfileListPage key="company" kind="company" /> },
              { path: 'companies/:id', element: <ProfileRoute kind="company" /> },
              { path: 'settings', element: <Navigate to="/settings/integrations" replace /> },
              { path: 'settings/integrations', element: <IntegrationsPage /> },
              { path: 'settings/integrations/salesforce', element: <SalesforcePage /> },
              { path: 'settings/integrations/salesforce/issues', element: <IssuesPage /> },
              { path: 'settings/integrations/salesforce/mappings/new', element: <NewMappingPage /> },
              { path: 'settings/integrations/salesforce/mappings/:id', element: <EditMappingPage /> },
              { path: '*', element: <NotFoundPage /> },
            ],
          },
        ],
      },
    ],
  },
]);
