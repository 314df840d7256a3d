//! Stylesheets, logo and scripts, inside the binary.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};

use super::call::Call;
use super::error::Error;

/// Pages name assets with the version, so a new release is a new address.
const CACHE: &str = "public, max-age=31536000, immutable";

/// The stylesheet.
pub async fn stylesheet(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(&call, "text/css; charset=utf-8", include_str!("../../static/gatehouse.css")))
}

/// The stylesheet of the reference of the API.
pub async fn reference_stylesheet(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(&call, "text/css; charset=utf-8", include_str!("../../static/reference.css")))
}

/// The logo.
pub async fn logo(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(&call, "image/svg+xml", include_str!("../../static/gatehouse.svg")))
}

/// The logo at the address that browsers guess, which has no version in it.
pub async fn favicon(call: Call) -> Result<HttpResponse, Error> {
    let mut response = logo(call).await?;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    Ok(response)
}

/// The script that sends the form of `response_mode=form_post`.
pub async fn form_post(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(
        &call,
        "text/javascript; charset=utf-8",
        include_str!("../../static/form_post.js"),
    ))
}

/// The stylesheet of the administration: its frame.
pub async fn admin_stylesheet(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(&call, "text/css; charset=utf-8", include_str!("../../static/admin.css")))
}

/// The stylesheet of the administration: what its pages are made of.
pub async fn admin_parts_stylesheet(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(
        &call,
        "text/css; charset=utf-8",
        include_str!("../../static/admin_parts.css"),
    ))
}

/// The stylesheet of the administration: its charts.
pub async fn admin_charts_stylesheet(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(
        &call,
        "text/css; charset=utf-8",
        include_str!("../../static/admin_charts.css"),
    ))
}

/// The script that adds buttons for copying.
pub async fn admin_script(call: Call) -> Result<HttpResponse, Error> {
    Ok(asset(
        &call,
        "text/javascript; charset=utf-8",
        include_str!("../../static/admin.js"),
    ))
}

fn asset(call: &Call, content_type: &'static str, text: &'static str) -> HttpResponse {
    let tag = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    if call.header(IF_NONE_MATCH) == Some(tag) {
        return HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, CACHE))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, CACHE))
        .content_type(content_type)
        .body(text)
}
