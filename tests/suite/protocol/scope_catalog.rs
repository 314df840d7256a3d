//! What is granted: requested ∩ defined ∩ client ∩ user.

use gatehouse::model::client::Client;
use gatehouse::model::scope::{ScopeCatalog, ScopeDefinition, ScopeSettings};
use gatehouse::model::user::{User, UserSettings};
use gatehouse::protocol::scope::Scope;
use proptest::prelude::*;

use super::{client, scope};

fn definition(name: &str, claims: &[&str], is_default: bool, roles: &[&str]) -> ScopeDefinition {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    ScopeDefinition {
        name: name.to_owned(),
        settings: ScopeSettings {
            description: name.to_owned(),
            claims: owned(claims),
            is_default,
            roles: owned(roles),
        },
        version: 1,
        created_at: 0,
        updated_at: 0,
    }
}

fn catalog() -> ScopeCatalog {
    ScopeCatalog(vec![
        definition("openid", &["sub"], true, &[]),
        definition("email", &["email", "email_verified"], true, &[]),
        definition("profile", &["name", "email"], false, &[]),
        definition("api:read", &[], false, &[]),
        definition("api:admin", &["roles"], false, &["admin", "owner"]),
    ])
}

fn client_with(allowed: &str) -> Client {
    let mut client = client();
    client.scope = scope(allowed);
    client
}

fn user(roles: &[&str], allowed_scope: Option<&str>) -> User {
    User {
        id: "1".to_owned(),
        password_hash: None,
        settings: UserSettings {
            username: "ada".to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            allowed_scope: allowed_scope.map(scope),
            ..UserSettings::default()
        },
        version: 1,
        created_at: 0,
        updated_at: 0,
    }
}

fn requested(asked: Option<&str>, allowed: &str) -> String {
    catalog().requested(asked.map(scope).as_ref(), &client_with(allowed)).to_string()
}

#[test]
fn a_client_gets_no_more_than_it_asks_for_and_no_more_than_it_may() {
    assert_eq!(requested(Some("api:read openid"), "openid email api:read"), "api:read openid");
    assert_eq!(requested(Some("openid api:admin"), "openid email"), "openid");
    assert_eq!(requested(Some("api:admin"), "openid email"), "");
    assert_eq!(requested(Some("OPENID"), "openid"), "");
}

#[test]
fn a_scope_that_nobody_defined_is_not_granted() {
    assert_eq!(requested(Some("openid ghost"), "openid ghost"), "openid");
    assert_eq!(requested(None, "ghost"), "");
}

/// RFC 6749 §3.3: a pre-defined default value.
#[test]
fn a_request_without_scope_gets_the_defaults_of_the_client() {
    assert_eq!(requested(None, "email openid api:read"), "email openid");
    assert_eq!(requested(None, "email api:read"), "email");
}

#[test]
fn a_client_without_default_scopes_gets_all_of_its_own() {
    assert_eq!(requested(None, "api:read api:admin"), "api:read api:admin");
}

#[test]
fn an_empty_request_is_not_a_missing_one() {
    assert_eq!(requested(Some(" "), "openid"), "");
}

#[test]
fn a_scope_with_roles_needs_one_of_them() {
    let of_user = |roles: &[&str]| catalog().of_user(&scope("openid api:admin"), &user(roles, None)).to_string();
    assert_eq!(of_user(&[]), "openid");
    assert_eq!(of_user(&["staff", "Admin"]), "openid");
    assert_eq!(of_user(&["owner"]), "openid api:admin");
}

#[test]
fn a_user_may_be_limited_to_some_scopes() {
    let of_user = |allowed: Option<&str>| {
        let asked = scope("openid email api:admin");
        catalog().of_user(&asked, &user(&["admin"], allowed)).to_string()
    };
    assert_eq!(of_user(None), "openid email api:admin");
    assert_eq!(of_user(Some("email api:read")), "email");
    assert_eq!(of_user(Some("")), "");
}

#[test]
fn a_limit_does_not_replace_a_role() {
    assert_eq!(
        catalog().of_user(&scope("api:admin"), &user(&[], Some("api:admin"))).to_string(),
        ""
    );
}

#[test]
fn a_scope_that_vanished_is_not_handed_on() {
    assert_eq!(catalog().of_user(&scope("openid ghost"), &user(&[], None)).to_string(), "openid");
}

#[test]
fn each_claim_is_released_once() {
    assert_eq!(catalog().claims(&scope("profile email ghost")), ["email", "email_verified", "name"]);
    assert!(catalog().claims(&Scope::default()).is_empty());
}

proptest! {
    #[test]
    fn nothing_is_ever_added(
        asked in proptest::option::of("((openid|email|profile|api:read|api:admin|ghost) ){0,5}"),
        allowed in "((openid|email|profile|api:read|api:admin|ghost) ){0,5}",
        limit in proptest::option::of("((openid|email|api:admin) ){0,3}"),
    ) {
        let catalog = catalog();
        let granted = catalog.requested(asked.as_deref().map(scope).as_ref(), &client_with(&allowed));
        prop_assert!(granted.is_subset(&scope(&allowed)));
        prop_assert!(asked.is_none_or(|asked| granted.is_subset(&scope(&asked))));
        let handed_on = catalog.of_user(&granted, &user(&[], limit.as_deref()));
        prop_assert!(handed_on.is_subset(&granted) && !handed_on.contains("api:admin") && !handed_on.contains("ghost"));
        prop_assert!(limit.is_none_or(|limit| handed_on.is_subset(&scope(&limit))));
    }
}
