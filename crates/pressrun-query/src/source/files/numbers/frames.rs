//! Aggregates over a frame that moves, of what is in the frame.
//!
//! The engine takes away what leaves a frame, which keeps a NaN or an infinity for ever and loses small numbers beside large ones. Here parts
//! are put together: a queue of two stacks, each with what its numbers come to.

use std::mem::size_of;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::physical_expr::PhysicalExpr;

/// An aggregate of the engine over a frame that moves.
#[derive(Debug)]
pub(super) struct Frame {
    making: Making,
    /// States of a row and those that leave after it, the next to leave on top.
    leaving: Vec<Vec<ScalarValue>>,
    /// Rows that came since, and what they come to.
    came: Vec<Vec<ArrayRef>>,
    of_came: Box<dyn Accumulator>,
}

/// What an accumulator is made of.
#[derive(Debug)]
struct Making {
    aggregate: Arc<AggregateUDF>,
    name: String,
    return_field: FieldRef,
    schema: Schema,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
}

impl Making {
    fn make(&self) -> Result<Box<dyn Accumulator>> {
        self.aggregate.accumulator(AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: &self.name,
            is_distinct: false,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        })
    }
}

impl Frame {
    /// Nothing is in it.
    pub(super) fn new(aggregate: &Arc<AggregateUDF>, args: &AccumulatorArgs<'_>) -> Result<Self> {
        let making = Making {
            aggregate: Arc::clone(aggregate),
            name: args.name.to_owned(),
            return_field: Arc::clone(&args.return_field),
            schema: args.schema.clone(),
            exprs: args.exprs.to_vec(),
            expr_fields: args.expr_fields.to_vec(),
        };
        let of_came = making.make()?;
        Ok(Self { making, leaving: Vec::new(), came: Vec::new(), of_came })
    }

    fn leave(&mut self) -> Result<()> {
        if self.leaving.is_empty() {
            let mut together = self.making.make()?;
            for rows in self.came.drain(..).rev() {
                for row in (0..rows.first().map_or(0, Array::len)).rev() {
                    together.update_batch(&rows.iter().map(|column| column.slice(row, 1)).collect::<Vec<_>>())?;
                    self.leaving.push(together.state()?);
                }
            }
            self.of_came = self.making.make()?;
        }
        self.leaving.pop();
        Ok(())
    }
}

fn merge(into: &mut dyn Accumulator, state: &[ScalarValue]) -> Result<()> {
    into.merge_batch(&state.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>>>()?)
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.came.push(values.to_vec());
        self.of_came.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Some(leaving) = self.leaving.last() else { return self.of_came.evaluate() };
        let mut together = self.making.make()?;
        merge(together.as_mut(), leaving)?;
        if !self.came.is_empty() {
            merge(together.as_mut(), &self.of_came.state()?)?;
        }
        together.evaluate()
    }

    fn size(&self) -> usize {
        let state = self.leaving.last().map_or(0, |state| size_of::<Vec<ScalarValue>>() + state.len() * size_of::<ScalarValue>());
        size_of::<Self>() + self.leaving.len() * state + self.came.len() * size_of::<Vec<ArrayRef>>() + self.of_came.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Err(DataFusionError::Internal("a frame has no parts".to_owned()))
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        Err(DataFusionError::Internal("a frame has no parts".to_owned()))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        (0..values.first().map_or(0, Array::len)).try_for_each(|_| self.leave())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}
