//! The CRC-64 of xz files, with the reflected polynomial of ECMA-182 (The .xz File Format, 6). Eight
//! bytes are looked up at a time, in eight tables ("slicing by eight").

/// The reflected polynomial.
const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;

/// `TABLES[n][byte]` is what `byte` adds to the checksum when `n` more bytes follow it.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// Computes the checksum of bytes that arrive in pieces.
pub(super) struct Crc64(u64);

impl Crc64 {
    pub(super) fn new() -> Self {
        Self(u64::MAX)
    }

    /// Takes in more bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
        // An index of eight bits is inside a table of 256.
        let look = |table: &[u64; 256], byte: u8| table[usize::from(byte)];
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            let [a, b, c, d, e, f, g, h] = (self.0 ^ u64::from_le_bytes(*word)).to_le_bytes();
            self.0 = look(t7, a)
                ^ look(t6, b)
                ^ look(t5, c)
                ^ look(t4, d)
                ^ look(t3, e)
                ^ look(t2, f)
                ^ look(t1, g)
                ^ look(t0, h);
        }
        for byte in rest {
            let [low, ..] = self.0.to_le_bytes();
            self.0 = (self.0 >> 8) ^ look(t0, low ^ byte);
        }
    }

    /// Returns the checksum of all bytes taken in.
    pub(super) fn finish(&self) -> u64 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crc64(pieces: &[&[u8]]) -> u64 {
        let mut crc = Crc64::new();
        for piece in pieces {
            crc.update(piece);
        }
        crc.finish()
    }

    /// The check value of CRC-64/XZ in the catalogue of parametrised CRC algorithms.
    #[test]
    fn the_published_check_value_however_the_bytes_arrive() {
        let check = 0x995d_c9bb_df19_39fa;
        assert_eq!(crc64(&[b"123456789"]), check);
        assert_eq!(crc64(&[b"1", b"2345678", b"", b"9"]), check);
        assert_eq!(crc64(&[]), 0);
    }

    #[test]
    fn eight_bytes_at_a_time_are_as_one_at_a_time() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| (n * n / 7) as u8).collect();
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(crc64(&[&bytes]), crc64(&single));
    }
}
