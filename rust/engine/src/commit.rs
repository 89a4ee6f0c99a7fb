//! The commit protocol: data files under names no other attempt uses, then one manifest that makes them real.
//!
//! A task writes its files as `<stage>-<index>-<attempt>.<name>`, each through [`DataFile`], which counts and digests
//! what passes and fsyncs at the end. [`commit`] then puts the task manifest, if there is none yet: the first
//! committer wins, and a loser's files are garbage. Readers find files through manifests only, never by listing a
//! folder, and [`open_verified`] checks a file's length and digest before its first use.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};

/// A committed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// File name inside the data folder of the run; for a file of an index, its absolute path.
    pub file: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Rows or records, as the stage counts them.
    pub rows: u64,
    /// `blake3:` and 64 hexadecimal digits.
    pub digest: String,
}

/// What a task committed: the only thing that passes between tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskManifest {
    /// Version of this layout.
    pub schema_version: u32,
    /// Stage name.
    pub stage: String,
    /// Index of the task in its stage.
    pub index: u32,
    /// Hash of everything the outputs depend on.
    pub fingerprint: String,
    /// Which attempt won. Outside every digest that reaches the user.
    pub attempt: String,
    /// Files by what they hold, for example `text`.
    pub outputs: BTreeMap<String, Artefact>,
    /// Counts and statistics of the stage.
    pub counts: serde_json::Value,
}

/// Where a task puts its files, and under which names.
#[derive(Debug, Clone, Deserialize)]
pub struct TaskPlace {
    /// Stage name.
    pub stage: String,
    /// Index of the task in its stage.
    pub index: u32,
    /// Hash of everything the outputs depend on.
    pub fingerprint: String,
    /// Unique to this attempt; letters and digits.
    pub attempt: String,
    /// Folder for data files; exists.
    pub data: PathBuf,
    /// Folder for spill files of this attempt.
    pub scratch: PathBuf,
    /// Path of the task manifest.
    pub manifest: PathBuf,
}

impl TaskPlace {
    /// Opens a new data file of this attempt.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(&self, name: &str) -> Result<DataFile> {
        let file = format!("{}-{:05}-{}.{name}", self.stage, self.index, self.attempt);
        DataFile::create(self.data.join(&file), file)
    }

    /// Registers a file that another writer has already put at [`Self::path`] for `name`.
    ///
    /// # Errors
    /// When the file cannot be read or synced.
    pub fn adopt(&self, name: &str, rows: u64) -> Result<Artefact> {
        let path = self.path(name);
        let file = File::open(&path).map_err(EngineError::io("open", &path))?;
        file.sync_all().map_err(EngineError::io("sync", &path))?;
        let (bytes, digest) = digest_file(&path)?;
        let file = format!("{}-{:05}-{}.{name}", self.stage, self.index, self.attempt);
        Ok(Artefact {
            file,
            bytes,
            rows,
            digest,
        })
    }

    /// Path of the data file called `name` of this attempt.
    pub fn path(&self, name: &str) -> PathBuf {
        self.data.join(format!(
            "{}-{:05}-{}.{name}",
            self.stage, self.index, self.attempt
        ))
    }

    /// `stage[index]`, for messages.
    pub fn label(&self) -> String {
        format!("{}[{}]", self.stage, self.index)
    }
}

/// A file being written: counts bytes, digests them, and is durable once finished.
#[derive(Debug)]
pub struct DataFile {
    path: PathBuf,
    name: String,
    writer: BufWriter<File>,
    hasher: Box<blake3::Hasher>,
    bytes: u64,
}

impl DataFile {
    fn create(path: PathBuf, name: String) -> Result<Self> {
        let file = File::create(&path).map_err(EngineError::io("create", &path))?;
        let writer = BufWriter::with_capacity(1 << 18, file);
        Ok(Self {
            path,
            name,
            writer,
            hasher: Box::new(blake3::Hasher::new()),
            bytes: 0,
        })
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.bytes
    }

    /// Appends `bytes`, with the path in any error.
    ///
    /// # Errors
    /// When the operating system refuses the write.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes)
            .map_err(EngineError::io("write", &self.path))
    }

    /// Flushes and fsyncs; the file is complete, though not yet committed.
    ///
    /// # Errors
    /// When the operating system refuses the write or the sync.
    pub fn finish(mut self, rows: u64) -> Result<Artefact> {
        self.writer
            .flush()
            .map_err(EngineError::io("write", &self.path))?;
        self.writer
            .get_ref()
            .sync_all()
            .map_err(EngineError::io("sync", &self.path))?;
        let digest = format!("blake3:{}", self.hasher.finalize().to_hex());
        Ok(Artefact {
            file: self.name,
            bytes: self.bytes,
            rows,
            digest,
        })
    }
}

