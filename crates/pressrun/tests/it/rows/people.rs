//! A small company: two members who each see one region, and an admin who sees three. Each member has an address outside and a webhook of
//! their own besides.

use pressrun_domain::id::MembershipId;

/// A region; every cell says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Region {
    Apac,
    Eu,
    Us,
}

impl Region {
    pub(super) const ALL: [Self; 3] = [Self::Apac, Self::Eu, Self::Us];

    /// The value of the attribute.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Apac => "APAC",
            Self::Eu => "EU",
            Self::Us => "US",
        }
    }

    /// Regions of which a text has a row.
    pub(super) fn in_text(text: &str) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |region| text.contains(&format!("ROW-{}-", region.name())))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Sees EU.
    Eve,
    /// Sees APAC.
    Owen,
    /// An admin.
    Root,
}

impl Who {
    pub(super) const ALL: [Self; 3] = [Self::Eve, Self::Owen, Self::Root];
    pub(super) const MEMBERS: [Self; 2] = [Self::Eve, Self::Owen];

    pub(super) fn sees(self, region: Region) -> bool {
        match self {
            Self::Eve => region == Region::Eu,
            Self::Owen => region == Region::Apac,
            Self::Root => true,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Eve => "eve",
            Self::Owen => "owen",
            Self::Root => "root",
        }
    }

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Eve => "0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a01",
            Self::Owen => "0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a02",
            Self::Root => "0b10e000-5f6e-4f0c-9a35-0b7f3f1f2a03",
        }
    }

    pub(super) fn of(id: MembershipId) -> Self {
        Self::ALL.into_iter().find(|who| who.id() == id.to_string()).unwrap()
    }

    pub(super) fn token(self) -> String {
        format!("{}-0123456789abcdef", self.name())
    }

    /// The other member.
    pub(super) fn other(self) -> Self {
        if self == Self::Eve { Self::Owen } else { Self::Eve }
    }
}

/// Where rows arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A member's address.
    Inbox(Who),
    /// An address outside that is theirs too.
    Private(Who),
    /// A server of theirs.
    Hook(Who),
}

impl Place {
    pub(super) const ALL: [Self; 9] = [
        Self::Inbox(Who::Eve),
        Self::Inbox(Who::Owen),
        Self::Inbox(Who::Root),
        Self::Private(Who::Eve),
        Self::Private(Who::Owen),
        Self::Private(Who::Root),
        Self::Hook(Who::Eve),
        Self::Hook(Who::Owen),
        Self::Hook(Who::Root),
    ];

    /// Who reads what arrives; `None` when it is somebody who sees everything anyway.
    pub(super) fn reader(self) -> Option<Who> {
        let (Self::Inbox(who) | Self::Private(who) | Self::Hook(who)) = self;
        (who != Who::Root).then_some(who)
    }

    /// The address, or the path of the server.
    pub(super) fn name(self) -> String {
        match self {
            Self::Inbox(who) => format!("{}@myorg.co", who.name()),
            Self::Private(who) => format!("{}.private@outside.example", who.name()),
            Self::Hook(who) => format!("/{}", who.name()),
        }
    }

    /// The place of an address, or of the address of a server.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| match place {
            Self::Hook(_) => name.starts_with("http") && name.ends_with(&place.name()),
            Self::Inbox(_) | Self::Private(_) => place.name() == name,
        })
    }
}

/// The catalog's people.
pub(super) fn yaml(fan_out: &str) -> String {
    let member = |who: Who, regions: &str, more: &str| {
        let (name, id) = (who.name(), who.id());
        let user = id.replace("5f6e-4f0c-9a35-0b7f3f1f2a", "77aa-4c55-8d10-5a2e8c1d9e");
        format!("  - {{ id: {id}, user_id: {user}, name: {name}, email: {name}@myorg.co{more}, attributes: {{ region: [{regions}] }} }}\n")
    };
    let members = member(Who::Eve, "EU", "") + &member(Who::Owen, "APAC", "") + &member(Who::Root, "APAC, EU, US", ", admin: true");
    let key = |who: &Who| format!("  - {{ token: {}, kind: personal, member: {}@myorg.co }}\n", who.token(), who.name());
    let keys = Who::ALL.iter().map(key).collect::<Vec<_>>().concat();
    format!(
        "organization: {{ id: 5b10b5a1-0000-4000-8000-000000000001, name: Blobs R Us, fan_out: {fan_out} }}
attributes:
  region: {{ type: String, multiple_values: true }}
members:
{members}groups:
  - {{ id: 0b10b0a1-1c2d-4e3f-8a4b-5c6d7e8f9a01, name: asia, members: [owen@myorg.co] }}
dev_keys:
{keys}  - {{ token: organization-0123456789abcdef, kind: organization, member: root@myorg.co }}
"
    )
}
