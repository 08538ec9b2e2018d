// Answers each line of JSON `{case, arguments}` with one line: `{value}`, or `{error: {code, message}}` if the case threw.

import { createInterface } from 'node:readline';

// `bigint` values have no form in JSON.
const plain = (_, value) => (typeof value === 'bigint' ? Number(value) : value);

export async function serve(cases) {
    for await (const line of createInterface({ input: process.stdin })) {
        const asked = JSON.parse(line);
        let answer;
        try {
            answer = { value: await cases[asked.case](...asked.arguments) };
        } catch (error) {
            answer = { error: { code: error.errorCode ?? error.code ?? error.name, message: error.message } };
        }
        process.stdout.write(JSON.stringify(answer, plain) + '\n');
    }
}
