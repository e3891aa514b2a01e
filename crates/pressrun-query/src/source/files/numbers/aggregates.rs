//! `sum`, `avg`, `median`, `min`, `max` and those of spread, as the engine's but for what wraps round, is cut instead of rounded, goes through doubles, takes
//! NaN for what it is not, or cannot take NaN back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::correlation::corr_udaf;
use datafusion::functions_aggregate::covariance::{covar_pop_udaf, covar_samp_udaf};
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::regr::{
    regr_avgx_udaf, regr_avgy_udaf, regr_count_udaf, regr_intercept_udaf, regr_r2_udaf, regr_slope_udaf, regr_sxx_udaf, regr_sxy_udaf,
    regr_syy_udaf,
};
use datafusion::functions_aggregate::stddev::{stddev_pop_udaf, stddev_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, Operator, ReversedUDAF, SetMonotonicity, Signature,
    Volatility,
};

use super::floats::canonical_array;
use super::frames::Frame;
use super::literals::decimal;
use super::sums::{DIGITS_128, DIGITS_256, FrameSum, LongSum, counted_in, sum_too_large, too_many_digits};
use crate::error::{QueryError, QueryErrorKind};
use crate::source::files::zones::{plain, wrong};

const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: arrow_cast::display::FormatOptions::new() };

/// Most digits of a decimal whose averages cannot wrap round: the engine keeps 13 for the number of rows and the places of the result, of which there is
/// one more here.
const AVERAGED: u8 = 62;

/// Most digits of a decimal whose median has a type.
const HALVED: u8 = DIGITS_256 - 1;

