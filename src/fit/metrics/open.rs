//! Bytes of a file as UTF-8: gzip undone, UTF-16 decoded, byte order marks taken off.

use super::error::ReadErrorKind;
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// How the characters of a file are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Encoding {
    /// UTF-8 without a byte order mark.
    #[serde(rename = "UTF-8")]
    Utf8,
    /// UTF-8 with one.
    #[serde(rename = "UTF-8 with BOM")]
    Utf8Bom,
    /// UTF-16, little end first.
    #[serde(rename = "UTF-16LE")]
    Utf16Le,
    /// UTF-16, big end first.
    #[serde(rename = "UTF-16BE")]
    Utf16Be,
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Bom => "UTF-8 with BOM",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
        })
    }
}

/// Size of the buffer that is read ahead, in bytes. The first fill is what sniffing sees.
pub(super) const BUFFER: usize = 256 * 1024;

/// A file, ready to be read as UTF-8.
pub(super) struct Opened {
    reader: BufReader<Box<dyn Read>>,
    read: Rc<Cell<u64>>,
    pub(super) encoding: Encoding,
    pub(super) gzip: bool,
}

/// Opens a file and undoes what is around its text.
pub(super) fn open(path: &Path) -> Result<Opened, ReadErrorKind> {
    if path.is_dir() {
        return Err(ReadErrorKind::Io(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")));
    }
    let file = BufReader::with_capacity(BUFFER, File::open(path)?);
    from_bytes(file)
}

/// The same for anything that gives bytes.
fn from_bytes(mut raw: impl BufRead + 'static) -> Result<Opened, ReadErrorKind> {
    let gzip = raw.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
    let mut plain = BufReader::with_capacity(BUFFER, plain);
    let head = fill(&mut plain)?;
    if head.is_empty() {
        return Err(ReadErrorKind::Empty);
    }
    let encoding = match head {
        [0xff, 0xfe, ..] => Encoding::Utf16Le,
        [0xfe, 0xff, ..] => Encoding::Utf16Be,
        [0xef, 0xbb, 0xbf, ..] => Encoding::Utf8Bom,
        // Text of the Latin alphabet in UTF-16 without a mark: every second byte is zero.
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Encoding::Utf16Le,
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    };
    let read = Rc::new(Cell::new(0));
    let text: Box<dyn Read> = match encoding {
        Encoding::Utf8 => Box::new(plain),
        Encoding::Utf8Bom => {
            plain.consume(3);
            Box::new(plain)
        }
        Encoding::Utf16Le | Encoding::Utf16Be => {
            let label = if encoding == Encoding::Utf16Le { encoding_rs::UTF_16LE } else { encoding_rs::UTF_16BE };
            Box::new(DecodeReaderBytesBuilder::new().encoding(Some(label)).bom_sniffing(true).build(plain))
        }
    };
    let counted = Counted { inner: text, read: Rc::clone(&read) };
    Ok(Opened { reader: BufReader::with_capacity(BUFFER, Box::new(counted)), read, encoding, gzip })
}

/// The next bytes; an early end of a compressed stream is an error of its own.
fn fill(reader: &mut impl BufRead) -> Result<&[u8], ReadErrorKind> {
    match reader.fill_buf() {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(ReadErrorKind::Truncated("its compressed data"))
        }
        Err(error) => Err(error.into()),
    }
}

impl Opened {
    /// The first bytes, which stay to be read.
    pub(super) fn head(&mut self) -> Result<&[u8], ReadErrorKind> {
        let head = fill(&mut self.reader)?;
        if head.is_empty() || head.iter().all(u8::is_ascii_whitespace) {
            return Err(ReadErrorKind::Empty);
        }
        Ok(head)
    }

    /// Counts bytes as they are read.
    pub(super) fn counter(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.read)
    }

    /// Everything as one text.
    pub(super) fn whole(mut self) -> Result<Vec<u8>, ReadErrorKind> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadErrorKind::Truncated("its compressed data"),
            _ => ReadErrorKind::Io(error),
        })?;
        Ok(bytes)
    }
}

impl Read for Opened {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader.read(out)
    }
}

impl BufRead for Opened {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

struct Counted {
    inner: Box<dyn Read>,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Opened, from_bytes};
    use std::io::{Cursor, Write};

    fn text(bytes: Vec<u8>) -> (Encoding, bool, String) {
        let opened: Opened = from_bytes(Cursor::new(bytes)).expect("opened");
        let (encoding, gzip) = (opened.encoding, opened.gzip);
        (encoding, gzip, String::from_utf8(opened.whole().expect("read")).expect("UTF-8"))
    }

    #[test]
    fn marks_and_encodings_are_undone() {
        let utf16: Vec<u8> = "\u{feff}a\tb\r\nµ\t1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(utf16), (Encoding::Utf16Le, false, "a\tb\r\nµ\t1".to_owned()));
        let big: Vec<u8> = "\u{feff}a,b".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(big), (Encoding::Utf16Be, false, "a,b".to_owned()));
        let unmarked: Vec<u8> = "a,b".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(unmarked), (Encoding::Utf16Le, false, "a,b".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbfa,b".to_vec()), (Encoding::Utf8Bom, false, "a,b".to_owned()));
    }

    #[test]
    fn gzip_is_undone_and_a_cut_one_is_an_error() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all("a,b\n1,2\n".repeat(100).as_bytes()).expect("compressed");
        let whole = encoder.finish().expect("compressed");
        assert_eq!(text(whole.clone()).2.len(), 800);
        let cut = whole[..whole.len() - 12].to_vec();
        let read = from_bytes(Cursor::new(cut)).and_then(Opened::whole);
        assert!(matches!(read, Err(super::ReadErrorKind::Truncated(_))), "{read:?}");
    }
}
