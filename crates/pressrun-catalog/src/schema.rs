//! JSON Schemas of the kinds of files, for editors.

use serde_json::{Value, json};

use crate::files::{ConnectionsFile, DashboardFile, MorePeopleFile, PeopleFile};

/// JSON Schemas (draft 2020-12) by kind of file: `connections`, `people`, `more-people`, `dashboard`.
#[must_use]
pub fn schema() -> Value {
    json!({
        "connections": schemars::schema_for!(ConnectionsFile),
        "people": schemars::schema_for!(PeopleFile),
        "more-people": schemars::schema_for!(MorePeopleFile),
        "dashboard": schemars::schema_for!(DashboardFile),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_describe_keys_and_refuse_others() {
        let schema = schema();
        for (kind, key) in [("connections", "connections"), ("people", "members"), ("dashboard", "tiles")] {
            assert!(schema[kind]["properties"][key].is_object(), "{kind}.{key}");
            assert_eq!(schema[kind]["additionalProperties"], json!(false), "{kind}");
        }
        assert_eq!(schema["dashboard"]["required"], json!(["identifier", "name"]));
        assert!(schema["dashboard"]["$defs"]["ChartFile"]["properties"]["mark"].is_object());
    }
}
