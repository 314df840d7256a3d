//! Providers in the database: what is written is read back, and what is sealed opens in its own row only.

use gatehouse::federation::providers::{
    self, Credential, ProviderError, ProviderProblem, SecretChange, callback_url, change, credential, delete, is_sound, register,
};
use gatehouse::model::provider::{Endpoints, Provider, ProviderKind, ProviderSettings};
use gatehouse::protocol::provider::ClientAuth;
use secrecy::{ExposeSecret, SecretString};

use super::settings;
use crate::support::database::execute;
use crate::support::{TestApp, on_every_database};

async fn read(app: &TestApp, id: &str) -> Option<Provider> {
    app.app.store.read().await.unwrap().provider(id).await.unwrap()
}

fn secret(text: &str) -> Credential {
    Credential::ClientSecret(SecretString::from(text))
}

fn opened(app: &TestApp, provider: &Provider) -> Result<Option<String>, ProviderProblem> {
    credential(&app.app, provider).map(|secret| secret.map(|secret| secret.expose_secret().to_owned()))
}

/// A connection of somebody at a provider, as far as providers care.
pub async fn connect(app: &TestApp, id: &str, provider_id: &str) {
    let statement = format!(
        "INSERT INTO connections (id, workload, user_id, provider_id, account, account_label, scope, key_id, wrapped_key, \
         sealed_tokens, needs_consent, refreshing_until, retry_at, failures, created_at, updated_at, version) \
         VALUES ('{id}', 'agent', 'person', '{provider_id}', '{id}', '', '', '', '', '', 0, 0, 0, 0, 0, 0, 1)"
    );
    execute(&app.database_url(), statement).await;
}

