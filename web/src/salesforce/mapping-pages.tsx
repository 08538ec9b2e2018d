import { Paper, Skeleton, Stack } from '@mantine/core';
import { IconPlugConnected } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Navigate, useParams, useSearchParams } from 'react-router';

import type { Mapping, ProfileKind } from '../api/client';
import { attributeDefinitionsQuery, mappingsQuery, outboundSourcesQuery, salesforceObjectQuery } from '../api/queries';
import { useEnv } from '../session/session';
import { PageTitle } from '../shell/page';
import { EmptyState, ErrorState } from '../ui/states';
import { Trail } from '../ui/trail';
import { MappingEditor } from './mapping-editor';
import { INTEGRATIONS_STEP, SALESFORCE_PATH, SALESFORCE_STEP } from './paths';
import { PROFILE_LABEL } from './words';

export function NewMappingPage() {
  const [params] = useSearchParams();
  const salesforce = params.get('salesforce');
  const userflow = params.get('userflow');
  if (salesforce === null || (userflow !== 'user' && userflow !== 'company')) return <Navigate to={SALESFORCE_PATH} replace />;
  return (
    <Frame title={`${salesforce} ↔ ${PROFILE_LABEL[userflow]}`} here="New mapping">
      <EditorLoader salesforce={salesforce} userflow={userflow} mapping={null} />
    </Frame>
  );
}

export function EditMappingPage() {
  const env = useEnv();
  const { id } = useParams();
  const query = useQuery(mappingsQuery(env));
  const mapping = query.data?.find((candidate) => candidate.id === id);
  if (mapping !== undefined) {
    return (
      <Frame title={`${mapping.salesforce} ↔ ${PROFILE_LABEL[mapping.userflow]}`} here="Edit mapping">
        <EditorLoader salesforce={mapping.salesforce} userflow={mapping.userflow} mapping={mapping} />
      </Frame>
    );
  }
  return (
    <Frame title="Mapping" here="Edit mapping">
      {query.data !== undefined ? (
        <Paper>
          <EmptyState icon={<IconPlugConnected size={24} stroke={1.6} />} title="This mapping does not exist">
            It may have been deleted by someone else.
          </EmptyState>
        </Paper>
      ) : query.error === null ? (
        <EditorSkeleton />
      ) : (
        <Paper>
          <ErrorState what="This mapping" error={query.error} onRetry={() => void query.refetch()} />
        </Paper>
      )}
    </Frame>
  );
}

function Frame({ title, here, children }: { title: string; here: string; children: ReactNode }) {
  return (
    <Stack gap="lg" maw={860}>
      <Trail steps={[INTEGRATIONS_STEP, SALESFORCE_STEP]} here={here} />
      <PageTitle>{title}</PageTitle>
      {children}
    </Stack>
  );
}

function EditorLoader({ salesforce, userflow, mapping }: { salesforce: string; userflow: ProfileKind; mapping: Mapping | null }) {
  const env = useEnv();
  const object = useQuery(salesforceObjectQuery(env, salesforce));
  const attributes = useQuery(attributeDefinitionsQuery(env, userflow));
  const sources = useQuery(outboundSourcesQuery(env, userflow));
  const error = object.error ?? attributes.error ?? sources.error;
  if (object.data !== undefined && attributes.data !== undefined && sources.data !== undefined) {
    return <MappingEditor object={object.data} userflow={userflow} attributes={attributes.data.data} sources={sources.data.data} mapping={mapping} />;
  }
  if (error === null) return <EditorSkeleton />;
  const retry = () => {
    void object.refetch();
    void attributes.refetch();
    void sources.refetch();
  };
  return (
    <Paper>
      <ErrorState what={`The fields of ${salesforce}`} error={error} onRetry={retry} />
    </Paper>
  );
}

function EditorSkeleton() {
  return (
    <Stack gap="lg" role="status" aria-label="Loading fields">
      {[0, 1, 2].map((section) => (
        <Paper p="lg" key={section}>
          <Stack>
            <Skeleton height={14} width="40%" />
            <Skeleton height={36} />
          </Stack>
        </Paper>
      ))}
    </Stack>
  );
}
