//! Where delimiters, line ends and quotation marks stand, found 64 bytes at a time.
//!
//! One bit per byte tells whether it is one of the three; rows are then walked from bit to bit, without looking at any
//! byte twice (Langdale & Lemire 2019, *VLDB Journal* 28: 941-960, for JSON).

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

/// Set bits for the bytes of a block that are a delimiter, a line end or a quotation mark; the first byte is lowest.
#[inline]
pub(super) fn marks(block: &[u8; BLOCK], delimiter: u8) -> u64 {
    // The compiler turns this loop into a few wide comparisons.
    let mut hits = [0_u8; BLOCK];
    for (hit, byte) in hits.iter_mut().zip(block) {
        *hit = u8::from(*byte == delimiter) | u8::from(*byte == b'\n') | u8::from(*byte == b'"');
    }
    let (words, _) = hits.as_chunks::<8>();
    let gathered = words.iter().enumerate().map(|(index, word)| {
        // Eight bytes of 0 or 1 to eight bits: the product brings byte k to bit 56 + k, and no two of them meet.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << (8 * index)
    });
    gathered.fold(0, |all, bits| all | bits)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, marks};

    #[test]
    fn every_byte_at_every_place() {
        for place in 0..BLOCK {
            for byte in 0..=u8::MAX {
                let mut block = [b'x'; BLOCK];
                block[place] = byte;
                let expected = if matches!(byte, b',' | b'\n' | b'"') { 1 << place } else { 0 };
                assert_eq!(marks(&block, b','), expected, "{byte} at {place}");
            }
        }
        assert_eq!(marks(&[b';'; BLOCK], b';'), u64::MAX);
    }
}
