//! What the typesetter may see: one template, the data of one job, the fonts. No files, no packages, no clock.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use typst::comemo::Track;
use typst::diag::{At, FileError, FileResult, SourceDiagnostic, SourceResult};
use typst::engine::{Engine, Route, Sink, Traced};
use typst::foundations::{Bytes, Context, Datetime, Dict, Duration, Func, Output, StyleChain, Target, TargetElem, Value};
use typst::introspection::EmptyIntrospector;
use typst::syntax::{FileId, RootedPath, Source, Span, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::{LazyHash, Protected};
use typst::{Library, LibraryExt, World, WorldExt};
use typst_layout::PagedDocument;

use super::fonts::Fonts;
use crate::error::RenderError;

const TEMPLATE: &str = include_str!("dashboard.typ");

/// The template, parsed once. Its name is fixed: file ids are a process-wide 16-bit supply.
static SOURCE: LazyLock<Source> = LazyLock::new(|| {
    let path = VirtualPath::new("dashboard.typ").unwrap_or_else(|_| unreachable!("the name is a valid path"));
    Source::new(RootedPath::new(VirtualRoot::Project, path).intern(), TEMPLATE.to_owned())
});

/// The typesetter's standard library, built and hashed once.
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

struct PageWorld {
    fonts: Arc<Fonts>,
    as_of: Timestamp,
}

impl World for PageWorld {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.fonts.book
    }

    fn main(&self) -> FileId {
        SOURCE.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == SOURCE.id() { Ok(SOURCE.clone()) } else { Err(refused(id)) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == SOURCE.id() { Ok(Bytes::from_string(TEMPLATE)) } else { Err(refused(id)) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        moment(self.as_of)
    }
}

fn refused(id: FileId) -> FileError {
    FileError::NotFound(id.vpath().get_without_slash().into())
}

/// An instant as the typesetter's UTC date and time.
pub(super) fn moment(at: Timestamp) -> Option<Datetime> {
    let at = at.to_zoned_datetime(TimeZone::UTC);
    let part = |part: i8| part.unsigned_abs();
    Datetime::from_ymd_hms(at.year().into(), part(at.month()), part(at.day()), part(at.hour()), part(at.minute()), part(at.second()))
}

/// Sets the template with `data`.
pub(super) fn compile(data: Dict, fonts: &Arc<Fonts>, as_of: Timestamp) -> Result<PagedDocument, RenderError> {
    let world = PageWorld { fonts: fonts.clone(), as_of };
    lay_out(&world, data).map_err(|errors| RenderError::Layout { cause: tell(&world, &errors) })
}

/// `typst::compile`, but for two things: the data is an argument of the template's function instead of a part of the library,
/// whose hash is part of the key of everything that the typesetter remembers; and since nothing in the template asks where
/// anything stands, the first layout is the last.
fn lay_out(world: &dyn World, data: Dict) -> SourceResult<PagedDocument> {
    let world = world.track();
    let traced = Traced::default();
    let mut sink = Sink::new();
    let template = typst_eval::eval(world, &LIBRARY, traced.track(), sink.track_mut(), Route::default().track(), &SOURCE)?;
    let draw = template.field("draw", ()).at(Span::detached())?.clone().cast::<Func>().at(Span::detached())?;
    let mut engine = Engine {
        world,
        library: &LIBRARY,
        introspector: Protected::new(EmptyIntrospector.track()),
        traced: traced.track(),
        sink: sink.track_mut(),
        route: Route::default(),
    };
    let content = draw.call(&mut engine, Context::none().track(), [Value::Dict(data)])?.display();
    let target = TargetElem::target.set(Target::Paged).wrap();
    let document = PagedDocument::create(&mut engine, &content, StyleChain::new(&LIBRARY.styles).chain(&target))?;
    debug_assert!(sink.introspections().is_empty(), "the template asks where something stands");
    let delayed = sink.delayed();
    if delayed.is_empty() { Ok(document) } else { Err(delayed) }
}

/// The first diagnostics.
pub(super) fn messages(errors: &[SourceDiagnostic]) -> String {
    errors.iter().take(3).map(|error| error.message.to_string()).collect::<Vec<_>>().join("; ")
}

fn tell(world: &PageWorld, errors: &[SourceDiagnostic]) -> String {
    let one = |error: &SourceDiagnostic| {
        let line = world.range(error.span).and_then(|range| SOURCE.lines().byte_to_line(range.start));
        line.map_or_else(|| error.message.to_string(), |line| format!("{} (template line {})", error.message, line + 1))
    };
    errors.iter().take(3).map(one).collect::<Vec<_>>().join("; ")
}

/// Frees what the typesetter remembers of old renders, on every way out; its cache is global to the process.
///
/// What several renders share (fonts, the parts of the template) is worth keeping for a few of them; of a long document there is
/// too much.
pub(super) struct Evict {
    /// Renders after which what was not used again is forgotten.
    pub(super) age: usize,
}

impl Default for Evict {
    fn default() -> Self {
        Self { age: 3 }
    }
}

impl Drop for Evict {
    fn drop(&mut self) {
        typst::comemo::evict(self.age);
    }
}
