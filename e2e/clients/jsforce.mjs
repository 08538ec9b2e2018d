// jsforce, one call at a time: each case is what its users write.

import jsforce from 'jsforce';
import { serve } from './serve.mjs';

const url = process.env.ORG_URL;
const version = '60.0';
const app = { loginUrl: url, clientId: process.env.ORG_CLIENT_ID, clientSecret: process.env.ORG_CLIENT_SECRET };
const connection = new jsforce.Connection({ instanceUrl: url, accessToken: process.env.ORG_ACCESS_TOKEN, version });
connection.bulk2.pollInterval = 50;
connection.bulk.pollInterval = 50;

const collected = (stream) =>
    new Promise((resolve, reject) => {
        const records = [];
        stream.on('record', (record) => records.push(record));
        stream.on('error', reject);
        stream.on('end', () => resolve(records));
    });

await serve({
    async login(username, password) {
        const own = new jsforce.Connection({ loginUrl: url });
        const user = await own.login(username, password);
        const { totalSize } = await own.query('SELECT Id FROM Contact LIMIT 1');
        await own.logout();
        return { user, totalSize };
    },
    async authorize(parameters) {
        const own = new jsforce.Connection({ instanceUrl: url, oauth2: app, version });
        const user = await own.authorize(parameters);
        return { user, identity: await own.identity() };
    },
    async expired() {
        const own = new jsforce.Connection({ instanceUrl: url, accessToken: '00D000000000000!none', version });
        return own.query('SELECT Id FROM Contact');
    },
    connection: (method, ...rest) => connection[method](...rest),
    sobject: (object, method, ...rest) => connection.sobject(object)[method](...rest),
    tooling: (method, ...rest) => connection.tooling[method](...rest),
    toolingSobject: (object, method, ...rest) => connection.tooling.sobject(object)[method](...rest),
    autoFetch: (soql) => collected(connection.query(soql).run({ autoFetch: true, maxFetch: 100_000 })),
    find: (object, conditions, fields) => connection.sobject(object).find(conditions, fields).sort('CreatedDate').limit(5),
    async requestPost(path, body) {
        return connection.requestPost(`/services/data/v${version}${path}`, body);
    },
    async bulk2Query(soql) {
        return collected(await connection.bulk2.query(soql, { pollInterval: 50, pollTimeout: 30_000 }));
    },
    bulk2Load: (parameters) => connection.bulk2.loadAndWaitForResults({ ...parameters, pollInterval: 50, pollTimeout: 30_000 }),
    async bulk1Query(soql) {
        return collected(await connection.bulk.query(soql));
    },
    bulk1Load: (object, operation, input) => connection.bulk.load(object, operation, input)
});
