//! The first step: what to ask for. Then the authorization request, before the browser is sent there.

use actix_web::HttpResponse;

use super::super::clients::{At, view};
use super::super::view::field::{Choice, Field, Kind};
use super::super::view::form::Form;
use super::super::view::page::{Ui, View, expected, text};
use super::super::view::parts::{Code, Link, Note, Row, Section};
use super::super::view::table::{Cell, Table};
use super::exchange::Asked;
use super::run::{LIFETIME, Run};
use super::tokens;
use crate::admin::clients as engine;
use crate::app::App;
use crate::model::client::{Client, ClientSettings};
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::redirect_uri::with_query;
use crate::protocol::token_request::GrantType;
use crate::web::call::Call;
use crate::web::cookies;
use crate::web::error::Error;

/// Where the playground gets its answers.
pub fn redirect_uri(app: &App) -> String {
    app.issuer.endpoint("/admin/playground/callback")
}

/// `/admin/clients/{client_id}/playground`
pub async fn begin(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let client = engine::find(&call.app, &call.segment("client_id")?).await?;
    if !call.is_post() {
        return choose(&ui, &client, text(&call.query()?, "flow") == "client").ok();
    }
    let typed = call.admin_form()?;
    let scope: Vec<&str> = typed.all("scope").collect();
    let scope = scope.join(" ");
    if text(&typed, "flow") == "client" {
        return for_itself(&call, &ui, &client, &scope, text(&typed, "client_secret")).await;
    }
    let mut run = Run::begin(&ui, &client.id);
    run.state = call.app.random.secret();
    run.verifier = call.app.random.secret();
    run.nonce = (!text(&typed, "nonce").is_empty()).then(|| call.app.random.secret());
    let cookie = cookies::set_playground(&call.app, run.seal(&ui, &call)?, LIFETIME);
    request(&ui, &client, &run, &scope, text(&typed, "prompt")).with_cookie(&cookie)
}

/// What to ask for.
fn choose(ui: &Ui, client: &Client, is_for_itself: bool) -> View {
    let has_code = client.allows(GrantType::AuthorizationCode);
    let mut page = view(ui, client, At::Playground, None);
    if client.is_disabled {
        page = page.part(Note::careful("This client is disabled").line("Every request will be refused; you can watch that, too."));
    }
    if client.auth_method.is_assertion() {
        let note = Note::info("The playground cannot play this application");
        return page.part(note.line("It proves who it is by an assertion that it signs for each request, and its key is not here."));
    }
    let action = ui.at(&["clients", &client.id, "playground"]);
    let scopes = client
        .scope
        .iter()
        .map(|name| Choice::new(name, name, "", name != "offline_access"))
        .collect();
    let form = ui.form(action, "").field(Field::checks("scope", "What to ask for", scopes));
    if is_for_itself || !has_code {
        let form = form
            .submit("Send the token request")
            .with("flow", "client")
            .field(secret_field("Its secret is sent once, and not stored."));
        return page.part(
            Section::new("A token for itself")
                .line("Client credentials: the client shows its secret and gets an access token. Nobody signs in.")
                .part(form),
        );
    }
    if !client.is_public() && client.allows(GrantType::ClientCredentials) {
        let link = Link::new(
            "Get a token for itself",
            ui.at_with(&["clients", &client.id, "playground"], &[("flow", "client")]),
        );
        page = page.action(link);
    }
    if client.bind_redirect_uri(Some(&redirect_uri(&ui.app))).is_none() {
        return page.part(missing_redirect_uri(ui, client));
    }
    let prompts = [
        ("", "As usual", true),
        ("login", "Ask for the password again (login)", false),
        ("consent", "Ask for consent again (consent)", false),
        ("select_account", "Choose an account (select_account)", false),
        ("none", "Show nothing (none)", false),
    ];
    let prompts = prompts
        .into_iter()
        .map(|(value, label, chosen)| Choice::new(value, label, "", chosen))
        .collect();
    let form = form
        .submit("Make the request")
        .field(Field::select("prompt", "What the person has to do", prompts))
        .field(Field::check("nonce", "Send a nonce", true).hint("It comes back in the ID token and ties it to this request."));
    page.part(
        Section::new("What to ask for")
            .line("This plays the part of the application: authorization code with PKCE, with the real endpoints. Nothing is simulated, so what you allow here is a grant like any other.")
            .part(form),
    )
    .part(
        Note::info("Who signs in?")
            .line("The person who is signed in at this browser, or whoever signs in on the way. When you administer with your own account and sign in as somebody else, you lose this page; with the admin token you do not."),
    )
}

