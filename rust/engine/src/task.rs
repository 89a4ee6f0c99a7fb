//! Running one task in this process: what all tasks of a process share, and the dispatch by stage.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use crate::commit::{Artefact, TaskManifest, open_verified};
use crate::error::{EngineError, Result};
use crate::tokenise::TokenizerSpec;
use crate::tokenizer::Tokenizer;
use crate::tokenizer::loaded::LoadedTokenizers;
use crate::{choose, cut, decide, dedup, dedup_index, shard, split, substring, tokenise};

/// What the tasks of one process share: the request to stop, which files have been verified already, and tokenizers.
#[derive(Debug, Default)]
pub struct Session {
    cancelled: AtomicBool,
    verified: Mutex<HashSet<PathBuf>>,
    tokenizers: LoadedTokenizers,
}

impl Session {
    /// Asks every running task to stop at its next check.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// The flag behind [`Self::cancel`].
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Returns an error once the caller has asked to stop.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            Err(EngineError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Returns the path of a committed file; its digest is checked at the first use in this process.
    ///
    /// Attempt-unique names are never written twice, so a file that was right stays right unless the disk fails.
    ///
    /// # Errors
    /// [`EngineError::Damaged`] when it is not what was committed.
    pub fn open(&self, data: &Path, artefact: &Artefact) -> Result<PathBuf> {
        let path = data.join(&artefact.file);
        let is_known = |verified: &HashSet<PathBuf>| verified.contains(&path);
        if !self.verified.lock().is_ok_and(|verified| is_known(&verified)) {
            open_verified(data, artefact)?;
            if let Ok(mut verified) = self.verified.lock() {
                verified.insert(path.clone());
            }
        }
        Ok(path)
    }

    /// Returns the tokenizer of a plan; its file is read at the first use in this process.
    ///
    /// # Errors
    /// When the file is not the one of the plan, or holds no tokenizer.
    pub(crate) fn tokenizer(&self, spec: &TokenizerSpec) -> Result<Arc<Tokenizer>> {
        self.tokenizers.get(spec)
    }
}

/// The description of a native task.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
enum TaskSpec {
    Decide(decide::DecideSpec),
    Units(cut::units::UnitsSpec),
    Copies(cut::copies::CopiesSpec),
    Bloom(cut::bloom::BloomSpec),
    Cut(Box<cut::task::CutSpec>),
    Exact(dedup::stages::ExactSpec),
    Lsh(dedup::stages::LshSpec),
    Verify(dedup::stages::VerifySpec),
    SemanticLsh(dedup::semantic::stages::SemanticLshSpec),
    SemanticVerify(dedup::semantic::stages::SemanticVerifySpec),
    SemanticJoin(dedup::semantic::stages::SemanticJoinSpec),
    Settle(dedup::stages::SettleSpec),
    Substring(substring::SubstringSpec),
    Amounts(Box<choose::amounts::AmountsSpec>),
    Features(choose::features::FeaturesSpec),
    Target(choose::features::TargetSpec),
    Scores(choose::features::ScoresSpec),
    GroupRows(Box<choose::group_rows::GroupRowsSpec>),
    Choose(Box<choose::spec::ChooseSpec>),
    Check(dedup_index::check::CheckSpec),
    Segment(dedup_index::build::SegmentSpec),
    SplitKeys(Box<split::keys::KeysSpec>),
    SplitGroup(split::group::GroupSpec),
    SplitAssign(split::assign::AssignSpec),
    SplitIndex(split::prove::SplitIndexSpec),
    SplitProve(split::prove::ProveSpec),
    Tokenise(Box<tokenise::spec::TokeniseSpec>),
    Shard(shard::ShardSpec),
}

/// Runs a native task described in JSON and returns its manifest. Map tasks are run by [`crate::map::MapTask`].
///
/// # Errors
/// What the stage meets; nothing is committed then.
pub fn run(spec: &str, session: &Session) -> Result<TaskManifest> {
    let spec: TaskSpec = serde_json::from_str(spec).map_err(|error| EngineError::Spec(error.to_string()))?;
    session.check()?;
    match spec {
        TaskSpec::Decide(spec) => decide::run(&spec, session),
        TaskSpec::Units(spec) => cut::units::run(&spec, session),
        TaskSpec::Copies(spec) => cut::copies::run(&spec, session),
        TaskSpec::Bloom(spec) => cut::bloom::run(&spec, session),
        TaskSpec::Cut(spec) => cut::task::run(&spec, session),
        TaskSpec::Exact(spec) => dedup::stages::exact(&spec, session),
        TaskSpec::Lsh(spec) => dedup::stages::lsh(&spec, session),
        TaskSpec::Verify(spec) => dedup::stages::verify(&spec, session),
        TaskSpec::SemanticLsh(spec) => dedup::semantic::stages::semantic_lsh(&spec, session),
        TaskSpec::SemanticVerify(spec) => dedup::semantic::stages::semantic_verify(&spec, session),
        TaskSpec::SemanticJoin(spec) => dedup::semantic::stages::semantic_join(&spec, session),
        TaskSpec::Settle(spec) => dedup::stages::settle(&spec, session),
        TaskSpec::Substring(spec) => substring::run(&spec, session),
        TaskSpec::Amounts(spec) => choose::amounts::run(&spec, session),
        TaskSpec::Features(spec) => choose::features::features(&spec, session),
        TaskSpec::Target(spec) => choose::features::target(&spec, session),
        TaskSpec::Scores(spec) => choose::features::scores(&spec, session),
        TaskSpec::GroupRows(spec) => choose::group_rows::run(&spec, session),
        TaskSpec::Choose(spec) => choose::task::run(&spec, session),
        TaskSpec::Check(spec) => dedup_index::check::check(&spec, session),
        TaskSpec::Segment(spec) => dedup_index::build::build(&spec, session),
        TaskSpec::SplitKeys(spec) => split::keys::run(&spec, session),
        TaskSpec::SplitGroup(spec) => split::group::run(&spec, session),
        TaskSpec::SplitAssign(spec) => split::assign::run(&spec, session),
        TaskSpec::SplitIndex(spec) => split::prove::index(&spec, session),
        TaskSpec::SplitProve(spec) => split::prove::prove(&spec, session),
        TaskSpec::Tokenise(spec) => tokenise::run(&spec, session),
        TaskSpec::Shard(spec) => shard::run(&spec, session),
    }
}