impl Write for DataFile {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.writer.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// Puts the task manifest unless there is one already, and returns the one that stands.
///
/// # Errors
/// When the folder cannot be written, or a standing manifest cannot be read.
pub fn commit(
    place: &TaskPlace,
    outputs: BTreeMap<String, Artefact>,
    counts: serde_json::Value,
) -> Result<TaskManifest> {
    let manifest = TaskManifest {
        schema_version: 1,
        stage: place.stage.clone(),
        index: place.index,
        fingerprint: place.fingerprint.clone(),
        attempt: place.attempt.clone(),
        outputs,
        counts,
    };
    sync_folder(&place.data)?;
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| EngineError::Spec(error.to_string()))?;
    if put_if_absent(&place.manifest, &text, &place.attempt)? {
        return Ok(manifest);
    }
    let standing = fs::read(&place.manifest).map_err(EngineError::io("read", &place.manifest))?;
    serde_json::from_slice(&standing).map_err(|error| EngineError::Damaged {
        path: place.manifest.clone(),
        detail: error.to_string(),
    })
}

/// Writes `content` to `path` durably and atomically, unless `path` exists. Returns whether this call wrote it.
///
/// A hard link is the one operation of a local file system that both creates a name atomically and fails when the
/// name is taken.
///
/// # Errors
/// When the folder cannot be written.
pub fn put_if_absent(path: &Path, content: &[u8], attempt: &str) -> Result<bool> {
    let temporary = path.with_extension(format!("{attempt}.tmp"));
    let mut file = File::create(&temporary).map_err(EngineError::io("create", &temporary))?;
    file.write_all(content)
        .map_err(EngineError::io("write", &temporary))?;
    file.sync_all().map_err(EngineError::io("sync", &temporary))?;
    let won = match fs::hard_link(&temporary, path) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(EngineError::io("commit", path)(error)),
    };
    fs::remove_file(&temporary).map_err(EngineError::io("remove", &temporary))?;
    if let Some(folder) = path.parent() {
        sync_folder(folder)?;
    }
    Ok(won)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> Result<()> {
    let handle = File::open(folder).map_err(EngineError::io("open", folder))?;
    handle.sync_all().map_err(EngineError::io("sync", folder))
}

/// Returns length and digest of a file. Cost: one sequential read, 1 MiB of memory.
///
/// # Errors
/// When the file cannot be read.
pub fn digest_file(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(EngineError::io("open", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(EngineError::io("read", path))?;
        if count == 0 {
            return Ok((bytes, format!("blake3:{}", hasher.finalize().to_hex())));
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
}

/// Returns the path of a committed file after checking its length and digest.
///
/// # Errors
/// [`EngineError::Damaged`] when the file is missing, shorter, longer or different.
pub fn open_verified(data: &Path, artefact: &Artefact) -> Result<PathBuf> {
    let path = data.join(&artefact.file);
    let length = fs::metadata(&path)
        .map_err(|error| EngineError::Damaged {
            path: path.clone(),
            detail: error.to_string(),
        })?
        .len();
    if length != artefact.bytes {
        let detail = format!("{length} bytes, committed with {}", artefact.bytes);
        return Err(EngineError::Damaged { path, detail });
    }
    let (_, digest) = digest_file(&path)?;
    if digest != artefact.digest {
        return Err(EngineError::Damaged {
            path,
            detail: "its digest differs from the committed one".to_owned(),
        });
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &Path, attempt: &str) -> TaskPlace {
        TaskPlace {
            stage: "map".to_owned(),
            index: 3,
            fingerprint: "f".to_owned(),
            attempt: attempt.to_owned(),
            data: folder.to_owned(),
            scratch: folder.to_owned(),
            manifest: folder.join("map-00003.json"),
        }
    }

    #[test]
    fn first_committer_wins_and_the_loser_reads_the_winner() {
        let folder = tempfile::tempdir().unwrap();
        let mut winners = Vec::new();
        for attempt in ["a1", "b2"] {
            let place = place(folder.path(), attempt);
            let mut file = place.create("text").unwrap();
            file.append(attempt.as_bytes()).unwrap();
            let outputs = BTreeMap::from([("text".to_owned(), file.finish(1).unwrap())]);
            winners.push(commit(&place, outputs, serde_json::json!({})).unwrap());
        }
        assert_eq!(winners[0], winners[1]);
        assert_eq!(winners[1].attempt, "a1");
        let path = open_verified(folder.path(), &winners[1].outputs["text"]).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"a1");
    }

    #[test]
    fn a_flipped_bit_and_a_short_file_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path(), "a1");
        let mut file = place.create("text").unwrap();
        file.append(b"hello").unwrap();
        let artefact = file.finish(1).unwrap();
        let path = folder.path().join(&artefact.file);
        for content in [&b"hellp"[..], b"hell", b"hello!"] {
            fs::write(&path, content).unwrap();
            assert_eq!(
                open_verified(folder.path(), &artefact).unwrap_err().code(),
                "GM-IO-003"
            );
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(
            open_verified(folder.path(), &artefact).unwrap_err().code(),
            "GM-IO-003"
        );
    }
}
