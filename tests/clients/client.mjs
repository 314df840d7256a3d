// @modelcontextprotocol/client against a server that Gatehouse protects. With `document`, its client_id is
// the address of a client metadata document, which this program serves; otherwise it registers itself.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

import { Host, listen, run } from './flow.mjs';

const metadata = {
  client_name: 'TypeScript client',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};
const door = await listen((port) => ({
  client_id: `http://127.0.0.1:${port}/client.json`,
  redirect_uris: [`http://127.0.0.1:${port}/callback`],
  ...metadata,
}));
const host = new Host(door.base, metadata);
// The library itself takes only https for `clientMetadataUrl`, so on loopback it is told as a client that it has.
if (process.argv[2] === 'document') host.kept.client = { client_id: `${door.base}/client.json` };
const finish = (transport, parameters) => transport.finishAuth(parameters);
await run({ Client, StreamableHTTPClientTransport, UnauthorizedError, finish }, host, door);
