//! Client metadata as a client sends it to be registered (RFC 7591 §2, OpenID Connect Registration 1.0 §2).
//!
//! What is not known is ignored (RFC 7591 §2), and so are names in other languages (`client_name#ja`, §2.2).
//! `null`, empty texts and empty lists say nothing, as if they had not been sent. What a client may have of what it
//! asks for is not decided here.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client_authentication::AuthMethod;
use super::error::{ErrorCode, Refusal};
use super::redirect_uri;
use super::scope::Scope;
use super::token_request::GrantType;
use crate::base::json::strict;

/// The most redirect URIs that a client may register for itself.
pub const MAX_REDIRECT_URIS: usize = 10;
/// The largest `jwks`, in bytes.
const MAX_JWKS: usize = 16 * 1024;
/// The most `contacts`.
const MAX_CONTACTS: usize = 10;
/// The longest contact, `software_id` or `software_version`, in bytes.
const MAX_SHORT_TEXT: usize = 255;

/// Members of a JWK that are nobody else's business: private and symmetric keys (RFC 7518 §6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Where an application runs (OpenID Connect Registration 1.0 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// On a server or in a browser
    #[default]
    Web,
    /// On somebody's device
    Native,
}

impl ApplicationType {
    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }
}

/// What a client says of itself that changes nothing here, and is returned as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfDescription {
    /// `application_type`
    pub application_type: ApplicationType,
    /// `contacts`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// `software_id`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// `software_version`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
}

/// Client metadata with the defaults of RFC 7591 §2.
#[derive(Clone, Debug)]
pub struct ClientMetadata {
    /// `client_name`
    pub client_name: Option<String>,
    /// `redirect_uris`: one at least, each once, each well-formed
    pub redirect_uris: Vec<String>,
    /// `token_endpoint_auth_method`
    pub auth_method: AuthMethod,
    /// `grant_types` that this server knows, each once; it may be that none is left
    pub grant_types: Vec<GrantType>,
    /// `scope`
    pub scope: Option<Scope>,
    /// `id_token_signed_response_alg`
    pub signing_algorithm: Option<String>,
    /// `jwks`
    pub jwks: Option<Value>,
    /// `jwks_uri`
    pub jwks_uri: Option<String>,
    /// `logo_uri`
    pub logo_uri: Option<String>,
    /// `client_uri`
    pub client_uri: Option<String>,
    /// `policy_uri`
    pub policy_uri: Option<String>,
    /// `tos_uri`
    pub tos_uri: Option<String>,
    /// What else it says of itself
    pub about: SelfDescription,
    /// `client_id`, which an update repeats (RFC 7592 §2.2)
    pub client_id: Option<String>,
    /// `client_secret`, which an update may repeat (RFC 7592 §2.2)
    pub client_secret: Option<SecretString>,
}

impl ClientMetadata {
    /// Reads the body of a registration or of an update.
    ///
    /// # Errors
    /// The codes of RFC 7591 §3.2.2; the description names the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let invalid = |what| Refusal::new(ErrorCode::InvalidClientMetadata, what);
        let value = strict(body).map_err(|_| invalid("the body is not JSON, or has a name twice"))?;
        if has_zero(&value) {
            // Databases do not agree about it.
            return Err(invalid("a text contains a NUL character"));
        }
        let Value::Object(fields) = value else {
            return Err(invalid("the body is not a JSON object"));
        };
        let fields = Fields(&fields);
        fields.refuse_software_statement()?;
        fields.check_response_types()?;
        fields.check_subject_type()?;
        let (jwks, jwks_uri) = (fields.jwks()?, fields.text("jwks_uri")?);
        if jwks.is_some() && jwks_uri.is_some() {
            return Err(wrong("jwks", "jwks and jwks_uri exclude each other (RFC 7591 section 2)"));
        }
        let method = fields.text("token_endpoint_auth_method")?;
        let auth_method = method.map_or(Some(AuthMethod::ClientSecretBasic), AuthMethod::parse);
        let scope = fields.text("scope")?.map(Scope::parse).transpose();
        let owned = |name| Ok(fields.text(name)?.map(str::to_owned));
        Ok(Self {
            client_name: fields
                .text("client_name")?
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            redirect_uris: fields.redirect_uris()?,
            auth_method: auth_method.ok_or_else(|| wrong("token_endpoint_auth_method", "is not a method that this server speaks"))?,
            grant_types: fields.grant_types()?,
            scope: scope
                .map_err(|refusal| wrong("scope", &refusal.description))?
                .filter(|scope| !scope.is_empty()),
            signing_algorithm: owned("id_token_signed_response_alg")?,
            jwks,
            jwks_uri: jwks_uri.map(str::to_owned),
            logo_uri: owned("logo_uri")?,
            client_uri: owned("client_uri")?,
            policy_uri: owned("policy_uri")?,
            tos_uri: owned("tos_uri")?,
            about: fields.about()?,
            client_id: owned("client_id")?,
            client_secret: fields.text("client_secret")?.map(SecretString::from),
        })
    }
}

/// `invalid_client_metadata` that names the field at fault.
#[must_use]
pub fn wrong(field: &str, problem: &str) -> Refusal {
    Refusal::quoting(ErrorCode::InvalidClientMetadata, &format!("{field}: {problem}"))
}

