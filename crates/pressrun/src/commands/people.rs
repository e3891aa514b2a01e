//! `pressrun people`: members and groups with the ids that the API takes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use pressrun_catalog::{CatalogHandle, CatalogRules};
use pressrun_domain::catalog::Catalog;
use serde_json::json;

use crate::clock::WallClock;
use crate::config::Settings;
use crate::show;

/// Arguments of `pressrun people`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only people and groups whose name or address has these letters.
    search: Option<String>,
    /// Catalog folder, instead of that of a configuration.
    #[arg(long, conflicts_with = "config")]
    catalog: Option<PathBuf>,
    /// Configuration file; ./pressrun.toml, else /etc/pressrun/pressrun.toml, when there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints members and groups.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    crate::telemetry::for_people("error");
    let catalog: Arc<Catalog> = match &arguments.catalog {
        Some(dir) => CatalogHandle::open_with(dir, Arc::new(WallClock), CatalogRules::open())?.current(),
        None => {
            let settings = Settings::for_command(arguments.config.as_deref())?;
            super::serve::runtime()?.block_on(super::key::catalog(&settings))?
        }
    };
    let wanted = arguments.search.as_deref().unwrap_or_default().to_lowercase();
    let is_wanted = |texts: &[&str]| texts.iter().any(|text| text.to_lowercase().contains(&wanted));
    let members: Vec<_> = catalog.members.iter().filter(|member| is_wanted(&[&member.name, member.email.as_str()])).collect();
    let groups: Vec<_> = catalog.groups.iter().filter(|group| is_wanted(&[&group.name])).collect();
    if arguments.json {
        let members: Vec<_> = members
            .iter()
            .map(|member| {
                json!({
                    "membershipId": member.id, "userId": member.user_id, "name": member.name, "email": member.email, "admin": member.admin,
                    "active": member.active,
                })
            })
            .collect();
        let groups: Vec<_> =
            groups.iter().map(|group| json!({ "id": group.id, "name": group.name, "members": group.members.len() })).collect();
        show::line(serde_json::to_string_pretty(&json!({ "members": members, "groups": groups }))?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["membership id", "user id", "name", "address", ""].map(str::to_owned)];
    for member in &members {
        let mark = match (member.active, member.admin) {
            (false, _) => "deactivated",
            (true, true) => "admin",
            (true, false) => "",
        };
        rows.push([member.id.to_string(), member.user_id.to_string(), member.name.clone(), member.email.to_string(), mark.to_owned()]);
    }
    show::table(&rows);
    if !groups.is_empty() {
        show::line("");
        let mut rows = vec![["group id", "group", "members"].map(str::to_owned)];
        rows.extend(groups.iter().map(|group| [group.id.to_string(), group.name.clone(), group.members.len().to_string()]));
        show::table(&rows);
    }
    Ok(ExitCode::SUCCESS)
}
