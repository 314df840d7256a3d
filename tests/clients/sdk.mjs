// @modelcontextprotocol/sdk, the generation before, against a server that Gatehouse protects.
import { UnauthorizedError, auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { Host, listen, run } from './flow.mjs';

const door = await listen();
const host = new Host(door.base, {
  client_name: 'TypeScript SDK',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
});
const finish = (transport, parameters) => transport.finishAuth(parameters.get('code'));
// With a refresh token at hand it only refreshes when a scope is missing, which brings no new scope. So the
// program forgets the tokens and authorizes anew.
const widen = async () => {
  host.invalidateCredentials('tokens');
  await auth(host, { serverUrl: process.env.MCP_SERVER, scope: 'read write' });
  throw new UnauthorizedError();
};
await run({ Client, StreamableHTTPClientTransport, UnauthorizedError, finish, widen }, host, door);
