//! Rooms for large tables. Whoever owns the memory of a process may want to treat such a room apart, as with large pages.

/// Is told the address and the bytes of a room before anything is written there. What it does may change speed, and no result.
pub type Place = fn(usize, usize);

/// Does nothing.
pub(super) const NOWHERE: Place = |_, _| {};

/// So many copies of a value.
pub(super) fn room<T: Clone>(count: usize, value: T, place: Place) -> Vec<T> {
    let mut room = Vec::with_capacity(count);
    let free = room.spare_capacity_mut();
    place(free.as_ptr().addr(), size_of_val(free));
    room.resize(count, value);
    room
}
