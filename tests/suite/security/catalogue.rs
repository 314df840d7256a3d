//! The catalogue of attacks: what is tried, and which tests show that it does not work. A test that is not there any more, and a
//! family without a test, fail here.

use crate::support::suite;

/// A family of attacks with the tests that try it.
type Row = (&'static str, &'static [&'static str]);

/// In the order of `docs/security.md`.
pub const CATALOGUE: &[Row] = &[
    (
        "races for codes and refresh tokens",
        &[
            "races::a_hundred_redemptions_of_one_code_have_one_winner_and_end_revoked",
            "races::a_hundred_refreshes_of_one_token_have_one_successor_and_no_error",
            "races::refreshing_and_revoking_at_once_ends_revoked",
            "races::no_session_and_no_grant_outlives_a_change_of_the_password",
            "flows::client_assertions::two_nodes_that_get_the_same_assertion_accept_it_once",
        ],
    ),
    (
        "replay",
        &[
            "flows::code::a_code_works_once_and_a_replay_revokes_what_came_of_it",
            "flows::code::a_replay_after_expiry_still_revokes",
            "flows::refresh::a_replay_after_the_grace_window_revokes_the_grant",
            "flows::refresh::a_token_two_generations_old_is_a_replay_at_once",
            "flows::client_assertions::an_assertion_is_good_once",
        ],
    ),
    (
        "code injection",
        &[
            "security::codes::an_injected_code_is_worth_nothing",
            "security::codes::parts_of_two_codes_are_no_code",
            "flows::code::a_code_is_bound_to_client_redirect_uri_and_verifier",
        ],
    ),
    (
        "PKCE downgrade and mismatch",
        &[
            "security::codes::no_request_gets_a_code_without_a_challenge",
            "security::codes::a_verifier_without_a_challenge_is_a_downgrade",
            "protocol::pkce::only_s256_is_a_method",
        ],
    ),
    (
        "redirect confusion",
        &[
            "security::redirects::an_answer_goes_to_a_registered_address_and_nowhere_else",
            "security::redirects::a_code_for_one_address_is_not_redeemed_with_another",
            "security::redirects::what_runs_in_a_browser_is_registered_nowhere",
            "flows::authorization::an_unknown_client_or_redirect_uri_gets_a_page_and_no_redirect",
            "protocol::redirect_uri::a_match_leads_nowhere_else",
        ],
    ),
    (
        "open redirects",
        &[
            "security::redirects::signing_in_and_out_leads_to_pages_of_ours_only",
            "security::redirects::the_way_back_after_a_sign_in_is_no_other_site",
            "flows::client_documents::a_fault_leads_nobody_away",
            "relay::create::people_return_to_registered_pages_only",
            "account::login::it_leads_to_no_other_site",
        ],
    ),
    (
        "mix-up",
        &[
            "security::mix_up::every_answer_says_whose_it_is",
            "security::mix_up::no_header_changes_what_the_documents_say",
            "relay::receive::an_answer_of_another_issuer_is_an_error",
            "vault::flow::bent::the_way_back_cannot_be_bent",
        ],
    ),
    (
        "client confusion",
        &[
            "security::codes::what_belongs_to_one_client_is_nothing_to_another",
            "flows::client_assertions::each_client_by_its_method_and_no_other",
            "flows::revocation::only_the_owner_may_revoke_and_only_confidential_clients_may_ask",
        ],
    ),
    (
        "grants that are not there",
        &["security::codes::there_is_no_implicit_flow_and_no_password_grant"],
    ),
    (
        "clickjacking",
        &[
            "security::every_route::every_answer_of_every_route_is_protected",
            "security::every_route::pages_of_people_are_not_reached_from_other_windows",
            "security::headers::every_page_is_protected",
        ],
    ),
    (
        "session fixation and swapping",
        &[
            "security::sessions::a_planted_session_is_not_the_one_that_is_signed_in",
            "security::sessions::a_planted_browser_or_device_gives_nothing_away",
            "security::sessions::who_changes_in_the_middle_of_a_flow_starts_again",
            "security::sessions::a_cookie_of_one_kind_is_none_of_another",
            "flows::sessions::signing_in_changes_the_session_id_and_out_ends_it",
            "flows::consent::an_answer_counts_only_for_what_was_shown_to_this_person",
        ],
    ),
    (
        "login CSRF",
        &["security::sessions::nobody_is_signed_in_as_somebody_else_by_another_site"],
    ),
    (
        "CSRF",
        &[
            "security::forms::every_form_of_a_person_is_refused_unless_it_is_ours",
            "security::forms::set_up_is_refused_unless_the_form_is_ours",
            "security::forms::consent_to_an_agent_is_refused_unless_the_form_is_ours",
            "security::forms::where_other_sites_may_send_people_nothing_happens_by_itself",
            "security::forms::the_api_takes_no_cookie_from_another_site",
            "security::every_route::cookies_open_nothing_that_is_for_programs",
        ],
    ),
    (
        "token substitution",
        &[
            "security::substitution::each_token_opens_what_it_is_for_and_nothing_else",
            "security::substitution::tokens_of_another_server_are_nothing_here",
            "security::substitution::tokens_of_one_client_speak_for_nobody_at_another",
            "security::tokens::an_audience_of_somebody_elses_is_no_userinfo_token",
            "flows::resources::the_administration_takes_no_token_for_a_resource",
        ],
    ),
    (
        "scope elevation",
        &[
            "security::scopes::a_refresh_gets_no_more_than_was_granted",
            "security::scopes::a_client_gets_for_itself_what_it_may_and_nothing_of_people",
            "security::scopes::no_client_is_called_like_a_person",
            "security::scopes::a_form_that_was_changed_grants_no_more_than_was_shown",
            "security::scopes::nothing_is_added_without_a_question",
            "vault::flow::bent::ceilings_and_return_uris_hold",
            "vault::flow::exchange::only_the_client_of_an_agent_exchanges",
            "api::meanwhile::a_token_is_worth_what_its_client_may_have_now",
        ],
    ),
    (
        "duplicate parameters",
        &[
            "security::duplicates::no_field_of_a_program_may_be_there_twice",
            "security::duplicates::no_parameter_of_an_authorization_request_may_be_there_twice",
            "security::duplicates::what_belongs_into_the_body_does_not_count_in_the_query",
            "security::duplicates::no_key_of_a_json_body_may_be_there_twice",
            "security::duplicates::no_header_with_credentials_may_be_there_twice",
        ],
    ),
    (
        "parsers that differ",
        &[
            "security::parsers::a_body_is_a_form_and_nothing_else",
            "security::parsers::names_and_values_are_taken_byte_by_byte",
            "security::parsers::a_query_and_a_form_say_the_same",
            "security::parsers::json_is_read_strictly",
            "security::parsers::what_is_no_object_is_no_body",
            "security::parsers::a_path_that_is_written_otherwise_opens_nothing",
            "security::spelling::words_of_paths_in_hexadecimal_lead_nowhere",
        ],
    ),
    (
        "request smuggling",
        &[
            "security::smuggling::nothing_hides_behind_a_request",
            "security::smuggling::a_body_that_is_not_read_is_no_request",
            "security::smuggling::a_target_that_names_another_server_leads_nowhere",
            "security::pipelining::all_that_are_sent_at_once_are_answered",
            "security::pipelining::nothing_after_the_last_request_is_carried_out",
            "security::pipelining::each_answer_is_for_its_own_request",
        ],
    ),
    (
        "header and log injection",
        &[
            "security::injection::no_text_of_a_request_becomes_a_header",
            "security::injection::no_stored_text_loosens_the_content_policy",
            "security::injection::no_text_of_a_request_becomes_a_line_of_the_log",
            "security::injection::names_that_people_read_turn_nothing_around",
            "audit::redaction::a_line_has_stable_names_and_no_break",
        ],
    ),
    (
        "JWT confusion",
        &[
            "security::jwt::an_assertion_that_lies_about_itself_proves_nothing",
            "security::jwt::a_token_that_lies_about_itself_is_none_of_ours",
            "security::jwt::no_public_key_is_a_secret",
            "security::jwt::a_key_is_read_from_its_forms",
            "security::jwt::a_signature_has_one_spelling",
            "security::tokens::forged_access_tokens",
            "security::tokens::forged_opaque_tokens_and_codes",
            "flows::client_assertions::what_proves_nothing",
            "relay::user_tokens::tokens_are_verified",
        ],
    ),
    (
        "JWKS spoofing",
        &[
            "security::jwt::an_assertion_that_lies_about_itself_proves_nothing",
            "security::jwt::a_token_that_lies_about_itself_is_none_of_ours",
            "security::ssrf::key_addresses_lead_nowhere_inside",
            "relay::user_tokens::an_issuer_speaks_for_itself_only",
        ],
    ),
    (
        "server-side request forgery",
        &[
            "security::ssrf::metadata_documents_lead_nowhere_inside",
            "security::ssrf::key_addresses_lead_nowhere_inside",
            "security::ssrf::a_name_is_looked_up_once",
            "security::ssrf::nothing_else_that_a_document_names_is_fetched",
            "security::ssrf::addresses_of_the_public_internet",
            "security::ssrf::the_reason_is_the_address_and_not_luck",
            "security::ssrf::answers_that_are_not_small_json_documents",
            "security::ssrf::nobody_waits_for_ever",
            "security::ssrf::many_who_want_the_same_ask_once",
            "security::ssrf::keys_of_one_host_are_read_only_so_often_for_strangers",
            "providers::networks::nobody_else_reaches_what_was_named_for_providers",
        ],
    ),
    (
        "enumeration through errors",
        &[
            "security::enumeration::a_refused_sign_in_does_not_say_why",
            "security::enumeration::a_refused_client_is_not_told_why",
            "security::enumeration::a_refused_token_is_not_explained",
            "security::enumeration::what_is_somebody_elses_is_like_what_there_is_not",
            "flows::registration_management::unknown_clients_and_wrong_tokens_are_told_alike",
            "relay::strangers::a_stranger_is_told_the_same_about_everything",
        ],
    ),
    (
        "guessing",
        &[
            "flows::sessions::guessing_is_slowed_down_without_locking_the_owner_out",
            "races::a_burst_of_guesses_learns_nothing_after_the_limit",
            "api::access::wrong_admin_tokens_are_slowed_down",
            "flows::registration::wrong_tokens_are_slowed_down_and_right_ones_are_not",
            "account::password::parallel_guesses_learn_nothing_beyond_the_limit",
            "security::headers::only_trusted_proxies_say_where_a_request_comes_from",
        ],
    ),
    (
        "stored and reflected markup (XSS)",
        &[
            "security::markup::no_field_that_the_api_takes_becomes_markup_on_any_page",
            "security::markup::no_field_of_a_form_becomes_markup_when_it_comes_back",
            "security::markup::no_parameter_of_an_address_becomes_markup",
            "security::self_described::no_client_registers_markup",
            "security::self_described::no_document_brings_markup",
            "browser::markup::no_text_becomes_an_element_or_runs",
            "browser::markup::nothing_of_a_client_that_registered_itself_becomes_an_element_or_runs",
            "browser::markup::nothing_of_a_client_that_is_described_by_a_document_becomes_an_element_or_runs",
            "security::bad_input::names_of_clients_and_users_are_text_and_never_markup",
        ],
    ),
    (
        "cookies",
        &[
            "security::cookies::every_cookie_has_its_flags",
            "security::cookies::no_cookie_is_made_elsewhere",
            "security::headers::under_https_cookies_are_host_bound_and_secure",
        ],
    ),
    (
        "reading by other origins (CORS)",
        &[
            "security::every_route::the_table_opens_no_route_to_others_that_knows_cookies",
            "security::every_route::other_origins_read_what_the_table_says",
            "relay::cors::listed_origins_and_no_others",
        ],
    ),
    (
        "caches",
        &[
            "security::every_route::nothing_but_what_is_for_everybody_is_kept_by_caches",
            "security::headers::assets_are_cached_and_nothing_else_is",
        ],
    ),
    (
        "content that is taken for something else",
        &[
            "security::every_route::what_is_answered_says_what_it_is",
            "security::every_route::methods_that_are_not_in_the_table_are_refused",
        ],
    ),
    (
        "secrets in logs",
        &[
            "cli::log_secrecy::at_the_finest_level_no_secret_is_logged",
            "cli::log_secrecy::no_state_and_no_code_of_the_relay_is_logged",
            "cli::log_secrecy::vault::nothing_of_the_vault_is_logged_or_recorded",
            "security::tokens::debug_output_keeps_secrets",
            "audit::redaction::secrets_are_replaced_at_any_depth",
        ],
    ),
    (
        "exhaustion",
        &[
            "security::exhaustion::password_checks_beyond_the_line_are_turned_away",
            "security::exhaustion::a_thousand_sign_ins_at_once_are_answered_and_do_not_grow_memory",
            "security::exhaustion::a_check_that_nobody_waits_for_gives_its_place_back",
            "security::exhaustion::a_small_pool_serves_a_crowd",
            "security::pipelining::who_reads_nothing_holds_nobody_up",
            "security::pipelining::what_a_request_says_is_no_other_request",
            "security::pipelining::a_body_that_nobody_takes_is_not_waited_for",
        ],
    ),
    (
        "rights of administrators",
        &[
            "api::authorization::every_route_has_its_line",
            "api::authorization::everybody_is_let_in_where_they_may_and_nowhere_else",
            "api::authorization::who_signed_in_long_ago_looks_on_and_proves_it_again_before_what_is_dangerous",
            "admin_pages::access::auditors_see_everything_and_have_no_buttons",
        ],
    ),
    (
        "malformed input",
        &[
            "security::bad_input::malformed_bodies",
            "security::bad_input::long_and_strange_parameters_of_an_authorization_request",
            "security::bad_input::unknown_paths",
            "security::bad_input::interactions_that_are_not_ours",
            "security::corpus::what_was_found_once_is_read_or_refused",
            "security::corpus::every_target_is_run",
        ],
    ),
];

#[test]
fn every_attack_has_tests_that_there_are() {
    let tests = suite::tests();
    let mut missing: Vec<&&str> = Vec::new();
    for (attack, named) in CATALOGUE {
        assert!(!named.is_empty(), "{attack}");
        missing.extend(named.iter().filter(|name| !tests.contains(**name)));
    }
    assert!(missing.is_empty(), "there are no tests {missing:#?}");
    // And no test of this folder is forgotten.
    let helpers = ["security::catalogue::"];
    let own = tests
        .iter()
        .filter(|name| name.starts_with("security::") && !helpers.iter().any(|helper| name.starts_with(helper)));
    let named = |name: &&String| CATALOGUE.iter().any(|(_, tests)| tests.contains(&name.as_str()));
    let forgotten: Vec<_> = own.filter(|name| !named(name)).collect();
    assert!(forgotten.is_empty(), "in no family: {forgotten:#?}");
}
