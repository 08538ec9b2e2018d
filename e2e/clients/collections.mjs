// Updates several contacts with one request through jsforce, and prints the result of each as JSON.

import jsforce from 'jsforce';

const [records, allOrNone] = process.argv.slice(2).map((argument) => JSON.parse(argument));
const loginUrl = process.env.ORG_URL;
const app = { loginUrl, clientId: process.env.ORG_CLIENT_ID, clientSecret: process.env.ORG_CLIENT_SECRET };

const connection = new jsforce.Connection({ instanceUrl: loginUrl, oauth2: app, version: '60.0' });
await connection.authorize({ grant_type: 'client_credentials' });
console.log(JSON.stringify(await connection.sobject('Contact').update(records, { allOrNone })));