/// `invalid_redirect_uri`
#[must_use]
pub fn wrong_redirect_uri(problem: &str) -> Refusal {
    Refusal::quoting(ErrorCode::InvalidRedirectUri, &format!("redirect_uris: {problem}"))
}

/// The members of the body.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A text that says something.
    fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(wrong(name, "is a text")),
        }
    }

    /// A text that is returned as it was sent.
    fn short_text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.text(name)? {
            Some(text) if text.len() > MAX_SHORT_TEXT => Err(wrong(name, "is too long")),
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// The texts of a list that say something, each once.
    fn list(&self, name: &str) -> Result<Vec<&'a str>, Refusal> {
        let items = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(wrong(name, "is a list of texts")),
        };
        let mut texts = Vec::new();
        for item in items {
            match item {
                Value::Null => {}
                Value::String(text) if text.is_empty() || texts.contains(&text.as_str()) => {}
                Value::String(text) => texts.push(text.as_str()),
                _ => return Err(wrong(name, "is a list of texts")),
            }
        }
        Ok(texts)
    }

    /// Required of every client that people are sent back to (RFC 7591 §2), which is what clients register for here.
    fn redirect_uris(&self) -> Result<Vec<String>, Refusal> {
        let uris = self.list("redirect_uris").map_err(|_| wrong_redirect_uri("is a list of texts"))?;
        if uris.is_empty() {
            return Err(wrong_redirect_uri("a client needs one"));
        }
        if uris.len() > MAX_REDIRECT_URIS {
            return Err(wrong_redirect_uri("a client may register 10 at most"));
        }
        for uri in &uris {
            redirect_uri::validate(uri).map_err(|problem| {
                let shown: String = uri.chars().take(80).collect();
                wrong_redirect_uri(&format!("{shown}: {problem}"))
            })?;
        }
        Ok(uris.into_iter().map(str::to_owned).collect())
    }

    fn grant_types(&self) -> Result<Vec<GrantType>, Refusal> {
        let named = self.list("grant_types")?;
        if named.is_empty() {
            return Ok(vec![GrantType::AuthorizationCode]);
        }
        Ok(named.into_iter().filter_map(GrantType::parse).collect())
    }

    /// Only `code`; of a list that names others, too, that remains.
    fn check_response_types(&self) -> Result<(), Refusal> {
        let named = self.list("response_types")?;
        if named.is_empty() || named.contains(&"code") {
            return Ok(());
        }
        Err(wrong("response_types", "only code is supported"))
    }

    /// Whoever asks for `pairwise` counts on it, so it is not ignored.
    fn check_subject_type(&self) -> Result<(), Refusal> {
        match self.text("subject_type")? {
            None | Some("public") => Ok(()),
            Some(_) => Err(wrong("subject_type", "only public is supported")),
        }
    }

    /// Nobody's statements are trusted here (RFC 7591 §2.3).
    fn refuse_software_statement(&self) -> Result<(), Refusal> {
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let is_jwt = |text: &str| text.split('.').count() == 3 && text.split('.').all(is_part);
        let (code, description) = match self.0.get("software_statement") {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::String(text)) if text.is_empty() => return Ok(()),
            Some(Value::String(text)) if is_jwt(text) => (
                ErrorCode::UnapprovedSoftwareStatement,
                "software_statement: this server trusts no issuer of statements",
            ),
            Some(_) => (ErrorCode::InvalidSoftwareStatement, "software_statement: is not a signed JWT"),
        };
        Err(Refusal::new(code, description))
    }

    /// A set of public keys (RFC 7517 §5); one without keys says nothing.
    fn jwks(&self) -> Result<Option<Value>, Refusal> {
        let set = match self.0.get("jwks") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(set)) if set.is_empty() => return Ok(None),
            Some(set) => set,
        };
        let keys = set["keys"]
            .as_array()
            .ok_or_else(|| wrong("jwks", "is an object with a list of keys"))?;
        if keys.is_empty() {
            return Ok(None);
        }
        let is_private = |key: &Value| PRIVATE_MEMBERS.iter().any(|member| key.get(member).is_some());
        if !keys.iter().all(Value::is_object) {
            return Err(wrong("jwks", "a key is an object"));
        }
        if keys.iter().any(is_private) {
            return Err(wrong(
                "jwks",
                "a key is private or symmetric: keep it to yourself and make a new one",
            ));
        }
        if set.to_string().len() > MAX_JWKS {
            return Err(wrong("jwks", "is too large"));
        }
        Ok(Some(set.clone()))
    }

    fn about(&self) -> Result<SelfDescription, Refusal> {
        let application_type = match self.text("application_type")? {
            None | Some("web") => ApplicationType::Web,
            Some("native") => ApplicationType::Native,
            Some(_) => return Err(wrong("application_type", "is web or native")),
        };
        let contacts = self.list("contacts")?;
        if contacts.len() > MAX_CONTACTS || contacts.iter().any(|contact| contact.len() > MAX_SHORT_TEXT) {
            return Err(wrong("contacts", "there are too many, or one is too long"));
        }
        Ok(SelfDescription {
            application_type,
            contacts: contacts.into_iter().map(str::to_owned).collect(),
            software_id: self.short_text("software_id")?,
            software_version: self.short_text("software_version")?,
        })
    }
}

/// Whether a text in it has the character zero.
fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_zero),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_zero(value)),
        _ => false,
    }
}
