//! The camera in the browser. What a person may do is what they have granted to this page; for more, it asks.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use crate::CONTROL;
use crate::api_client::{ApiClient, ApiError};
use crate::optics::Direction;
use crate::shared::page::{Frame, html, see_other};
use crate::shared::site::{Person, Site};

#[derive(Template)]
#[template(path = "camera/welcome.html", config = "examples/askama.toml")]
struct Welcome {
    frame: Frame,
    issuer: String,
}

#[derive(Template)]
#[template(path = "camera/camera.html", config = "examples/askama.toml")]
struct CameraPage {
    frame: Frame,
    csrf: String,
    /// The picture in base 64, for those who may see it
    picture: Option<String>,
    may_control: bool,
    status: Option<&'static str>,
    problem: Option<&'static str>,
}

/// What the address of the page says about what was just done.
#[derive(Deserialize)]
pub struct Just {
    moved: Option<Direction>,
    lacks: Option<String>,
}

/// A button of the controls.
#[derive(Deserialize)]
pub struct Turn {
    csrf: String,
    direction: Direction,
}

/// `GET /`: the picture and the controls, or for strangers the way in.
pub async fn home(site: Data<Site>, api: Data<ApiClient>, request: HttpRequest, just: Query<Just>) -> HttpResponse {
    let person = match site.person(&request).await {
        Ok(Some(person)) => person,
        Ok(None) => {
            let page = Welcome {
                frame: site.frame(None),
                issuer: site.party.issuer().to_owned(),
            };
            return html(StatusCode::OK, &page);
        }
        Err(page) => return page,
    };
    let (picture, mut problem) = match api.picture(&person.access.token).await {
        Ok(picture) => (Some(BASE64.encode(picture)), None),
        Err(ApiError::Ended) => return site.ended(&request),
        Err(ApiError::Lacks(_)) => (None, Some("You have not allowed this page to see the picture.")),
        Err(ApiError::Failed(reason)) => {
            eprintln!("There is no picture: {reason}");
            (None, Some("The camera does not answer. Please try again."))
        }
    };
    let may_control = person.access.scope.contains(CONTROL);
    if !may_control && person.who.asked.contains(CONTROL) {
        problem = Some("You asked for control and did not get it: your account may only look.");
    } else if just.lacks.as_deref() == Some(CONTROL) && !may_control {
        problem = Some("To move the camera you have to ask for control first.");
    }
    shown(&site, &person, picture, just.moved.map(told), problem)
}

fn shown(
    site: &Site,
    person: &Person,
    picture: Option<String>,
    status: Option<&'static str>,
    problem: Option<&'static str>,
) -> HttpResponse {
    let page = CameraPage {
        frame: site.frame(Some(person)),
        csrf: person.visitor().csrf,
        picture,
        may_control: person.access.scope.contains(CONTROL),
        status,
        problem,
    };
    let mut answer = html(StatusCode::OK, &page);
    // The picture comes with the page: the browser has no access token to fetch it with.
    answer.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    answer
}

/// `POST /move`: asks the API to move the camera. Whether that may be is the API's to say.
pub async fn turn(site: Data<Site>, api: Data<ApiClient>, request: HttpRequest, turn: Form<Turn>) -> HttpResponse {
    let person = match site.sender(&request, &turn.csrf).await {
        Ok(person) => person,
        Err(page) => return page,
    };
    match api.turn(&person.access.token, turn.direction).await {
        Ok(()) => see_other(&format!("/?moved={}#controls", name_of(turn.direction))),
        Err(ApiError::Ended) => site.ended(&request),
        Err(ApiError::Lacks(scope)) => see_other(&format!("/?lacks={scope}")),
        Err(ApiError::Failed(reason)) => {
            eprintln!("The camera was not moved: {reason}");
            let text = "It does not answer. It looks where it looked before.";
            site.message(StatusCode::BAD_GATEWAY, "The camera was not moved", text, &[("/", "Back")])
        }
    }
}

fn name_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Left => "left",
        Direction::Right => "right",
        Direction::Up => "up",
        Direction::Down => "down",
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Home => "home",
    }
}

fn told(direction: Direction) -> &'static str {
    match direction {
        Direction::Left => "Moved to the left.",
        Direction::Right => "Moved to the right.",
        Direction::Up => "Moved up.",
        Direction::Down => "Moved down.",
        Direction::In => "Zoomed in.",
        Direction::Out => "Zoomed out.",
        Direction::Home => "Back to the beginning.",
    }
}
