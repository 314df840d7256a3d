//! Documents that are the same for everybody.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};

use crate::base::document::Document;

use super::call::Call;

/// How long clients may keep one.
const CACHE: &str = "public, max-age=300";

/// Serves a document in JSON, to whoever does not have it yet.
pub fn serve(call: &Call, document: &Document) -> HttpResponse {
    let is_known = call.header(IF_NONE_MATCH) == Some(document.etag.as_str());
    let mut answer = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer
        .insert_header((ETAG, document.etag.as_str()))
        .insert_header((CACHE_CONTROL, CACHE));
    if is_known {
        answer.finish()
    } else {
        answer.content_type("application/json").body(document.text.clone())
    }
}