pub(super) fn register(state: &mut SessionState) -> Result<()> {
    let spread = [
        stddev_udaf(),
        stddev_pop_udaf(),
        var_samp_udaf(),
        var_pop_udaf(),
        covar_samp_udaf(),
        covar_pop_udaf(),
        corr_udaf(),
        regr_slope_udaf(),
        regr_intercept_udaf(),
        regr_count_udaf(),
        regr_r2_udaf(),
        regr_avgx_udaf(),
        regr_avgy_udaf(),
        regr_sxx_udaf(),
        regr_syy_udaf(),
        regr_sxy_udaf(),
    ];
    let others = [
        (Of::Sum, sum_udaf()),
        (Of::Average, avg_udaf()),
        (Of::Median, median_udaf()),
        (Of::Extreme, min_udaf()),
        (Of::Extreme, max_udaf()),
    ];
    for (of, inner) in others.into_iter().chain(spread.map(|inner| (Of::Spread, inner))) {
        let signature = if of == Of::Median { Signature::user_defined(Volatility::Immutable) } else { inner.signature().clone() };
        state.register_udaf(Arc::new(AggregateUDF::from(Careful { of, inner, signature })))?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Sum,
    Average,
    Median,
    /// The least or the greatest.
    Extreme,
    /// How numbers are spread, or go with others.
    Spread,
}

/// An aggregate of the engine that counts in other types than it is given.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Careful {
    of: Of,
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

impl Careful {
    /// How it counts values of the first of the types in `given`.
    fn way(&self, field: &Field, given: &[FieldRef]) -> Way {
        let to = field.data_type();
        let given = given.first().map(|field| field.data_type());
        match self.of {
            Of::Sum => match counted_in(to) {
                Some(wide) => Way::Wide { wide, to: to.clone() },
                None => Way::Float,
            },
            Of::Average => given.and_then(|given| averaged(given, to)).unwrap_or(Way::Float),
            // Twice as many steps: what is between two values then is a step as well.
            Of::Median if to.is_decimal() => Way::Finer { values: to.clone(), counted: to.clone(), to: to.clone() },
            Of::Median | Of::Spread => Way::Float,
            Of::Extreme if to.is_floating() => Way::Ordered { to: to.clone() },
            Of::Extreme => Way::Same,
        }
    }

    /// Whether the values are decimals of 256 bits, for which no type is wider.
    fn is_long_sum(&self, field: &Field) -> bool {
        self.of == Of::Sum && matches!(field.data_type(), DataType::Decimal256(..))
    }
}

impl AggregateUDFImpl for Careful {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if self.of != Of::Median {
            return self.inner.coerce_types(arguments);
        }
        arguments.iter().map(halved).collect()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if let (Of::Average, [DataType::Decimal256(digits, scale)]) = (self.of, arguments)
            && *digits > AVERAGED
        {
            let message = format!("avg is used on decimals of {digits} digits, and {AVERAGED} are the most that it takes");
            return Err(wrong(message, &format!("write avg(cast(… as decimal({AVERAGED}, {scale})))")));
        }
        match (self.of, arguments) {
            (Of::Median, [of]) if of.is_decimal() => one_place_more(of),
            _ => self.inner.return_type(arguments),
        }
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if self.is_long_sum(&args.return_field) {
            return Ok(Box::new(LongSum::new(args.return_field.data_type(), args.is_distinct)));
        }
        let way = self.way(&args.return_field, args.expr_fields);
        Ok(Box::new(Through { inner: way.make(args, |args| self.inner.accumulator(args))?, way }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let way = self.way(&args.return_field, args.input_fields);
        let input_fields = way.given(args.input_fields);
        self.inner.state_fields(StateFieldsArgs { return_field: way.field(&args.return_field), input_fields: &input_fields, ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !self.is_long_sum(&args.return_field) && self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let way = self.way(&args.return_field, args.expr_fields);
        Ok(Box::new(ThroughGroups { inner: way.make(args, |args| self.inner.create_groups_accumulator(args))?, way }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct && self.of != Of::Extreme {
            let message = format!("{}(distinct …) over a frame that moves is not supported", self.name());
            let error = QueryError::new(QueryErrorKind::Unsupported, message);
            return Err(DataFusionError::External(Box::new(
                error.hint("make the values distinct in an inner query, or aggregate over the whole partition"),
            )));
        }
        if self.of == Of::Median {
            let error = QueryError::new(QueryErrorKind::Unsupported, "median over a frame that moves is not supported");
            return Err(DataFusionError::External(Box::new(error.hint("write percentile_cont(…, 0.5) over (…)"))));
        }
        if self.is_long_sum(&args.return_field) {
            return Ok(Box::new(LongSum::new(args.return_field.data_type(), false)));
        }
        if self.of == Of::Spread {
            let way = self.way(&args.return_field, args.expr_fields);
            return Ok(Box::new(Through { inner: Box::new(Frame::new(&self.inner, &args)?), way }));
        }
        if self.of != Of::Extreme && *args.return_field.data_type() == DataType::Float64 {
            return Ok(Box::new(FrameSum::new(self.of == Of::Average)));
        }
        let way = self.way(&args.return_field, args.expr_fields);
        Ok(Box::new(Through { inner: way.make(args, |args| self.inner.create_sliding_accumulator(args))?, way }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.inner.simplify()
    }

    fn simplify_expr_op_literal(
        &self,
        function: &AggregateFunction,
        argument: &Expr,
        op: Operator,
        literal: &Expr,
        left: bool,
    ) -> Result<Option<Expr>> {
        // For whole numbers it would multiply, which wraps round as well.
        match literal {
            Expr::Literal(value, _) if value.data_type().is_integer() => Ok(None),
            _ => self.inner.simplify_expr_op_literal(function, argument, op, literal, left),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.inner.reverse_udf()
    }

    fn is_descending(&self) -> Option<bool> {
        self.inner.is_descending()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }
}

/// How averages of decimals are counted that become `to`: in one place more, which the engine cuts. Whether the last place is rounded up, the first
/// that is cut decides.
fn averaged(values: &DataType, to: &DataType) -> Option<Way> {
    let ((whole, scale), (_, places)) = (decimal(values)?, decimal(to)?);
    let places = places + 1;
    let (of, most): (fn(u8, i8) -> DataType, u8) =
        if whole + places <= usize::from(DIGITS_128) { (DataType::Decimal128, DIGITS_128) } else { (DataType::Decimal256, DIGITS_256) };
    let typed = |digits: usize, places: usize| Some(of(u8::try_from(digits).unwrap_or(most).min(most), i8::try_from(places).ok()?));
    Some(Way::Finer { values: typed(whole + scale, scale)?, counted: typed(whole + places, places)?, to: to.clone() })
}

/// The type in which a median is asked for: whole numbers as decimals, which hold what is between two of them.
fn halved(of: &DataType) -> Result<DataType> {
    match plain(of.clone()) {
        DataType::UInt64 => Ok(DataType::Decimal128(20, 0)),
        whole if whole.is_integer() => Ok(DataType::Decimal128(19, 0)),
        number if number.is_numeric() || number.is_null() => Ok(number),
        // The engine says so, with the name and the type.
        other => plan_err!("a median of {other}"),
    }
}

/// The type of a median of decimals, which is exact.
fn one_place_more(of: &DataType) -> Result<DataType> {
    let (whole, scale) = decimal(of).ok_or_else(|| DataFusionError::Internal(format!("a median of {of}")))?;
    let too_long = || {
        let message = format!("median is used on decimals of {DIGITS_256} digits, and {HALVED} are the most that it takes");
        wrong(message, &format!("write median(cast(… as decimal({HALVED}, {scale})))"))
    };
    let digits = u8::try_from(whole + scale + 1).ok().filter(|digits| *digits <= DIGITS_256).ok_or_else(too_long)?;
    let places = i8::try_from(scale + 1).map_err(|_| too_long())?;
    Ok(if digits < DIGITS_128 { DataType::Decimal128(digits, places) } else { DataType::Decimal256(digits, places) })
}

/// In what an aggregate counts.
#[derive(Debug)]
enum Way {
    /// As the engine does.
    Same,
    /// As the engine does; what comes out has one NaN and one zero.
    Float,
    /// In more digits than the result may have.
    Wide { wide: DataType, to: DataType },
    /// `values`, which become `counted`, in decimals of as many places as the result or more.
    Finer { values: DataType, counted: DataType, to: DataType },
    /// Floating point numbers as whole numbers of the same order: the engine compares them by `<`, which holds for no NaN, and begins with the
    /// least that is finite.
    Ordered { to: DataType },
}

impl Way {
    fn field(&self, field: &FieldRef) -> FieldRef {
        let counted = match self {
            Self::Same | Self::Float => return Arc::clone(field),
            Self::Wide { wide: counted, .. } | Self::Finer { counted, .. } => counted.clone(),
            Self::Ordered { .. } => DataType::Int64,
        };
        Arc::new(field.as_ref().clone().with_data_type(counted))
    }

    /// The types of the values that the aggregate of the engine is given.
    fn given(&self, fields: &[FieldRef]) -> Vec<FieldRef> {
        match self {
            Self::Finer { values, .. } => {
                fields.iter().map(|field| Arc::new(field.as_ref().clone().with_data_type(values.clone()))).collect()
            }
            _ => fields.to_vec(),
        }
    }

    /// What `make` makes for an aggregate that counts in this way.
    fn make<T>(&self, args: AccumulatorArgs<'_>, make: impl FnOnce(AccumulatorArgs<'_>) -> Result<T>) -> Result<T> {
        let expr_fields = self.given(args.expr_fields);
        make(AccumulatorArgs { return_field: self.field(&args.return_field), expr_fields: &expr_fields, ..args })
    }

    fn there(&self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let one = |values: &ArrayRef| match self {
            Self::Same | Self::Float => Ok(Arc::clone(values)),
            Self::Wide { wide: counted, .. } | Self::Finer { values: counted, .. } => Ok(cast_with_options(values, counted, &STRICT)?),
            Self::Ordered { .. } => {
                let doubles = cast_with_options(values, &DataType::Float64, &STRICT)?;
                let ordered: Int64Array = doubles.as_primitive::<Float64Type>().unary(|number| in_order(number.to_bits() as i64));
                Ok(Arc::new(ordered) as ArrayRef)
            }
        };
        values.iter().map(one).collect()
    }

    fn back(&self, found: &ArrayRef) -> Result<ArrayRef> {
        match self {
            Self::Same => Ok(Arc::clone(found)),
            Self::Float => canonical_array(found),
            Self::Wide { to, .. } => cast_with_options(found, to, &STRICT).map_err(|_| sum_too_large(to)),
            Self::Finer { to, .. } => cast_with_options(found, to, &STRICT).map_err(|_| too_many_digits(to)),
            Self::Ordered { to } => {
                let doubles: Float64Array = found.as_primitive::<Int64Type>().unary(|number| f64::from_bits(in_order(number) as u64));
                Ok(cast_with_options(&doubles, to, &STRICT)?)
            }
        }
    }
}

/// Bits of a double as a whole number that stands in the order of the doubles, and back.
fn in_order(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[derive(Debug)]
struct Through {
    inner: Box<dyn Accumulator>,
    way: Way,
}

impl Accumulator for Through {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&self.way.there(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let found = self.inner.evaluate()?.to_array()?;
        ScalarValue::try_from_array(&self.way.back(&found)?, 0)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(&self.way.there(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// The same for many groups.
struct ThroughGroups {
    inner: Box<dyn GroupsAccumulator>,
    way: Way,
}

impl GroupsAccumulator for ThroughGroups {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.inner.update_batch(&self.way.there(values)?, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.way.back(&self.inner.evaluate(emit_to)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.inner.merge_batch(values, groups, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&self.way.there(values)?, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_keep_their_order_as_whole_numbers_and_come_back() {
        let sorted = [f64::NEG_INFINITY, -1e300, -1.0, -f64::MIN_POSITIVE, 0.0, 5e-324, 1.0, f64::MAX, f64::INFINITY, f64::NAN];
        let numbers = sorted.map(|number| in_order(number.to_bits() as i64));
        assert!(numbers.is_sorted());
        for (number, ordered) in sorted.iter().zip(numbers) {
            assert_eq!(in_order(ordered) as u64, number.to_bits());
        }
    }
}
