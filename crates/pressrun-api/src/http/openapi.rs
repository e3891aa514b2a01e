//! The OpenAPI document: the frame around what the handlers say, and the refusals that every endpoint shares.

use serde_json::json;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::problem::ProblemBody;

/// Refusals of every endpoint under `/api/v1`: status, meaning, example of `detail`.
const SHARED: [(u16, &str, &str); 9] = [
    (400, "The request is at fault; the first fault found is named.", "schedule: Schedule is an invalid cron expression"),
    (401, "The token is missing, malformed, unknown or revoked.", "Unauthorized: Missing or invalid API key"),
    (403, "The token may not do this.", "Permission denied"),
    (404, "Something that the request names does not exist.", "Scheduled task with id 2abba91d-9bec-41a0-8a8d-6f133b4ff0b7 does not exist"),
    (408, "The request was not answered in time.", "Request Timeout"),
    (413, "The body is too large.", "Request body is larger than 1048576 bytes"),
    (414, "The address is too long.", "URI Too Long"),
    (429, "The token has used up its requests; `Retry-After` says when to come back.", "Too Many Requests"),
    (500, "The server failed; its log says why.", "Internal Server Error"),
];

/// Title, version and the way to authenticate.
pub(super) fn frame() -> OpenApi {
    let info = InfoBuilder::new().title("Pressrun").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Runs dashboards on a schedule and delivers them. Every refusal is `{\"detail\": …, \"status\": …}`; a wrong method is a 400.",
    ));
    let mut document =
        OpenApiBuilder::new().info(info.build()).security(Some([SecurityRequirement::new::<_, _, String>("bearer", [])])).build();
    let components = document.components.get_or_insert_default();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An organization key or a personal token."));
    components.security_schemes.insert("bearer".to_owned(), SecurityScheme::Http(scheme.build()).into());
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    document
}

/// The document of every endpoint.
pub(crate) fn openapi() -> OpenApi {
    let mut document = super::routes().into_openapi();
    for (path, item) in &mut document.paths.paths {
        if !path.starts_with("/api/") {
            continue;
        }
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().filter_map(Option::as_mut) {
            share(operation);
        }
    }
    document
}

fn share(operation: &mut Operation) {
    for (status, meaning, detail) in SHARED {
        let code = status.to_string();
        if operation.responses.responses.contains_key(&code) {
            continue;
        }
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(ProblemBody::name())))
            .example(Some(json!({"detail": detail, "status": status})))
            .build();
        let response = ResponseBuilder::new().description(meaning).content("application/json", content).build();
        operation.responses.responses.insert(code, RefOr::T(response));
    }
}
