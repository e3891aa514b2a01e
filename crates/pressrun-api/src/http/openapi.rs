//! The OpenAPI document: the frame around what the handlers say, and the refusals that every endpoint shares.

use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Discriminator, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::problem::ProblemBody;

/// Refusals of every endpoint under `/api/v1`: status, meaning, example of `detail`.
const SHARED: [(u16, &str, &str); 9] = [
    (400, "The request is at fault; the first fault found is named.", "timezone: Time zone must be IANA valid."),
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
    // Types that only parameters have are not collected from the handlers.
    components.schemas.extend(super::v1::schedules::list::parameter_schemas());
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
    if let Some(components) = &mut document.components {
        discriminate(components);
    }
    document
}

/// Gives every tagged choice its `discriminator`, by which generated clients find the right type: each case becomes a schema with a name.
fn discriminate(components: &mut Components) {
    let mut cases = Vec::new();
    for (name, schema) in &mut components.schemas {
        let RefOr::T(Schema::OneOf(choice)) = schema else { continue };
        let Some(tags) = choice.items.iter().map(tag).collect::<Option<Vec<String>>>() else { continue };
        let mut discriminator = Discriminator::new(TAG);
        for (item, tag) in choice.items.iter_mut().zip(tags) {
            let case = format!("{name}_{tag}");
            let reference = Ref::from_schema_name(&case);
            discriminator.mapping.insert(tag, reference.ref_location.clone());
            cases.push((case, std::mem::replace(item, reference.into())));
        }
        choice.discriminator = Some(discriminator);
    }
    components.schemas.extend(cases);
}

/// The property that tells the cases of a choice apart.
const TAG: &str = "type";

/// The one value that a case's tag has.
fn tag(case: &RefOr<Schema>) -> Option<String> {
    let RefOr::T(Schema::Object(case)) = case else { return None };
    let Some(RefOr::T(Schema::Object(tag))) = case.properties.get(TAG) else { return None };
    let [Value::String(value)] = tag.enum_values.as_deref()? else { return None };
    Some(value.clone())
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
