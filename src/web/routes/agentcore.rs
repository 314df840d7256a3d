//! The vault as programs expect it that were written for AWS Bedrock AgentCore Identity: the paths and methods of its data
//! plane and of its control plane.

use super::{Audience, Cors, Feature, PAGE, POST, Route, handler};
use crate::model::limit::Class;
use crate::web::federation::agentcore::{identities, key_providers, oauth2_providers, tokens, workloads};

/// `"path" => handler`, for both planes.
macro_rules! operation {
    ($path:literal => $($handler:ident)::+) => {
        Route {
            path: concat!("/identities/", $path),
            methods: POST,
            audience: Audience::AgentCore,
            cors: Cors::Closed,
            feature: Feature::AgentCore,
            limit: Some(Class::Vault),
            handler: handler!($($handler)::+),
            ..PAGE
        }
    };
}

pub(super) static ROUTES: &[Route] = &[
    operation!("GetWorkloadAccessToken" => identities::for_itself),
    operation!("GetWorkloadAccessTokenForJWT" => identities::for_token),
    operation!("GetWorkloadAccessTokenForUserId" => identities::for_user),
    operation!("oauth2/token" => tokens::token),
    operation!("CompleteResourceTokenAuth" => tokens::complete),
    operation!("api-key" => tokens::api_key),
    operation!("CreateWorkloadIdentity" => workloads::create),
    operation!("GetWorkloadIdentity" => workloads::show),
    operation!("UpdateWorkloadIdentity" => workloads::update),
    operation!("ListWorkloadIdentities" => workloads::list),
    operation!("DeleteWorkloadIdentity" => workloads::delete),
    operation!("CreateOauth2CredentialProvider" => oauth2_providers::create),
    operation!("GetOauth2CredentialProvider" => oauth2_providers::show),
    operation!("UpdateOauth2CredentialProvider" => oauth2_providers::update),
    operation!("ListOauth2CredentialProviders" => oauth2_providers::list),
    operation!("DeleteOauth2CredentialProvider" => oauth2_providers::delete),
    operation!("CreateApiKeyCredentialProvider" => key_providers::create),
    operation!("GetApiKeyCredentialProvider" => key_providers::show),
    operation!("UpdateApiKeyCredentialProvider" => key_providers::update),
    operation!("ListApiKeyCredentialProviders" => key_providers::list),
    operation!("DeleteApiKeyCredentialProvider" => key_providers::delete),
];
