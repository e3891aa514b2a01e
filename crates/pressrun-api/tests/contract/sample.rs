//! A catalog with every identifier of the contract's examples.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use pressrun_domain::catalog::{
    Access, AttributeDefinition, AttributeKind, Catalog, Dashboard, DevKey, Document, FanOutPolicy, FilterDefinition, FilterKind,
    GridPosition, Group, Member, Organization, QueryTile, Tile, TileBody,
};
use pressrun_domain::chart::{Chart, Mark};
use pressrun_domain::id::{GroupId, MembershipId, OrganizationId, UserId};
use pressrun_domain::key::KeyKind;
use pressrun_domain::secret::Secret;
use serde_json::json;
use uuid::Uuid;

pub const ORGANIZATION: Uuid = Uuid::from_u128(0x0a);
/// Admin; owns the organization key.
pub const ROSS: Uuid = Uuid::from_u128(0x01);
/// Member of `sales`.
pub const HILL: Uuid = Uuid::from_u128(0x02);
/// Member of no group.
pub const OUTER: Uuid = Uuid::from_u128(0x03);
/// The person behind that membership.
pub const OUTER_USER: Uuid = Uuid::from_u128(0x1003);
/// Deactivated.
pub const GONE: Uuid = Uuid::from_u128(0x04);
pub const SALES: Uuid = Uuid::from_u128(0x51);

fn member(id: Uuid, name: &str, email: &str, admin: bool, active: bool) -> Member {
    Member {
        id: MembershipId(id),
        user_id: UserId(Uuid::from_u128(id.as_u128() + 0x1000)),
        name: name.into(),
        email: email.parse().unwrap(),
        admin,
        active,
        attributes: BTreeMap::new(),
    }
}

fn tile(key: &str, title: &str, body: TileBody) -> Tile {
    Tile {
        key: key.into(),
        title: title.into(),
        subtitle: None,
        at: GridPosition { x: 0, y: 0, w: 12, h: 4 },
        page: 0,
        hidden: false,
        body,
    }
}

fn query(sql: &str) -> TileBody {
    TileBody::Query(QueryTile {
        sql: sql.into(),
        limit: 1000,
        filters: IndexMap::new(),
        fields: IndexMap::new(),
        chart: Chart::new(Mark::Table),
    })
}

fn dashboard(filters: &[&str]) -> Dashboard {
    let filter = |name: &str| FilterDefinition {
        label: name.to_uppercase(),
        kind: FilterKind::String,
        default: Some(json!({"kind": "EQUALS", "values": [format!("default {name}")]})),
        hidden: false,
        options: IndexMap::new(),
    };
    Dashboard {
        description: None,
        connection: "warehouse".into(),
        timezone: None,
        fiscal_start: None,
        filters: filters.iter().map(|name| ((*name).into(), filter(name))).collect(),
        pages: vec![],
        tiles: [
            tile("1", "Orders by month", query("select month, sum(price) from orders group by month")),
            tile("2", "Revenue", query("select sum(price) from orders where {{ filter('region', 'region') }}")),
            tile("note", "", TileBody::Markdown("hi".into())),
        ]
        .into_iter()
        .map(|tile| (tile.key.clone(), tile))
        .collect(),
    }
}

fn document(identifier: &str, name: &str, saved: bool, groups: &[&str], dashboard: Option<Dashboard>) -> Document {
    Document {
        identifier: identifier.into(),
        name: name.into(),
        saved,
        version: "v1".into(),
        access: Access { groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..Access::default() },
        dashboard,
    }
}

fn attribute(name: &str, kind: AttributeKind, multiple_values: bool) -> (String, AttributeDefinition) {
    let definition =
        AttributeDefinition { name: name.into(), label: name.into(), description: String::new(), kind, multiple_values, default: None };
    (name.to_owned(), definition)
}

pub fn catalog() -> Catalog {
    let documents = [
        document("12db1a0a", "Orders", true, &[], Some(dashboard(&["region"]))),
        document("dashboard-abc123", "Regional", true, &[], Some(dashboard(&["region", "status"]))),
        document("plain", "No filters", true, &[], Some(Dashboard { pages: vec!["Overview".into(), "Sources".into()], ..dashboard(&[]) })),
        document("secret", "Sales only", true, &["sales"], Some(dashboard(&["region"]))),
        document("draft", "Draft", false, &[], None),
        document("workbook", "Workbook", true, &[], None),
    ];
    Catalog {
        version: "v1".into(),
        organization: Organization {
            id: OrganizationId(ORGANIZATION),
            name: "Blobs".into(),
            fan_out: FanOutPolicy::Schedule,
            allowed_domains: vec![],
            member_timezones: false,
            fiscal_start: 1,
        },
        connections: IndexMap::new(),
        members: vec![
            member(ROSS, "Blob Ross", "ross@blobsrus.com", true, true),
            member(HILL, "Blobby Hill", "blobby@blobsrus.com", false, true),
            member(OUTER, "Outer Blob", "outer@blobsrus.com", false, true),
            member(GONE, "Gone Blob", "gone@blobsrus.com", false, false),
        ]
        .into(),
        groups: vec![Group { id: GroupId(SALES), name: "sales".into(), members: vec![MembershipId(HILL)] }].into(),
        attributes: [
            attribute("region", AttributeKind::String, true),
            attribute("is_admin", AttributeKind::Number, false),
            attribute("is_sales_team", AttributeKind::Number, false),
        ]
        .into_iter()
        .collect(),
        dev_keys: [
            ("org", KeyKind::Organization, ROSS),
            ("hill", KeyKind::Personal, HILL),
            ("outer", KeyKind::Personal, OUTER),
            ("gone", KeyKind::Personal, GONE),
        ]
        .map(|(token, kind, member)| DevKey { token: Secret::new(token), kind, member: MembershipId(member) })
        .into(),
        documents: documents.into_iter().map(|document| (document.identifier.clone(), Arc::new(document))).collect(),
        waiting: pressrun_domain::catalog::Waiting::default(),
    }
}
