//! The files of a catalog as written: one module for each kind, for the reader and for the JSON Schemas of editors.
//!
//! Every value is a [`Field`], so that a wrong one is noted with its place and the rest is still read. Which fields are
//! required is said by the conversion to the domain, which can name the place where one is missing.

mod chart;
mod connections;
mod dashboard;
mod expression;
mod guides;
mod one_or_many;
mod options;
mod people;
mod table;

pub use chart::{ChartFile, MarkWord, OrientWord, ScaleWord, StackWord};
pub use connections::{ConnectionFile, ConnectionsFile, SourceKind};
pub use dashboard::{
    AccessFile, AggregateWord, ConditionFile, ControlFile, DashboardFile, FieldFile, FilterFile, FilterKindWord, GridFile, OptionFile,
    TileFile, ToneWord,
};
pub use expression::Expression;
pub use guides::{
    AnnotationFile, AxesFile, AxisFile, BandFile, LayerFile, LayerMarkWord, LegendWord, NumberOrColumn, PlaceAxisFile, RuleFile, SideWord,
};
pub use one_or_many::OneOrMany;
pub use options::{OptionEntry, OptionFileEntry, OptionsEntry};
pub use people::{
    AttributeFile, AttributeKindWord, DevKeyFile, FanOutWord, GroupFile, KeyKindWord, MemberFile, MorePeopleFile, OrganizationFile,
    PeopleFile,
};
pub use table::{CompressionWord, FormatWord, TableEntry, TableFile};

pub use crate::yaml::{Entries, Entry, Field};
