//! 64-bit numbers as two columns of their halves, because processors multiply vectors of 32-bit numbers.

/// Low halves and high halves, equally many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halves {
    low: Vec<u32>,
    high: Vec<u32>,
    /// The columns may be longer: what stands behind is left over, for emptying and growing would cost as much as
    /// filling.
    len: usize,
}

impl Halves {
    /// The low halves and the high ones.
    #[inline(always)]
    pub(crate) fn columns(&self) -> (&[u32], &[u32]) {
        (&self.low[..self.len], &self.high[..self.len])
    }

    /// The same to write to.
    #[inline(always)]
    pub(super) fn columns_mut(&mut self) -> (&mut [u32], &mut [u32]) {
        (&mut self.low[..self.len], &mut self.high[..self.len])
    }

    /// Makes them `len`; which numbers those are that are new is not said.
    pub(super) fn set_len(&mut self, len: usize) {
        if self.low.len() < len {
            self.low.resize(len, 0);
            self.high.resize(len, 0);
        }
        self.len = len;
    }

    /// Puts a number at an index below the length; does nothing at any other.
    #[inline(always)]
    pub(super) fn set(&mut self, index: usize, number: u64) {
        if let (Some(low), Some(high)) = (self.low.get_mut(index), self.high.get_mut(index)) {
            (*low, *high) = (number as u32, (number >> 32) as u32);
        }
    }

    /// Puts a number behind the last one.
    #[inline(always)]
    pub(super) fn push(&mut self, low: u32, high: u32) {
        self.low.truncate(self.len);
        self.high.truncate(self.len);
        self.low.push(low);
        self.high.push(high);
        self.len += 1;
    }

    /// The numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        let (low, high) = self.columns();
        low.iter()
            .zip(high)
            .map(|(&low, &high)| u64::from(high) << 32 | u64::from(low))
    }
}

#[cfg(test)]
impl FromIterator<u64> for Halves {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut halves = Self::default();
        for number in numbers {
            halves.push(number as u32, (number >> 32) as u32);
        }
        halves
    }
}
