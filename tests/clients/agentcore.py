"""The SDK of AWS Bedrock AgentCore and boto3, pointed at Gatehouse by nothing but their own settings."""

import asyncio
import json
import os
from urllib.parse import parse_qs, urlsplit

import boto3
from bedrock_agentcore.services.identity import IdentityClient, UserIdIdentifier, UserTokenIdentifier
from botocore.exceptions import ClientError

REGION = "eu-west-1"
PROVIDER = {
    "name": "there",
    "credentialProviderVendor": "CustomOauth2",
    "oauth2ProviderConfigInput": {
        "customOauth2ProviderConfig": {
            "oauthDiscovery": {"discoveryUrl": os.environ["DISCOVERY"]},
            "clientId": os.environ["THERE_ID"],
            "clientSecret": os.environ["THERE_SECRET"],
        }
    },
}


def tell(step: str, **seen) -> None:
    print(json.dumps({"step": step, **seen}, default=str), flush=True)


def refused(call, **arguments) -> str:
    """The class of what a call is refused with; a failure when it is not."""
    try:
        call(**arguments)
    except ClientError as error:
        assert type(error).__name__ == error.response["Error"]["Code"] or type(error) is ClientError, error
        assert error.response["Error"]["Message"], error.response
        assert error.response["ResponseMetadata"]["RequestId"], error.response
        return error.response["Error"]["Code"]
    raise AssertionError(f"{call} was done")


