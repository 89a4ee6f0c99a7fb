//! The one place where memory of Python objects is written: arrays that a caller gives to be filled.
#![expect(
    unsafe_code,
    reason = "a buffer of another object is written while the interpreter is released"
)]

use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// An array of a caller: writable, contiguous, of elements of one type. Holds the buffer, so that its memory stays.
pub(crate) struct Array<T: Element> {
    buffer: PyBuffer<T>,
}

impl<T: Element> Array<T> {
    /// Takes the buffer of an object.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyBuffer::<T>::get(object)?;
        if buffer.readonly() {
            return Err(PyTypeError::new_err("the array cannot be written to"));
        }
        if !buffer.is_c_contiguous() {
            return Err(PyTypeError::new_err("the array is not contiguous"));
        }
        Ok(Self { buffer })
    }

    /// First and last byte, for [`check_apart`].
    pub(crate) fn extent(&self) -> (usize, usize) {
        let start = self.buffer.buf_ptr() as usize;
        (start, start + self.buffer.len_bytes())
    }

    /// The elements.
    pub(crate) fn elements(&mut self) -> &mut [T] {
        if self.buffer.item_count() == 0 {
            return &mut [];
        }
        // SAFETY: `PyBuffer::get` has checked type and alignment; the buffer is writable and contiguous, so it holds
        // `item_count` elements from `buf_ptr` on, all initialised as plain numbers. It is released only when `self`
        // is dropped, and the exclusive borrow of `self` keeps this slice the only one made from it; `check_apart`
        // makes sure that no other array of the call overlaps it. Another thread of the program that uses the array
        // during the call races with it, as with every function that fills an array; the documentation forbids it.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.buf_ptr().cast::<T>(), self.buffer.item_count()) }
    }
}

/// Refuses arrays that share memory.
pub(crate) fn check_apart(mut extents: Vec<(usize, usize)>) -> PyResult<()> {
    extents.retain(|(start, end)| start < end);
    extents.sort_unstable();
    if extents.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return Err(PyValueError::new_err("two of the arrays share memory"));
    }
    Ok(())
}
