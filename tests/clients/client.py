"""The `mcp` package for Python against a server that Gatehouse protects. OAuth is the library's own."""

import asyncio
import json
import os
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

SERVER = os.environ["MCP_SERVER"]


def tell(step: str, **seen) -> None:
    print(json.dumps({"step": step, **seen}), flush=True)


class Memory(TokenStorage):
    """A store that forgets everything at the end."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info
        tell("registered", client_id=client_info.client_id, scope=client_info.scope)

    def tell(self, step: str) -> None:
        tell(step, **self.tokens.model_dump(include={"access_token", "refresh_token", "scope", "expires_in"}))


class Door:
    """Listens on a loopback address for the answers of the authorization server."""

    def __init__(self):
        self.answers: asyncio.Queue[dict] = asyncio.Queue()

    async def listen(self) -> str:
        server = await asyncio.start_server(self.take, "127.0.0.1", 0)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def take(self, reader, writer):
        target = (await reader.readline()).decode().split()[1]
        while (await reader.readline()).strip():
            pass
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        await self.answers.put(query)

    async def show(self, url: str) -> None:
        query = parse_qs(urlsplit(url).query)
        tell("authorizing", scope=query.get("scope", [None])[0], resource=query.get("resource", [None])[0])
        print(f"OPEN {url}", flush=True)

    async def answer(self) -> AuthorizationCodeResult:
        query = await self.answers.get()
        return AuthorizationCodeResult(code=query.get("code"), state=query.get("state"), iss=query.get("iss"))


async def main() -> None:
    door, memory = Door(), Memory()
    base = await door.listen()
    metadata = OAuthClientMetadata(
        client_name="Python client",
        redirect_uris=[f"{base}/callback"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    provider = OAuthClientProvider(SERVER, metadata, memory, door.show, door.answer)
    async with (
        httpx2.AsyncClient(auth=provider, timeout=60) as http,
        Client(streamable_http_client(SERVER, http_client=http)) as client,
    ):

        async def call(name: str, **values) -> None:
            result = await client.call_tool(name, values)
            text = "".join(part.text for part in result.content)
            tell("called", tool=name, is_error=bool(result.is_error), text=text)

        tools = await client.list_tools()
        tell("tools", tools=sorted(tool.name for tool in tools.tools))
        await call("read_data")
        memory.tell("authorized")

        # The library refreshes once the time is over for which the token was issued. It is, as far as it knows.
        assert provider.context.token_expiry_time > time.time() + 60
        provider.context.token_expiry_time = time.time() - 1
        await call("get_user_profile")
        memory.tell("refreshed")

        await call("write_data", title="greeting", text="hello")
        memory.tell("stepped_up")
        await call("read_data")
    tell("done")


asyncio.run(main())
