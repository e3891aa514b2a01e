//! Tables of text files: separated values and JSON.
//!
//! A file is read twice. The *survey* goes through the whole of it and learns what its columns are; it is kept by the file's
//! identity (see [`super::learnt`]), so that it is made once for each state of a file. A *scan* reads the columns that a query
//! asks for, each file by its own header, in the types that hold the values of all files of the table.

mod bytes;
mod columns;
mod csv;
mod csv_rows;
mod json;
mod json_rows;
mod moment;
mod number;
mod scan;
mod shape;
mod survey;

pub(super) use columns::declared;
pub(super) use number::Marks;
pub(super) use scan::TextScan;
pub(super) use shape::Shape;
pub(super) use survey::{Survey, survey};