fn missing_redirect_uri(ui: &Ui, client: &Client) -> Section {
    let add = ui
        .press(ui.at(&["clients", &client.id, "playground", "register"]), "Add the redirect URI")
        .with("version", client.version)
        .main();
    Section::new("One thing is missing")
        .line("Answers are sent only to registered redirect URIs, and the playground’s is not among those of this client. Adding it lets administrators of this server, and nobody else, receive answers for this client. You can remove it in the settings afterwards.")
        .part(Code::new("Redirect URI of the playground", redirect_uri(&ui.app)))
        .part(Row::default().part(add))
}

/// `POST /admin/clients/{client_id}/playground/register`
pub async fn register_callback(call: Call) -> Result<HttpResponse, Error> {
    let ui = Ui::of(&call)?;
    let id = call.segment("client_id")?;
    let typed = call.admin_form()?;
    let uri = redirect_uri(&call.app);
    let add = |mut settings: ClientSettings| {
        if !settings.redirect_uris.contains(&uri) {
            settings.redirect_uris.push(uri);
        }
        Ok(settings)
    };
    engine::change(&call.app, &id, &expected(&typed), add).await?;
    Ok(ui.see(&["clients", &id, "playground"], "added"))
}

/// The authorization request, explained, and the way there.
fn request(ui: &Ui, client: &Client, run: &Run, scope: &str, prompt: &str) -> View {
    let redirect_uri = redirect_uri(&ui.app);
    let challenge = CodeChallenge::of(&run.verifier);
    let nonce = run.nonce.as_deref().unwrap_or_default();
    let parameters = [
        ("response_type", "code", "A code, to be redeemed for tokens."),
        ("client_id", client.id.as_str(), "Who asks."),
        (
            "redirect_uri",
            redirect_uri.as_str(),
            "Where the answer goes; it must be registered.",
        ),
        ("scope", scope, "What for."),
        (
            "state",
            run.state.as_str(),
            "Random. It comes back with the answer: an answer with another one is not for us.",
        ),
        ("nonce", nonce, "Random. It comes back in the ID token."),
        ("prompt", prompt, "What the person has to do."),
        (
            "code_challenge",
            challenge.as_str(),
            "The SHA-256 digest of the code_verifier. Only whoever has the verifier can redeem the code.",
        ),
        ("code_challenge_method", "S256", "How the challenge was made."),
    ];
    let sent: Vec<(&str, &str, &str)> = parameters.into_iter().filter(|(_, value, _)| !value.is_empty()).collect();
    let pairs: Vec<(&str, &str)> = sent.iter().map(|(name, value, _)| (*name, *value)).collect();
    let address = with_query(&ui.app.issuer.endpoint("/authorize"), &pairs);
    let mut table = Table::new("Parameters of the request", &["Parameter", "Value", "Why"], "");
    for (name, value, why) in &sent {
        table.row(vec![Cell::code(*name), Cell::code(*value), Cell::text(*why)]);
    }
    let verifier = Code::new("code_verifier, which stays with the application for now", run.verifier.clone());
    view(ui, client, At::Playground, None).part(
        Section::new("The authorization request")
            .line("The application sends the browser to this address. Nothing in it is secret.")
            .part(Code::new("Address", address.clone()))
            .part(Row::default().part(Link::new("Start: send the browser there", address).main()))
            .part(table)
            .part(verifier),
    )
}

/// Client credentials: one request, one answer.
async fn for_itself(call: &Call, ui: &Ui, client: &Client, scope: &str, secret: &str) -> Result<HttpResponse, Error> {
    let mut run = Run::begin(ui, &client.id);
    run.secret = Some(secret.to_owned()).filter(|secret| !secret.is_empty());
    let mut fields = vec![("grant_type", "client_credentials")];
    if !scope.is_empty() {
        fields.push(("scope", scope));
    }
    let asked = Asked {
        app: &call.app,
        client,
        run: &run,
    };
    let exchange = asked.token("The token request", &fields).await?;
    tokens::page(call, ui, client, run, exchange).await?.ok()
}

/// Asks for the client's secret.
pub fn secret_field(hint: &str) -> Field {
    Field::new(Kind::Password, "client_secret", "Client secret").hint(hint).required()
}

/// A form for the secret of a client that has one.
pub fn with_secret(form: Form, client: &Client) -> Form {
    let field = secret_field("It is used for the requests of this run and travels sealed with these pages; the server does not store it.");
    form.maybe((!client.is_public()).then_some(field))
}
