//! Columns of small tables, kept as the engine reads them while their files stay what they were.
//!
//! The tiles of a dashboard read the same few columns, and unpacking these costs more than what is then done with the values. So the columns of a
//! small table are kept. A file is known by its identity; what was read in the first moments of a state is not kept, for the reason that
//! [`super::learnt`] gives. Whoever was not used for longest goes first.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, FieldRef, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::ExecutionPlan;

use super::listing::DataFile;

/// Rows of a table beyond which its files say better than its values what a filter needs.
const MOST_ROWS: usize = 1 << 20;

/// Files of a table whose columns are kept.
const MOST_FILES: usize = 256;

/// Files that are looked at; beyond it those are forgotten of which nothing is kept.
const WATCHED: usize = 4096;

/// Sets of columns of a file that are remembered as too large.
const REFUSALS: usize = 8;

/// What may be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    /// Bytes that columns of all tables together may take.
    pub(super) share: usize,
    /// States of files from this moment or older have settled; what is read of others is not kept.
    pub(super) settled_by: SystemTime,
}

/// Conditions of which is kept what they select of a file: a bit a row each.
const SELECTIONS: usize = 8;

/// Plans that are kept ready.
const PLANS: usize = 64;

/// A column in the type that the engine reads.
type Column = (String, DataType);

/// A file and how it is read; the zone gives wall clock times of text files their meaning.
type Key = (PathBuf, u64, String);

/// What a table is asked for.
pub(super) struct Asked<'a> {
    /// Its files.
    pub(super) files: &'a [&'a DataFile],
    /// Stands for the table's way of reading.
    pub(super) reading: u64,
    pub(super) zone: &'a str,
    /// Columns of the files.
    pub(super) columns: &'a [FieldRef],
    pub(super) keeping: Keeping,
}

/// Where what is kept of a file is found.
#[derive(Debug, Clone)]
pub(super) struct Place {
    key: Key,
    file: DataFile,
}

/// Which rows of each chunk of a file are selected.
pub(super) type Selection = Vec<BooleanArray>;

/// A condition on the rows of a file, known again whatever other columns a query reads.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    evaluated: Arc<dyn PhysicalExpr>,
    /// The same with columns by their names alone.
    named: Arc<dyn PhysicalExpr>,
    columns: Vec<Column>,
}

/// Arrays of some rows, one a column.
pub(super) type Chunk = Vec<ArrayRef>;

/// What is known of the columns that a table is asked for.
pub(super) enum Known {
    /// The rows of each file.
    All(Vec<Vec<Chunk>>),
    /// They may be kept, but of these files (by their place in the question) these columns are missing.
    Missing(Vec<(usize, Vec<FieldRef>)>),
    /// They are read whole, and not kept yet.
    Unsettled,
    /// The table is too large.
    Nothing,
}

#[derive(Debug)]
struct Entry {
    /// In the state in which it was read.
    file: DataFile,
    /// Rows of each chunk.
    chunks: Vec<usize>,
    columns: HashMap<Column, Vec<ArrayRef>>,
    bytes: usize,
    used: u64,
    /// Columns that together were too large, or could not be read.
    refused: Vec<HashSet<String>>,
    /// The one made last comes last.
    selections: Vec<(Condition, Arc<Selection>)>,
}

#[derive(Debug, Default)]
struct Held {
    files: HashMap<Key, Entry>,
    bytes: usize,
    uses: u64,
    /// The one used last comes last.
    plans: Vec<Prepared>,
}

/// A plan that is ready to run, with columns that are kept.
#[derive(Debug)]
struct Prepared {
    number: u64,
    of: Vec<Key>,
    plan: Arc<dyn ExecutionPlan>,
}

static HELD: LazyLock<Mutex<Held>> = LazyLock::new(Mutex::default);