on_every_database! {
    async fn what_is_written_is_read_back(app: TestApp) {
        let mut written = ProviderSettings { name: "Släck \u{1f4ac}".to_owned(), ..settings("slack", &[("team", "T1")]) };
        written.authorization_parameters.insert("granular_bot_scope".to_owned(), "1'\"\\".to_owned());
        let made = register(&app.app, "slack", written.clone(), Some(secret("hush"))).await.unwrap();
        assert_eq!(read(&app, "slack").await.as_ref(), Some(&made));
        assert_eq!((&made.settings, made.version), (&written, 1));
        assert!(read(&app, "Slack").await.is_none() && read(&app, "other").await.is_none());
        assert!(matches!(register(&app.app, "slack", written, None).await, Err(ProviderError::Taken(_))));
        register(&app.app, "a-first", settings("google", &[]), None).await.unwrap();
        let all = app.app.store.read().await.unwrap().providers().await.unwrap();
        assert_eq!(all.iter().map(|provider| provider.id.as_str()).collect::<Vec<_>>(), ["a-first", "slack"]);
        assert_eq!(callback_url(&app.app, "slack"), app.url("/connect/callback/slack"));

        let disabled = ProviderSettings { is_disabled: true, ..made.settings.clone() };
        let changed = change(&app.app, made.clone(), disabled, SecretChange::Keep).await.unwrap();
        assert_eq!((read(&app, "slack").await.as_ref(), changed.version), (Some(&changed), 2));
        assert_eq!(changed.sealed_secret, made.sealed_secret);
        // As much as there may be fits into the row, and twice into the event.
        let of_length = |length: usize| {
            let parameters = (0..20).map(|number| (format!("p{number}"), "x".repeat(length)));
            ProviderSettings { authorization_parameters: parameters.collect(), ..changed.settings.clone() }
        };
        let changed = change(&app.app, changed.clone(), of_length(790), SecretChange::Keep).await.unwrap();
        let changed = change(&app.app, changed.clone(), of_length(791), SecretChange::Keep).await.unwrap();
        assert_eq!(read(&app, "slack").await.as_ref(), Some(&changed));
        let long = change(&app.app, changed.clone(), of_length(1000), SecretChange::Keep).await;
        assert!(matches!(long, Err(ProviderError::Invalid(invalid)) if invalid.message.contains("16384 bytes")));
        let late = change(&app.app, made.clone(), settings("slack", &[]), SecretChange::Keep).await;
        assert!(matches!(late, Err(ProviderError::Changed)));
        assert!(matches!(delete(&app.app, &made, true).await, Err(ProviderError::Changed)));
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.hold_provider(&changed).await.unwrap() && !tx.hold_provider(&made).await.unwrap());
        tx.commit().await.unwrap();
        delete(&app.app, &changed, false).await.unwrap();
        assert!(read(&app, "slack").await.is_none());
    }

    async fn a_secret_opens_in_its_own_row_only(app: TestApp) {
        let google = register(&app.app, "google", settings("google", &[]), Some(secret("one"))).await.unwrap();
        let other = register(&app.app, "other", settings("google", &[]), None).await.unwrap();
        assert_eq!(opened(&app, &google), Ok(Some("one".to_owned())));
        assert_eq!(opened(&app, &other), Err(ProviderProblem::NoSecret));
        let sealed = google.sealed_secret.clone().unwrap();
        assert!(!sealed.contains("one"));
        execute(&app.database_url(), format!("UPDATE providers SET sealed_secret = '{sealed}' WHERE id = 'other'")).await;
        let moved = read(&app, "other").await.unwrap();
        assert_eq!((moved.sealed_secret.as_ref(), opened(&app, &moved)), (Some(&sealed), Err(ProviderProblem::SealedSecret)));
        // Nor does it as something else.
        assert!(app.app.secrets.client_secret.open(b"google", &sealed).is_none());
        let again = register(&app.app, "third", settings("google", &[]), Some(secret("one"))).await.unwrap();
        assert_ne!(again.sealed_secret, google.sealed_secret);
    }

    async fn a_secret_opens_at_its_own_addresses_only(app: TestApp) {
        let one = register(&app.app, "one", settings("github", &[]), Some(secret("one"))).await.unwrap();
        let key = ProviderSettings { kind: ProviderKind::ApiKey, name: "Key".to_owned(), ..ProviderSettings::default() };
        let key = register(&app.app, "key", key, Some(Credential::ApiKey(SecretString::from("k")))).await.unwrap();
        let public = ProviderSettings { client_auth: Some(ClientAuth::None), ..settings("github", &[]) };
        let public = register(&app.app, "public", public, None).await.unwrap();
        assert!(one.has_secret() && key.has_secret() && !public.has_secret());
        assert_eq!((opened(&app, &key), opened(&app, &public)), (Ok(Some("k".to_owned())), Ok(None)));
        let with = |provider: &Provider, settings: ProviderSettings| Provider { settings, ..provider.clone() };
        let same = settings("github", &[("host", "github.com")]);
        assert_eq!(opened(&app, &with(&one, same)), Ok(Some("one".to_owned())), "that is where it is anyway");
        let endpoints = Endpoints {
            authorization_endpoint: "https://github.com/a".parse().unwrap(),
            token_endpoint: "https://evil.example/t".parse().unwrap(),
            revocation_endpoint: None,
            userinfo_endpoint: None,
        };
        let base = settings("github", &[]);
        // A secret is no key.
        let key = ProviderSettings { client_auth: Some(ClientAuth::PrivateKeyJwt), ..base.clone() };
        assert_eq!(opened(&app, &with(&one, key)), Err(ProviderProblem::SealedSecret));
        for other in [
            settings("github", &[("host", "evil.example")]),
            settings("github_app", &[]),
            ProviderSettings { issuer: Some("https://evil.example".to_owned()), ..base.clone() },
            ProviderSettings { endpoints: Some(endpoints), preset: "oauth2".to_owned(), ..base.clone() },
            ProviderSettings { kind: ProviderKind::ApiKey, ..base.clone() },
        ] {
            assert_eq!(opened(&app, &with(&one, other.clone())), Err(ProviderProblem::SealedSecret), "{other:?}");
            let public = with(&public, ProviderSettings { client_auth: Some(ClientAuth::None), ..other });
            assert_eq!(opened(&app, &public), Err(ProviderProblem::Unsealed), "{public:?}");
        }
        let unsealed = Provider { sealed_secret: None, ..public.clone() };
        assert_eq!(opened(&app, &unsealed), Err(ProviderProblem::Unsealed));
        let stolen = Provider { sealed_secret: one.sealed_secret.clone(), ..public.clone() };
        assert!(opened(&app, &stolen).is_err());
        let dressed = Provider { sealed_secret: one.sealed_secret.as_ref().map(|text| text.replacen("1.", "0.", 1)), ..public.clone() };
        assert_eq!(opened(&app, &dressed), Err(ProviderProblem::Unsealed));
        // What is not of the operator any more becomes so when they say so, and not by another change.
        execute(&app.database_url(), "UPDATE providers SET sealed_secret = NULL WHERE id = 'public'".to_owned()).await;
        let named = ProviderSettings { name: "Named".to_owned(), ..public.settings.clone() };
        let named = change(&app.app, read(&app, "public").await.unwrap(), named, SecretChange::Keep).await.unwrap();
        assert!(!is_sound(&app.app, &named));
        let settings = named.settings.clone();
        let said = change(&app.app, named, settings, SecretChange::Remove).await.unwrap();
        assert!(is_sound(&app.app, &said) && is_sound(&app.app, &read(&app, "public").await.unwrap()));
    }

    async fn connections_keep_a_provider(app: TestApp) {
        let made = register(&app.app, "github", settings("github", &[]), Some(secret("one"))).await.unwrap();
        register(&app.app, "other", settings("github", &[]), None).await.unwrap();
        connect(&app, "c1", "github").await;
        connect(&app, "c2", "github").await;
        connect(&app, "c3", "other").await;
        let refused = delete(&app.app, &made, false).await.unwrap_err();
        assert!(matches!(refused, ProviderError::InUse(2, _)), "{refused}");
        assert_eq!(read(&app, "github").await, Some(made.clone()), "nothing has changed");
        // Their tokens go nowhere else.
        let elsewhere = settings("github", &[("host", "evil.example")]);
        let refused = change(&app.app, made.clone(), elsewhere, SecretChange::Set(secret("two"))).await.unwrap_err();
        assert!(matches!(refused, ProviderError::InUse(2, _)), "{refused}");
        let said = settings("github", &[("host", "github.com")]);
        let same = change(&app.app, made, said, SecretChange::Keep).await.unwrap();
        delete(&app.app, &same, true).await.unwrap();
        let mut connection = app.app.store.read().await.unwrap();
        assert_eq!(connection.count_connections_at("github").await.unwrap(), 0);
        assert_eq!(connection.count_connections_at("other").await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_slugs() {
    let long = "a".repeat(64);
    for id in ["google", "a", "0-x", long.as_str()] {
        assert!(providers::check_id(id).is_ok(), "{id}");
    }
    let longer = "a".repeat(65);
    for id in [
        "",
        "-a",
        "A",
        "a_b",
        "a.b",
        "..",
        "a/b",
        "a%2f",
        "ä",
        "a b",
        "a\n",
        "presets",
        longer.as_str(),
    ] {
        assert!(providers::check_id(id).is_err(), "{id:?}");
    }
}
