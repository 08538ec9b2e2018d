// Subscribes to one channel with salesforce-pubsub-api-client and prints each event as one line of JSON.
// It ends by itself after a minute, so that a test that waits for an event that never comes fails and does not hang.

import PubSubApiClient from 'salesforce-pubsub-api-client';

const LIFETIME_MS = 60_000;

const channel = process.argv[2];
const quiet = { debug() {}, info() {}, warn: console.error, error: console.error };
// `bigint` values have no form in JSON.
const print = (value) =>
    process.stdout.write(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v)) + '\n');

setTimeout(() => process.exit(1), LIFETIME_MS);

const client = new PubSubApiClient(
    {
        authType: 'oauth-client-credentials',
        loginUrl: process.env.ORG_URL,
        clientId: process.env.ORG_CLIENT_ID,
        clientSecret: process.env.ORG_CLIENT_SECRET,
        pubSubEndpoint: process.env.ORG_PUBSUB,
        rejectUnauthorizedSsl: false // the org's certificate is its own
    },
    quiet
);
await client.connect();
client.subscribeFromEarliestEvent(channel, (_subscription, kind, data) => {
    if (kind === 'event') print(data);
    if (kind === 'error') print({ error: String(data?.message ?? data) });
});