class Door:
    """The page of the agent to which people come back: whoever it is says that it was they."""

    def __init__(self, identity: IdentityClient, who):
        self.identity, self.who, self.port = identity, who, 0

    async def listen(self) -> str:
        server = await asyncio.start_server(self.take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{self.port}/done"

    async def take(self, reader, writer):
        target = (await reader.readline()).decode().split()[1]
        while (await reader.readline()).strip():
            pass
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        await asyncio.to_thread(self.identity.complete_resource_token_auth, query["session_id"], self.who)
        tell("returned", state=query.get("state"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


async def story(identity: IdentityClient, name: str, who, token_of) -> None:
    """From nothing to a token of a person at a provider."""
    door = Door(identity, who)
    url = await door.listen()
    made = await asyncio.to_thread(identity.create_workload_identity, name, [])
    assert made["name"] == name and made["workloadIdentityArn"].endswith(f"/{name}"), made
    await asyncio.to_thread(identity.update_workload_identity, name, [url])
    assert identity.get_workload_identity(name)["allowedResourceOauth2ReturnUrls"] == [url]
    token = token_of(name)["workloadAccessToken"]
    common = {"provider_name": "there", "scopes": ["openid", "profile"], "agent_identity_token": token}
    access_token = await identity.get_token(
        **common,
        auth_flow="USER_FEDERATION",
        callback_url=url,
        custom_state="its own & more",
        on_auth_url=lambda link: print(f"OPEN {link}", flush=True),
    )
    tell("token", access_token=access_token)
    # It is there now.
    again = await identity.get_token(**common, auth_flow="USER_FEDERATION", callback_url=url)
    assert again == access_token


def control(identity: IdentityClient) -> None:
    """The control plane, by boto3 itself."""
    plane = boto3.client("bedrock-agentcore-control", region_name=REGION, endpoint_url=os.environ["BEDROCK_AGENTCORE_CP_ENDPOINT"])
    made = identity.create_oauth2_credential_provider(PROVIDER)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201, made
    tell("callback", url=made["callbackUrl"])
    google = {"googleOauth2ProviderConfig": {"clientId": "id", "clientSecret": "secret"}}
    plane.create_oauth2_credential_provider(
        name="google", credentialProviderVendor="GoogleOauth2", oauth2ProviderConfigInput=google, tags={"team": "mail"}
    )
    assert refused(plane.create_oauth2_credential_provider, **PROVIDER) == "ConflictException"
    shown = plane.get_oauth2_credential_provider(name="google")
    assert shown["createdTime"].year >= 2026 and shown["credentialProviderVendor"] == "GoogleOauth2", shown
    assert shown["oauth2ProviderConfigOutput"]["googleOauth2ProviderConfig"]["clientId"] == "id"
    google["googleOauth2ProviderConfig"]["clientId"] = "other"
    plane.update_oauth2_credential_provider(
        name="google", credentialProviderVendor="GoogleOauth2", oauth2ProviderConfigInput=google
    )
    pages = plane.get_paginator("list_oauth2_credential_providers").paginate(PaginationConfig={"PageSize": 1})
    assert [one["name"] for page in pages for one in page["credentialProviders"]] == ["google", "there"]
    plane.delete_oauth2_credential_provider(name="google")
    assert refused(plane.get_oauth2_credential_provider, name="google") == "ResourceNotFoundException"
    identity.create_api_key_credential_provider({"name": "weather", "apiKey": "key one"})
    plane.update_api_key_credential_provider(name="weather", apiKey="the key")
    pages = plane.get_paginator("list_api_key_credential_providers").paginate()
    assert [one["name"] for page in pages for one in page["credentialProviders"]] == ["weather"]
    for number in range(3):
        plane.create_workload_identity(name=f"extra-{number}")
    pages = plane.get_paginator("list_workload_identities").paginate(PaginationConfig={"PageSize": 2})
    assert [one["name"] for page in pages for one in page["workloadIdentities"]] == ["extra-0", "extra-1", "extra-2"]
    for number in range(3):
        plane.delete_workload_identity(name=f"extra-{number}")
    assert refused(plane.get_workload_identity, name="extra-0") == "ResourceNotFoundException"
    try:
        plane.create_workload_identity(name="agent", allowedResourceOauth2ReturnUrls=["javascript:alert(1)"])
        raise AssertionError("it was done")
    except plane.exceptions.ValidationException as error:
        assert error.response["reason"] == "FieldValidationFailed", error.response
    # Whoever may not administer, and whoever has no right key.
    other = {"aws_access_key_id": os.environ["OTHER_KEY_ID"], "aws_secret_access_key": os.environ["OTHER_SECRET"]}
    plain = boto3.client("bedrock-agentcore-control", region_name=REGION, endpoint_url=os.environ["BEDROCK_AGENTCORE_CP_ENDPOINT"], **other)
    assert refused(plain.list_workload_identities) == "AccessDeniedException"
    other["aws_secret_access_key"] = "wrong"
    plain = boto3.client("bedrock-agentcore-control", region_name=REGION, endpoint_url=os.environ["BEDROCK_AGENTCORE_CP_ENDPOINT"], **other)
    assert refused(plain.list_workload_identities) == "InvalidSignatureException"
    tell("controlled")


async def main() -> None:
    identity = IdentityClient(REGION)
    control(identity)
    user_token = os.environ["USER_TOKEN"]
    by_id = UserIdIdentifier(user_id=os.environ["USER_ID"])
    await story(identity, "by-id", by_id, lambda name: identity.get_workload_access_token(name, user_id=os.environ["USER_ID"]))
    by_token = UserTokenIdentifier(user_token=user_token)
    await story(identity, "by-token", by_token, lambda name: identity.get_workload_access_token(name, user_token=user_token))
    token = identity.get_workload_access_token("by-id")["workloadAccessToken"]
    assert await identity.get_api_key(provider_name="weather", agent_identity_token=token) == "the key"
    assert refused(identity.dp_client.get_workload_access_token, workloadName="nobody") == "ResourceNotFoundException"
    wrong = {"workloadIdentityToken": "ghw_x", "resourceCredentialProviderName": "weather"}
    assert refused(identity.dp_client.get_resource_api_key, **wrong) == "UnauthorizedException"
    assert refused(identity.delete_oauth2_credential_provider, name="there") == "ConflictException", "people have connections there"
    for name in ["by-id", "by-token"]:
        identity.cp_client.delete_workload_identity(name=name)
    identity.delete_oauth2_credential_provider(name="there")
    identity.delete_api_key_credential_provider(name="weather")
    tell("done")


asyncio.run(main())