fn held() -> MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Condition {
    /// `expr` on rows of `schema`.
    ///
    /// # Errors
    /// It names a column that they do not have.
    pub(super) fn new(expr: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> EngineResult<Self> {
        let mut columns: Vec<Column> = Vec::new();
        let named = Arc::clone(expr).transform_up(|expr| {
            let Some(column) = expr.downcast_ref::<ColumnExpr>() else { return Ok(Transformed::no(expr)) };
            let missing = || DataFusionError::Internal("a condition asks for a column that is not there".to_owned());
            let field = schema.fields().get(column.index()).ok_or_else(missing)?;
            columns.push((field.name().clone(), field.data_type().clone()));
            Ok(Transformed::yes(Arc::new(ColumnExpr::new(field.name(), 0)) as Arc<dyn PhysicalExpr>))
        })?;
        Ok(Self { evaluated: Arc::clone(expr), named: named.data, columns })
    }

    /// To be evaluated on rows of the schema that it was made for.
    pub(super) fn evaluated(&self) -> &Arc<dyn PhysicalExpr> {
        &self.evaluated
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns && self.named.as_ref() == other.named.as_ref()
    }
}

impl Place {
    /// What `condition` selects of the file, if that is kept.
    pub(super) fn selection(&self, condition: &Condition) -> Option<Arc<Selection>> {
        let held = held();
        let entry = held.files.get(&self.key).filter(|entry| entry.file == self.file)?;
        entry.selections.iter().find(|(known, _)| known == condition).map(|(_, selection)| Arc::clone(selection))
    }

    /// Keeps what `condition` selects of the file.
    pub(super) fn select(&self, condition: &Condition, selection: &Arc<Selection>) {
        let mut held = held();
        let Some(entry) = held.files.get_mut(&self.key).filter(|entry| entry.file == self.file) else { return };
        entry.selections.retain(|(known, _)| known != condition);
        if entry.selections.len() >= SELECTIONS {
            entry.selections.remove(0);
        }
        entry.selections.push((condition.clone(), Arc::clone(selection)));
    }
}

/// The plan under `number`, if all columns that it reads are still kept.
pub(super) fn prepared(number: u64) -> Option<Arc<dyn ExecutionPlan>> {
    let mut held = held();
    let at = held.plans.iter().position(|known| known.number == number)?;
    let found = held.plans.remove(at);
    let plan = Arc::clone(&found.plan);
    held.uses += 1;
    let uses = held.uses;
    for key in &found.of {
        if let Some(entry) = held.files.get_mut(key) {
            entry.used = uses;
        }
    }
    held.plans.push(found);
    Some(plan)
}

/// Keeps `plan`, which reads the columns at `places`, for as long as these are kept.
pub(super) fn prepare(number: u64, places: &[Place], plan: &Arc<dyn ExecutionPlan>) {
    let mut held = held();
    if !places.iter().all(|place| held.files.get(&place.key).is_some_and(|entry| entry.file == place.file && entry.bytes > 0)) {
        return;
    }
    if held.plans.len() >= PLANS {
        held.plans.remove(0);
    }
    held.plans.push(Prepared { number, of: places.iter().map(|place| place.key.clone()).collect(), plan: Arc::clone(plan) });
}

impl Asked<'_> {
    /// Where what is kept of `file` is found.
    pub(super) fn place(&self, file: &DataFile) -> Place {
        Place { key: self.key(file), file: file.clone() }
    }

    fn key(&self, file: &DataFile) -> Key {
        (file.path(), self.reading, self.zone.to_owned())
    }

    /// Bytes that one table may take: others have their part.
    fn most(&self) -> usize {
        self.keeping.share / 2
    }

    /// Looks for the columns.
    pub(super) fn find(&self) -> Known {
        if self.columns.is_empty() || !is_small(self.files.iter().copied(), self.keeping) {
            return Known::Nothing;
        }
        let mut held = held();
        held.uses += 1;
        let uses = held.uses;
        let mut missing = Vec::new();
        let mut settled = true;
        for (at, file) in self.files.iter().enumerate() {
            let entry = held.watch(self.key(file), file);
            entry.used = uses;
            settled &= file.had_settled(self.keeping.settled_by);
            if entry.refused.iter().any(|columns| columns.iter().all(|name| self.columns.iter().any(|field| field.name() == name))) {
                return Known::Nothing;
            }
            let lacks = |field: &&FieldRef| !entry.columns.contains_key(&column(field));
            let lacking: Vec<FieldRef> = self.columns.iter().filter(lacks).cloned().collect();
            if !lacking.is_empty() {
                missing.push((at, lacking));
            }
        }
        match (missing.is_empty(), settled) {
            (true, _) => held.chunks(self).map_or(Known::Nothing, Known::All),
            (false, true) => Known::Missing(missing),
            (false, false) => Known::Unsettled,
        }
    }

    /// What reading the missing columns may take.
    pub(super) fn room(&self) -> Room {
        Room { bytes: self.most(), rows: MOST_ROWS }
    }

    /// Keeps what was read of the file at `at`.
    pub(super) fn keep(&self, at: usize, columns: &[FieldRef], unpacked: Unpacked) {
        let Some(file) = self.files.get(at) else { return };
        let mut held = held();
        let entry = held.watch(self.key(file), file);
        if entry.columns.is_empty() {
            entry.chunks.clone_from(&unpacked.rows);
        } else if entry.chunks != unpacked.rows {
            // The file is read in the same steps each time; if ever not, this is another reading of it.
            return;
        }
        let mut added = 0;
        for (field, arrays) in columns.iter().zip(unpacked.arrays) {
            let bytes = bytes_of(&arrays);
            if entry.columns.insert(column(field), arrays).is_none() {
                added += bytes;
            }
        }
        entry.bytes += added;
        held.bytes += added;
        held.make_room(self.keeping.share);
    }

    /// Remembers that these columns of the file at `at` are not kept.
    pub(super) fn refuse(&self, at: usize, columns: &[FieldRef]) {
        let Some(file) = self.files.get(at) else { return };
        let mut held = held();
        let entry = held.watch(self.key(file), file);
        if entry.refused.len() >= REFUSALS {
            entry.refused.clear();
        }
        entry.refused.push(columns.iter().map(|field| field.name().clone()).collect());
    }
}

