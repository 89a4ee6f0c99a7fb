//! Arrow arrays in and out of Python over the Arrow `PyCapsule` interface; the only file with unsafe code.
//!
//! Any producer will do (pyarrow, polars, gristmill): the method `__arrow_c_array__` gives two capsules, which hold the two
//! structs of the Arrow C data interface. <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>
#![expect(unsafe_code, reason = "the C data interface is structs behind pointers")]

use std::ffi::CStr;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::{Array, ArrayRef, StructArray, make_array};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const SCHEMA_NAME: &CStr = c"arrow_schema";
const ARRAY_NAME: &CStr = c"arrow_array";

/// Takes an array from any object with `__arrow_c_array__`. No data is copied.
pub(crate) fn import(producer: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let pair = producer
        .call_method0("__arrow_c_array__")
        .map_err(|_| PyTypeError::new_err("expected an Arrow array (an object with `__arrow_c_array__`)"))?;
    let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = pair.extract()?;
    let schema = schema
        .pointer_checked(Some(SCHEMA_NAME))?
        .cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(ARRAY_NAME))?.cast::<FFI_ArrowArray>();
    // SAFETY: a capsule of this name holds this struct (PyCapsule interface), and lives until the end of this function.
    let schema = unsafe { schema.as_ref() };
    // SAFETY: as above; `from_raw` moves the struct out and leaves an empty one, whose release does nothing.
    let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
    // SAFETY: both structs come from one producer, which vouches that they describe each other.
    let data =
        unsafe { from_ffi(array, schema) }.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(make_array(data))
}

/// An array on its way to Python: any consumer of Arrow takes it.
#[pyclass(frozen)]
pub struct ArrowArray(ArrayRef);

impl ArrowArray {
    pub(crate) fn new(array: StructArray) -> Self {
        Self(Arc::new(array))
    }
}

#[pymethods]
impl ArrowArray {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // The interface lets a producer ignore what is asked for.
        drop(requested_schema);
        let (array, schema) =
            to_ffi(&self.0.to_data()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let schema = PyCapsule::new_with_value(py, schema, SCHEMA_NAME)?;
        let array = PyCapsule::new_with_value(py, array, ARRAY_NAME)?;
        PyTuple::new(py, [schema, array])
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}
