//! `/api/callback/{state}/events`: server-sent events that tell the status of a callback, and never its answer.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};

use crate::federation::relay::wait::{self, CannotWatch, Status, Turn, Watch};
use crate::web::call::Call;
use crate::web::error::Error;

use super::{absent, collector, not_waiting, state};

/// Time between two signs of life, so that nobody on the way takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET /api/callback/{state}/events`
pub async fn events(call: Call) -> Result<HttpResponse, Error> {
    let collector = collector(&call).await?;
    let state = state(&call)?;
    match wait::watch(&call.app, collector, state).await? {
        Ok(watch) => Ok(HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((CACHE_CONTROL, "no-store"))
            // Some proxies keep what they could pass on.
            .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
            .streaming(told(watch))),
        Err(CannotWatch::Missing(missing)) => Err(absent(missing)),
        Err(CannotWatch::Wait(problem)) => Err(not_waiting(problem)),
    }
}

/// The events: the status at once, and every change of it, until there is nothing more to tell.
fn told(watch: Watch) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some((watch, None::<Status>)), |state| async move {
        let (mut watch, last) = state?;
        let turn = match last {
            Some(_) => watch.turn(HEARTBEAT).await,
            None => Turn::Woken,
        };
        if turn == Turn::Quiet {
            return Some((Ok(Bytes::from_static(b": still pending\n\n")), Some((watch, last))));
        }
        let status = match Box::pin(watch.status()).await {
            Ok(status) => status,
            Err(fault) => {
                tracing::warn!(event = "watch_ended", "{fault}");
                return None;
            }
        };
        let text = if last == Some(status) {
            ": still pending\n\n".to_owned()
        } else {
            format!("event: status\ndata: {{\"status\":\"{}\"}}\n\n", status.as_str())
        };
        let next = (turn == Turn::Woken && status == Status::Pending).then_some((watch, Some(status)));
        Some((Ok(Bytes::from(text)), next))
    })
}