/// Whether files are those of a small table, of which columns may be kept. It is read whole then in any case, kept or not: which of equal rows come first
/// depends on the pieces in which rows come, and should not depend on what is kept.
pub(super) fn is_small<'a>(files: impl Iterator<Item = &'a DataFile>, keeping: Keeping) -> bool {
    let (mut count, mut bytes) = (0, 0_u64);
    for file in files {
        count += 1;
        bytes = bytes.saturating_add(file.size());
    }
    // Parquet takes several times the room when it is unpacked.
    count <= MOST_FILES && usize::try_from(bytes).is_ok_and(|bytes| bytes <= keeping.share / 4)
}

/// Whether columns of all `files` are kept.
#[cfg(test)]
pub(super) fn knows(files: &[DataFile], reading: u64, zone: &str) -> bool {
    let held = held();
    let known = |file: &DataFile| held.files.get(&(file.path(), reading, zone.to_owned()));
    files.iter().all(|file| known(file).is_some_and(|entry| entry.file == *file && !entry.columns.is_empty()))
}

impl Held {
    /// The entry of a file in the state in which it is now; what is kept of another state goes.
    fn watch(&mut self, key: Key, file: &DataFile) -> &mut Entry {
        if self.files.get(&key).is_some_and(|entry| entry.file != *file) {
            self.forget(&key);
        }
        if self.files.len() >= WATCHED && !self.files.contains_key(&key) {
            self.files.retain(|_, entry| !entry.columns.is_empty());
        }
        self.files.entry(key).or_insert_with(|| Entry {
            file: file.clone(),
            chunks: Vec::new(),
            columns: HashMap::new(),
            bytes: 0,
            used: 0,
            refused: Vec::new(),
            selections: Vec::new(),
        })
    }

    fn forget(&mut self, key: &Key) {
        if let Some(entry) = self.files.remove(key) {
            self.bytes -= entry.bytes;
            // They hold its columns.
            self.plans.retain(|plan| !plan.of.contains(key));
        }
    }

