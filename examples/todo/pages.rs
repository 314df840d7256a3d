//! The list in the browser. Every change is a form, so it works without scripts.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::shared::page::{Frame, html, see_other};
use crate::shared::site::{Bare, Person, Site};
use crate::todos::{MAX_TITLE, MAX_TODOS, Refused, Todo, Todos};

#[derive(Template)]
#[template(path = "todo/welcome.html", config = "examples/askama.toml")]
struct Welcome {
    frame: Frame,
    issuer: String,
}

#[derive(Template)]
#[template(path = "todo/list.html", config = "examples/askama.toml")]
struct ListPage {
    frame: Frame,
    csrf: String,
    first_name: String,
    todos: Vec<Todo>,
    done: usize,
    typed: String,
    problem: Option<String>,
}

/// A new to-do.
#[derive(Deserialize)]
pub struct New {
    csrf: String,
    title: String,
}

/// A tick, or no tick.
#[derive(Deserialize)]
pub struct Tick {
    csrf: String,
    done: bool,
}

/// `GET /`: the list, or for strangers the way in.
pub async fn home(site: Data<Site>, todos: Data<Todos>, request: HttpRequest) -> HttpResponse {
    match site.person(&request).await {
        Ok(Some(person)) => list(&site, &todos, &person, StatusCode::OK, None),
        Ok(None) => {
            let page = Welcome {
                frame: site.frame(None),
                issuer: site.party.issuer().to_owned(),
            };
            html(StatusCode::OK, &page)
        }
        Err(page) => page,
    }
}

/// `POST /todos`.
pub async fn add(site: Data<Site>, todos: Data<Todos>, request: HttpRequest, new: Form<New>) -> HttpResponse {
    let person = match site.sender(&request, &new.csrf).await {
        Ok(person) => person,
        Err(page) => return page,
    };
    match todos.add(person.who.subject.as_str(), &new.title) {
        Ok(()) => see_other("/"),
        Err(refused) => {
            let problem = match refused {
                Refused::Empty => "Please say what is to be done.".to_owned(),
                Refused::TooLong => format!("That is too long: {MAX_TITLE} characters are the most."),
                Refused::Full => format!("{MAX_TODOS} things are enough. Do some of them first."),
            };
            let failed = Some((new.title.clone(), problem));
            list(&site, &todos, &person, StatusCode::UNPROCESSABLE_ENTITY, failed)
        }
    }
}

/// `POST /todos/{id}/tick`. The form says which of the two it shall be, so sending it twice does no harm.
pub async fn tick(site: Data<Site>, todos: Data<Todos>, request: HttpRequest, id: Path<u64>, tick: Form<Tick>) -> HttpResponse {
    changed(&site, &request, &tick.csrf, |subject| todos.set_done(subject, *id, tick.done)).await
}

/// `POST /todos/{id}/delete`.
pub async fn delete(site: Data<Site>, todos: Data<Todos>, request: HttpRequest, id: Path<u64>, form: Form<Bare>) -> HttpResponse {
    changed(&site, &request, &form.csrf, |subject| todos.delete(subject, *id)).await
}

/// `POST /todos/clear`.
pub async fn clear(site: Data<Site>, todos: Data<Todos>, request: HttpRequest, form: Form<Bare>) -> HttpResponse {
    changed(&site, &request, &form.csrf, |subject| todos.clear(subject)).await
}

async fn changed(site: &Site, request: &HttpRequest, csrf: &str, change: impl FnOnce(&str)) -> HttpResponse {
    match site.sender(request, csrf).await {
        Ok(person) => {
            change(person.who.subject.as_str());
            see_other("/")
        }
        Err(page) => page,
    }
}

fn list(site: &Site, todos: &Todos, person: &Person, status: StatusCode, failed: Option<(String, String)>) -> HttpResponse {
    let todos = todos.of(person.who.subject.as_str());
    let visitor = person.visitor();
    let (typed, problem) = failed.map_or_else(Default::default, |(typed, problem)| (typed, Some(problem)));
    let page = ListPage {
        frame: site.frame(Some(person)),
        first_name: visitor.name.split(' ').next().unwrap_or_default().to_owned(),
        csrf: visitor.csrf,
        done: todos.iter().filter(|todo| todo.is_done).count(),
        todos,
        typed,
        problem,
    };
    html(status, &page)
}
