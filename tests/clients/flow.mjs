// What both generations of the TypeScript SDK are put through. OAuth is the library's own in every step;
// here is what every host program has to bring: a store, a browser to open, an address to come back to.
import { createServer } from 'node:http';

const SERVER = process.env.MCP_SERVER;

export function tell(step, seen = {}) {
  console.log(JSON.stringify({ step, ...seen }));
}

/** Listens on a loopback address for the answers of the authorization server. */
export async function listen(document) {
  const [answers, waiting] = [[], []];
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    if (url.pathname === '/client.json') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(document(server.address().port)));
    } else if (url.pathname === '/callback') {
      response.end('You can close this page.');
      (waiting.shift() ?? ((answer) => answers.push(answer)))(url.searchParams);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    answer: () => new Promise((resolve) => (answers.length ? resolve(answers.shift()) : waiting.push(resolve))),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A store in memory, and a person to whom pages are shown. */
export class Host {
  constructor(base, metadata) {
    this.redirectUrl = `${base}/callback`;
    this.clientMetadata = { redirect_uris: [this.redirectUrl], ...metadata };
    this.kept = {};
  }

  clientInformation() { return this.kept.client; }
  saveClientInformation(client) {
    this.kept.client = client;
    tell('registered', { client_id: client.client_id, scope: client.scope });
  }
  tokens() { return this.kept.tokens; }
  saveTokens(tokens) { this.kept.tokens = tokens; }
  codeVerifier() { return this.kept.verifier; }
  saveCodeVerifier(verifier) { this.kept.verifier = verifier; }
  discoveryState() { return this.kept.discovery; }
  saveDiscoveryState(state) { this.kept.discovery = state; }
  state() {
    this.kept.state = crypto.randomUUID();
    return this.kept.state;
  }
  invalidateCredentials(scope) {
    tell('invalidated', { scope });
    for (const name of { tokens: ['tokens'], client: ['client'], verifier: ['verifier'] }[scope] ?? []) delete this.kept[name];
  }
  redirectToAuthorization(url) {
    tell('authorizing', { scope: url.searchParams.get('scope'), resource: url.searchParams.get('resource') });
    console.log(`OPEN ${url}`);
  }
  /** What it holds now. */
  tell(step) {
    const { access_token, refresh_token, scope, expires_in } = this.kept.tokens ?? {};
    tell(step, { access_token, refresh_token, scope, expires_in, client_id: this.kept.client?.client_id });
  }
}

/**
 * The whole story. `sdk` has the classes of the library and what differs between the generations:
 * `finish` hands over the answer of the authorization server, `widen` asks for more where the library does not do it.
 */
export async function run(sdk, host, door) {
  const { Client, StreamableHTTPClientTransport, UnauthorizedError } = sdk;
  let client;
  let transport;
  const connect = async () => {
    await transport?.close(); // or its stream goes on waiting
    transport = new StreamableHTTPClientTransport(new URL(SERVER), { authProvider: host });
    client = new Client({ name: 'tests', version: '1.0.0' });
    await client.connect(transport);
  };
  // Whatever needs a person is tried again once the person has answered.
  const persist = async (attempt) => {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const parameters = await door.answer();
      if (parameters.get('state') !== host.kept.state) throw new Error('the state is another', { cause: error });
      await sdk.finish(transport, parameters);
      await connect();
      return await attempt();
    }
  };
  const call = async (name, values = {}) => {
    const result = await client.callTool({ name, arguments: values });
    tell('called', { tool: name, is_error: result.isError ?? false, text: result.content.map((part) => part.text).join('') });
  };

  await persist(connect);
  const { tools } = await persist(() => client.listTools());
  tell('tools', { tools: tools.map((tool) => tool.name).sort() });
  await persist(() => call('read_data'));
  host.tell('authorized');

  // As if it had run out: the server refuses it, and the library has to refresh.
  host.kept.tokens = { ...host.kept.tokens, access_token: `${host.kept.tokens.access_token}x` };
  await call('get_user_profile');
  host.tell('refreshed');

  await persist(async () => {
    try {
      await call('write_data', { title: 'greeting', text: 'hello' });
    } catch (error) {
      if (!sdk.widen || error instanceof UnauthorizedError) throw error;
      tell('refused', { message: error.message });
      await sdk.widen(error);
      await call('write_data', { title: 'greeting', text: 'hello' });
    }
  });
  host.tell('stepped_up');
  await call('read_data');
  await client.close();
  door.close();
  tell('done');
}