    /// Forgets what was not used for longest, until no more than `share` bytes are kept.
    fn make_room(&mut self, share: usize) {
        while self.bytes > share {
            let used = |(_, entry): &(&Key, &Entry)| entry.used;
            let oldest = self.files.iter().filter(|(_, entry)| entry.bytes > 0).min_by_key(used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            self.forget(&oldest);
        }
    }

    /// The columns of each file, as they were asked for; `None` when one is missing or they are too many rows.
    fn chunks(&self, asked: &Asked<'_>) -> Option<Vec<Vec<Chunk>>> {
        let mut rows = 0;
        let mut all = Vec::with_capacity(asked.files.len());
        for file in asked.files {
            let entry = self.files.get(&asked.key(file))?;
            rows += entry.chunks.iter().sum::<usize>();
            let columns: Vec<&Vec<ArrayRef>> =
                asked.columns.iter().map(|field| entry.columns.get(&column(field))).collect::<Option<_>>()?;
            let chunk = |at: usize| columns.iter().map(|arrays| arrays.get(at).cloned()).collect::<Option<Chunk>>();
            all.push((0..entry.chunks.len()).map(chunk).collect::<Option<Vec<_>>>()?);
        }
        (rows <= MOST_ROWS).then_some(all)
    }
}

fn column(field: &FieldRef) -> Column {
    (field.name().clone(), field.data_type().clone())
}

/// What one table may still take while it is read.
#[derive(Debug)]
pub(super) struct Room {
    bytes: usize,
    rows: usize,
}

/// Columns of a file while they are read.
#[derive(Debug)]
pub(super) struct Unpacked {
    rows: Vec<usize>,
    arrays: Vec<Vec<ArrayRef>>,
    /// Addresses of the buffers of texts that are counted.
    counted: HashSet<usize>,
}

impl Unpacked {
    /// So many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { rows: Vec::new(), arrays: vec![Vec::new(); columns], counted: HashSet::new() }
    }

    /// Takes some rows; false when there is no room for them.
    pub(super) fn push(&mut self, batch: &RecordBatch, room: &mut Room) -> bool {
        let mut bytes: usize = batch.columns().iter().map(values_of).sum();
        for buffer in batch.columns().iter().flat_map(texts_of) {
            if self.counted.insert(buffer.data_ptr().as_ptr().addr()) {
                bytes += buffer.capacity();
            }
        }
        let (Some(bytes), Some(rows)) = (room.bytes.checked_sub(bytes), room.rows.checked_sub(batch.num_rows())) else { return false };
        *room = Room { bytes, rows };
        self.rows.push(batch.num_rows());
        for (arrays, array) in self.arrays.iter_mut().zip(batch.columns()) {
            arrays.push(ArrayRef::clone(array));
        }
        true
    }
}

impl Unpacked {
    /// The rows, chunk by chunk.
    pub(super) fn chunks(&self) -> Vec<Chunk> {
        (0..self.rows.len()).map(|at| self.arrays.iter().filter_map(|arrays| arrays.get(at).cloned()).collect()).collect()
    }
}

/// Bytes of an array without what it may share with others.
fn values_of(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View => size_of_val::<[u128]>(array.as_string_view().views()),
        DataType::BinaryView => size_of_val::<[u128]>(array.as_binary_view().views()),
        _ => array.get_array_memory_size(),
    }
}

/// Buffers that several arrays may share.
fn texts_of(array: &ArrayRef) -> &[Buffer] {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().data_buffers(),
        DataType::BinaryView => array.as_binary_view().data_buffers(),
        _ => &[],
    }
}

/// Bytes that arrays take: texts of several may lie in one buffer.
fn bytes_of(arrays: &[ArrayRef]) -> usize {
    let buffers: HashMap<usize, usize> =
        arrays.iter().flat_map(texts_of).map(|buffer| (buffer.data_ptr().as_ptr().addr(), buffer.capacity())).collect();
    arrays.iter().map(values_of).sum::<usize>() + buffers.values().sum::<usize>()
}
