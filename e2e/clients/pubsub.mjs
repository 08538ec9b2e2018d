// salesforce-pubsub-api-client, one call at a time: each case is what its users write.

import PubSubApiClient from 'salesforce-pubsub-api-client';
import { serve } from './serve.mjs';

// The script's answers go to the standard output; what the client has to say goes elsewhere.
const quiet = { debug() {}, info() {}, warn: console.error, error: console.error };
const place = { pubSubEndpoint: process.env.ORG_PUBSUB, rejectUnauthorizedSsl: false };
const ways = {
    'user-supplied': {
        accessToken: process.env.ORG_ACCESS_TOKEN,
        instanceUrl: process.env.ORG_HTTPS_URL,
        organizationId: process.env.ORG_ID
    },
    'username-password': {
        loginUrl: process.env.ORG_URL,
        username: process.env.ORG_USERNAME,
        password: process.env.ORG_PASSWORD
    },
    'oauth-client-credentials': {
        loginUrl: process.env.ORG_URL,
        clientId: process.env.ORG_CLIENT_ID,
        clientSecret: process.env.ORG_CLIENT_SECRET
    }
};

async function connected(authType) {
    const client = new PubSubApiClient({ authType, ...ways[authType], ...place }, quiet);
    await client.connect();
    return client;
}

/** The first `count` events of a subscription, and what the client says of it then. */
function events(count, client, subscribe) {
    return new Promise((resolve, reject) => {
        const seen = [];
        subscribe((subscription, kind, data) => {
            if (kind === 'error') reject(data);
            if (kind !== 'event') return;
            seen.push(data);
            if (seen.length === count) resolve({ events: seen, subscription });
        });
    }).finally(() => client.close());
}

await serve({
    async earliest(channel, count, authType = 'oauth-client-credentials') {
        const client = await connected(authType);
        return events(count, client, (callback) => client.subscribeFromEarliestEvent(channel, callback, count));
    },
    async latest(channel, count) {
        const client = await connected('oauth-client-credentials');
        return events(count, client, (callback) => client.subscribe(channel, callback, count));
    },
    async after(channel, count, replayId) {
        const client = await connected('oauth-client-credentials');
        return events(count, client, (callback) => client.subscribeFromReplayId(channel, callback, count, replayId));
    },
    async batches(channel, count) {
        const client = await connected('oauth-client-credentials');
        return events(count, client, (callback) =>
            client.subscribeFromEarliestEvent(
                channel,
                (subscription, kind, data) => {
                    callback(subscription, kind, data);
                    if (kind === 'lastEvent') client.requestAdditionalEvents(channel, 1);
                },
                1
            )
        );
    },
    /** Takes events through a managed subscription and commits the last of them. */
    async managed(name, count) {
        const client = await connected('oauth-client-credentials');
        return events(count, client, (callback) => {
            let committed = null;
            const follow = (subscription, kind, data) => {
                if (kind === 'event' && subscription.receivedEventCount === count) {
                    committed = [subscription, kind, data];
                    client.commitReplayId(subscription.subscriptionId, data.replayId);
                } else if (kind === 'grpcKeepAlive' && committed) {
                    // The answer to the commit has no events, which this client takes for a sign of life.
                    callback(...committed);
                } else {
                    callback(subscription, kind, data);
                }
            };
            client.subscribeWithManagedSubscription(name, follow, count).catch((error) => callback({}, 'error', error));
        });
    },
    async publish(topic, payload) {
        const client = await connected('oauth-client-credentials');
        try {
            return await client.publish(topic, payload);
        } finally {
            client.close();
        }
    },
    async publishBatch(topic, payloads) {
        const client = await connected('oauth-client-credentials');
        return new Promise((resolve, reject) => {
            client.publishBatch(
                topic,
                payloads.map((payload) => ({ payload })),
                (_info, kind, data) => {
                    if (kind === 'publishResponse') resolve(data);
                    if (kind === 'error') reject(data);
                }
            );
        }).finally(() => client.close());
    }
});
