//! Bytes of a file, hashed as they are stored and decompressed as they stream.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Compression, ReadError};

const FILE_BUFFER_BYTES: usize = 256 * 1024;
/// Frames that ask for a larger window are refused: 2^27 is the most that `zstd` writes without being told
/// to.
const MAX_WINDOW_LOG: u32 = 27;

/// A file that hashes what is read from it.
struct HashedFile {
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Read for HashedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

type Stored = BufReader<HashedFile>;

enum Decoder {
    Plain(Box<Stored>),
    Gzip(Box<MultiGzDecoder<Stored>>),
    Zstd(Box<zstd::Decoder<'static, Stored>>),
}

/// The decompressed content of a file: all gzip members, all zstd frames, to the end of the file or an error.
///
/// Memory: 256 KiB and the decoder's window, at most 128 MiB.
pub(super) struct Content {
    decoder: Decoder,
    decompressed_bytes: u64,
}

impl Content {
    pub(super) fn open(path: &Path, compression: Compression) -> Result<Self, ReadError> {
        let open_error = |source| ReadError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(open_error)?;
        let properties = file.metadata().map_err(open_error)?;
        if properties.is_dir() {
            return Err(open_error(io::ErrorKind::IsADirectory.into()));
        }
        // A file without a byte is no damaged stream: it is empty, and is reported as that.
        let compression = if properties.len() == 0 && properties.is_file() {
            Compression::None
        } else {
            compression
        };
        let hashed = HashedFile {
            file,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        };
        let stored = BufReader::with_capacity(FILE_BUFFER_BYTES, hashed);
        let decoder = match compression {
            Compression::None => Decoder::Plain(Box::new(stored)),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(stored))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(stored).map_err(open_error)?;
                decoder.window_log_max(MAX_WINDOW_LOG).map_err(open_error)?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        Ok(Self {
            decoder,
            decompressed_bytes: 0,
        })
    }

    /// Reads some bytes into `buffer`; 0 only at the very end of the file.
    pub(super) fn read(&mut self, path: &Path, buffer: &mut [u8]) -> Result<usize, ReadError> {
        loop {
            let outcome = match &mut self.decoder {
                Decoder::Plain(stored) => stored.read(buffer),
                Decoder::Gzip(decoder) => decoder.read(buffer),
                Decoder::Zstd(decoder) => decoder.read(buffer),
            };
            match outcome {
                Ok(count) => {
                    self.decompressed_bytes += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.classify(path, error)),
            }
        }
    }

    /// Tells faults of the system, which carry its error number, from faults of the stream.
    fn classify(&self, path: &Path, error: io::Error) -> ReadError {
        let (path, decompressed_bytes) = (path.to_owned(), self.decompressed_bytes);
        if error.raw_os_error().is_some() || matches!(self.decoder, Decoder::Plain(_)) {
            return ReadError::Io { path, source: error };
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return ReadError::Truncated {
                path,
                decompressed_bytes,
            };
        }
        let reason = error.to_string();
        if matches!(self.decoder, Decoder::Zstd(_)) && reason.contains("too much memory") {
            return ReadError::WindowTooLarge {
                path,
                limit_bytes: 1 << MAX_WINDOW_LOG,
            };
        }
        ReadError::Corrupt {
            path,
            decompressed_bytes,
            reason,
        }
    }

    fn hashed(&self) -> &HashedFile {
        match &self.decoder {
            Decoder::Plain(stored) => stored.get_ref(),
            Decoder::Gzip(decoder) => decoder.get_ref().get_ref(),
            Decoder::Zstd(decoder) => decoder.get_ref().get_ref(),
        }
    }

    /// Bytes read from the file so far.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.hashed().bytes
    }

    /// BLAKE3 of the bytes read from the file so far, in hex.
    pub(super) fn stored_blake3(&self) -> String {
        self.hashed().hasher.finalize().to_hex().to_string()
    }
}

/// Returns size and BLAKE3 of a whole file, read once with a small buffer.
pub(super) fn digest_file(path: &Path) -> Result<(u64, String), ReadError> {
    let mut content = Content::open(path, Compression::None)?;
    let mut buffer = vec![0; FILE_BUFFER_BYTES];
    while content.read(path, &mut buffer)? > 0 {}
    Ok((content.stored_bytes(), content.stored_blake3()))
}
