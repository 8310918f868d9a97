//! Gold labels: classes that are known.

use arrow_array::Array;
use arrow_schema::{DataType, Schema};
use synth_core::{ClassId, ClassSet, Dataset, Value, is_text};

use crate::IoError;
use crate::ids::{no_field, text, type_of};

/// A field that holds the true class of a record: its name, or its index if the field holds integers.
///
/// Null, text that is empty, and NaN are unknown. Numbers with a fraction of zero are integers: that is what pandas
/// makes of integers among which one is missing. Where all class names are numbers themselves, as in ratings from 1 to
/// 5, numbers are names, not indices. A field of true and false fits classes called `true` and `false`.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{ArrayRef, RecordBatch, StringArray};
/// use synth_core::{ClassSet, Dataset};
/// use synth_io::gold::GoldColumn;
///
/// let labels: ArrayRef = Arc::new(StringArray::from(vec![Some("spam"), None]));
/// let records = Dataset::new(RecordBatch::try_from_iter([("label", labels)])?);
/// let classes = ClassSet::new(["ham", "spam"])?;
/// let gold = GoldColumn::find(&records.schema(), "label", &classes)?;
/// assert_eq!(gold.labels(&records)?, [classes.id("spam"), None]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct GoldColumn {
    field: String,
    classes: ClassSet,
    by_index: bool,
}

impl GoldColumn {
    /// The gold labels in a field, nested fields by dots.
    ///
    /// # Errors
    /// The field does not exist, or holds neither text nor numbers nor truth values.
    pub fn find(schema: &Schema, field: &str, classes: &ClassSet) -> Result<Self, IoError> {
        let role = "gold label";
        let data_type = type_of(schema, field).ok_or_else(|| no_field(schema, field, role))?;
        let is_number = data_type.is_integer() || data_type.is_floating();
        if !(is_text(&data_type) || is_number || data_type == DataType::Boolean) {
            let (field, got) = (field.to_owned(), data_type.to_string());
            return Err(IoError::FieldType { field, role, expected: "class names or their indices", got });
        }
        let are_numbers = classes.names().iter().all(|name| name.parse().is_ok_and(f64::is_finite));
        let by_index = is_number && !are_numbers;
        Ok(Self { field: field.to_owned(), classes: classes.clone(), by_index })
    }

    /// How a class stands in the field: its name, or its index.
    pub fn written(&self, class: ClassId) -> String {
        if self.by_index { class.index().to_string() } else { self.classes.name(class).to_owned() }
    }

    /// The class whose name is a number otherwise written, as `1.0` for `1`.
    fn of_number(&self, number: f64) -> Option<ClassId> {
        let is_it = |name: &String| name.parse().is_ok_and(|known: f64| known == number);
        self.classes.names().iter().position(is_it).and_then(|at| self.classes.at(at))
    }

    /// The gold label of each record of a batch.
    ///
    /// # Errors
    /// A value that names no class.
    pub fn labels(&self, records: &Dataset) -> Result<Vec<Option<ClassId>>, IoError> {
        let column =
            records.column(&self.field).ok_or_else(|| no_field(&records.schema(), &self.field, "gold label"))?;
        let array = column.array();
        let label = |row: usize| {
            if array.is_null(row) {
                return Ok(None);
            }
            let value = match column.value(row) {
                Some(Value::Bool(value)) => value.to_string().into(),
                Some(Value::Number(number)) if array.data_type().is_floating() => {
                    if number.is_nan() {
                        return Ok(None);
                    }
                    // Shown without a fraction where there is none.
                    number.to_string().into()
                }
                _ => text(array, row),
            };
            if value.is_empty() {
                return Ok(None);
            }
            let class = if self.by_index {
                value.parse().ok().and_then(|index| self.classes.at(index))
            } else {
                self.classes.id(&value).or_else(|| self.of_number(value.parse().ok()?))
            };
            class.map(Some).ok_or_else(|| IoError::UnknownClass {
                field: self.field.clone(),
                row: records.first_row() + row as u64,
                value: value.into_owned(),
                classes: self.classes.names().to_vec(),
            })
        };
        (0..array.len()).map(label).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};

    use super::*;

    fn labels(classes: &[&str], values: ArrayRef) -> Result<Vec<Option<usize>>, IoError> {
        let records = Dataset::continuing(RecordBatch::try_from_iter([("y", values)]).unwrap(), 100);
        let gold = GoldColumn::find(&records.schema(), "y", &ClassSet::new(classes.iter().copied()).unwrap())?;
        Ok(gold.labels(&records)?.into_iter().map(|class| class.map(ClassId::index)).collect())
    }

    #[test]
    fn names_indices_and_unknowns() {
        let names = Arc::new(StringArray::from(vec![Some("b"), None, Some(""), Some("a")]));
        assert_eq!(labels(&["a", "b"], names).unwrap(), [Some(1), None, None, Some(0)]);
        let indices = Arc::new(Int64Array::from(vec![Some(1), None, Some(0)]));
        assert_eq!(labels(&["a", "b"], indices).unwrap(), [Some(1), None, Some(0)]);
        let floats = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(0.0)]));
        assert_eq!(labels(&["a", "b"], floats).unwrap(), [Some(1), None, None, Some(0)]);
        let stars = Arc::new(Int64Array::from(vec![1, 5]));
        assert_eq!(labels(&["1", "2", "3", "4", "5"], stars).unwrap(), [Some(0), Some(4)]);
        let halves: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), Some(1.0), Some(0.25)]));
        let error = labels(&["0", "0.5", "1.0"], Arc::clone(&halves)).unwrap_err();
        assert_eq!(error.to_string(), "row 102: gold label \"0.25\" in field `y` is no class");
        assert_eq!(labels(&["0.25", "0.5", "1.0"], halves).unwrap(), [Some(1), Some(2), Some(0)]);
        let flags = Arc::new(BooleanArray::from(vec![true, false]));
        assert_eq!(labels(&["false", "true"], flags).unwrap(), [Some(1), Some(0)]);
    }

    #[test]
    fn an_unknown_class_names_row_and_value_and_lists_the_classes() {
        let error = labels(&["a", "b"], Arc::new(StringArray::from(vec!["a", "c"]))).unwrap_err();
        assert_eq!(error.to_string(), "row 101: gold label \"c\" in field `y` is no class");
        assert_eq!(error.hints(), ["the classes are a, b; leave the label empty where it is unknown"]);
        let error = labels(&["a", "b"], Arc::new(Int64Array::from(vec![-1]))).unwrap_err();
        assert_eq!(error.to_string(), "row 100: gold label \"-1\" in field `y` is no class");
        let error = labels(&["a"], Arc::new(Float64Array::from(vec![0.5]))).unwrap_err();
        assert_eq!(error.to_string(), "row 100: gold label \"0.5\" in field `y` is no class");
    }
}
