/** The sign-in at Salesforce, in a window of its own. */
import { authorizeSalesforce } from '../api/client';

const CLOSED_POLL_MS = 400;
/** The page says how it went and closes itself at once; its words may arrive after the window is seen closed. */
const CLOSED_GRACE_MS = 800;

interface SalesforceMessage {
  type: 'syncline:salesforce';
  ok: boolean;
  message?: string | null;
}

function isSalesforceMessage(data: unknown): data is SalesforceMessage {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'syncline:salesforce' && 'ok' in data;
}

/** Someone closed the window before the sign-in was done: no failure to report. */
export class SignInAbandoned extends Error {}

/**
 * Opens the sign-in and resolves when Salesforce has connected. Must be called straight from a click: browsers open a window for
 * a click alone, so it opens empty and gets its address when the server has made it.
 */
export async function connectSalesforce(env: string, loginUrl: string | null): Promise<void> {
  const popup = window.open('', 'syncline-salesforce', 'popup,width=620,height=760');
  if (popup === null) throw new Error('Your browser kept the Salesforce window from opening. Allow pop-ups for this page, then try again.');
  try {
    const { url } = await authorizeSalesforce(env, loginUrl);
    const answer = waitForAnswer(popup);
    popup.location.replace(url);
    popup.focus();
    await answer;
  } finally {
    popup.close();
  }
}

function waitForAnswer(popup: Window): Promise<void> {
  return new Promise((resolve, reject) => {
    let closedSince: number | undefined;

    const finish = (settle: () => void) => {
      clearInterval(poll);
      window.removeEventListener('message', onMessage);
      channel.close();
      settle();
    };
    const onMessage = ({ origin, data }: MessageEvent<unknown>) => {
      if (origin !== window.location.origin || !isSalesforceMessage(data)) return;
      if (data.ok) finish(resolve);
      else finish(() => reject(new Error(data.message ?? 'Salesforce did not connect.')));
    };
    const poll = setInterval(() => {
      if (!popup.closed) return;
      closedSince ??= Date.now();
      if (Date.now() - closedSince < CLOSED_GRACE_MS) return;
      finish(() => reject(new SignInAbandoned('The Salesforce window was closed before the sign-in was done.')));
    }, CLOSED_POLL_MS);
    window.addEventListener('message', onMessage);
    // Salesforce's own pages may cut the tie between the two windows; the channel does not need it.
    const channel = new BroadcastChannel('syncline:salesforce');
    channel.addEventListener('message', onMessage);
  });
}
