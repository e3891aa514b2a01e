//! The same done to several schedules of the list at once: pause, resume, give away, delete. Each is asked for by itself, so that one that is
//! refused keeps none of the others back, and what came of each is said.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use pressrun_api::reading;
use pressrun_api::saving::{self, NotSaved};
use pressrun_domain::access::Handover;
use pressrun_domain::action::{Action, Refused};
use pressrun_domain::id::ScheduleId;

use super::act::is_own_token;
use crate::page::{Frame, PageError, show};
use crate::state::WebState;
use crate::viewer::Viewer;
use crate::words;

/// Most schedules at once: a page of the list.
const MOST: usize = 50;

type Sent = Result<Form<Vec<(String, String)>>, FormRejection>;

#[derive(Template)]
#[template(path = "bulk.html")]
struct Page {
    frame: Frame,
    form_token: String,
    heading: String,
    /// What is to be done, as it is sent on; nothing when it is done.
    verb: Option<Verb>,
    to: String,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    /// What came of it.
    said: String,
    tone: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Pause,
    Resume,
    Give,
    Delete,
}

impl Verb {
    const ALL: [Self; 4] = [Self::Pause, Self::Resume, Self::Give, Self::Delete];

    fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Give => "give",
            Self::Delete => "delete",
        }
    }

    /// Whether it is asked once more before.
    fn is_asked(self) -> bool {
        matches!(self, Self::Give | Self::Delete)
    }
}

/// `POST /schedules/bulk`.
pub(crate) async fn act(State(state): State<Arc<WebState>>, headers: HeaderMap, viewer: Viewer, form: Sent) -> Result<Response, PageError> {
    let Form(fields) = form.map_err(|_| PageError::Foreign)?;
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str());
    is_own_token(&state, &headers, field("form_token"))?;
    let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == field("verb"));
    let verb = verb.ok_or_else(|| PageError::Invalid("Choose what is to be done with the schedules.".to_owned()))?;
    let mut ids: Vec<ScheduleId> = fields.iter().filter(|(name, _)| name == "id").filter_map(|(_, id)| id.parse().ok()).collect();
    ids.dedup();
    if ids.is_empty() {
        return Err(PageError::Invalid("Tick the schedules first.".to_owned()));
    }
    if ids.len() > MOST {
        return Err(PageError::Invalid(format!("At most {MOST} schedules are changed at once.")));
    }
    let to = field("to").trim().to_owned();
    let count = words::count(ids.len() as u64, "schedule");
    let asks = verb.is_asked() && (field("sure") != "yes" || (verb == Verb::Give && to.is_empty()));
    let heading = match (asks, verb) {
        (true, Verb::Delete) => format!("Delete {count}?"),
        (true, _) => format!("Give {count} to whom?"),
        (false, _) => count,
    };
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        let shown = reading::schedule(&state.api, &viewer.actor, id).await;
        let name = shown.as_ref().map(|shown| shown.schedule.definition.name.clone()).unwrap_or_default();
        let (said, tone) = match (asks, &shown) {
            (_, Err(refused)) => (why(refused), "warn"),
            (true, Ok(_)) => (String::new(), ""),
            (false, Ok(_)) => done(&state, &viewer, verb, id, &to).await,
        };
        rows.push(Row { id: id.to_string(), name, said, tone });
    }
    let page = Page {
        frame: Frame::new(&heading, &viewer, "schedules"),
        form_token: viewer.form_token.clone(),
        verb: asks.then_some(verb),
        heading,
        to,
        rows,
    };
    Ok(show(StatusCode::OK, &page))
}

async fn done(state: &WebState, viewer: &Viewer, verb: Verb, id: ScheduleId, to: &str) -> (String, &'static str) {
    let (action, said) = match verb {
        Verb::Pause => (Action::Pause(id), "paused"),
        Verb::Resume => (Action::Resume(id), "resumed"),
        Verb::Delete => (Action::Delete(id), "deleted"),
        Verb::Give => {
            return match saving::give(&state.api, &viewer.actor, id, to).await {
                Ok(Handover::AtOnce) => (format!("given to {to}"), "good"),
                Ok(Handover::Offer) => (format!("offered to {to}, whose it is once they accept"), "good"),
                Err(NotSaved::Field { fault, .. } | NotSaved::Whole(fault)) => (format!("{fault}."), "warn"),
                Err(NotSaved::Stale) => ("somebody else changed it at the same time".to_owned(), "warn"),
                Err(NotSaved::Refused(refused)) => (why(&refused), "warn"),
            };
        }
    };
    match pressrun_api::act(&state.api, viewer.actor, action).await {
        Ok(_) => (said.to_owned(), "good"),
        Err(refused) => (why(&refused), "warn"),
    }
}

fn why(refused: &Refused) -> String {
    match refused {
        Refused::Denied => "there is no such schedule, or it is not yours to change".to_owned(),
        Refused::NotNow(why) => format!("{why}."),
        Refused::Failed => "it could not be done just now; the server's log says why".to_owned(),
    }
}
