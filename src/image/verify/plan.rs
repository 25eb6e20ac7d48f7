//! The plan: all checks in the order of the report, and the blobs that have to be read for them. Each
//! blob is read once, even if several entries refer to it. As many blobs are read in parallel as there
//! are processors.

use std::collections::{HashMap, HashSet};

use super::progress::Step;
use super::reader::{Absent, Reader, open_file};
use super::report::{Check, CheckProblem, Note, ProblemId};
use crate::blob::{Codec, Digest, Examined, examine};
use crate::image::files::Files;
use crate::image::{Config, Platform};
use crate::workers::in_parallel;

/// The checks and the blobs to read.
#[derive(Default)]
pub(super) struct Plan {
    checks: Vec<Check>,
    pending: Vec<Pending>,
    jobs: Vec<Job>,
    by_path: HashMap<String, usize>,
    images: Vec<Layers>,
}

/// A check that waits for its blob.
struct Pending {
    check: usize,
    job: usize,
    expected: Expected,
}

/// The expected properties of a blob.
#[derive(Default)]
pub(super) struct Expected {
    pub size: Option<u64>,
    pub digest: Option<Digest>,
    pub diff_id: Option<Digest>,
    pub codec: Option<Codec>,
}

/// A blob to read.
struct Job {
    path: String,
    size: u64,
    named: Option<Digest>,
    diff_ids: Vec<Digest>,
}

/// The checks of an image's layers and of its config.
struct Layers {
    config: usize,
    layers: Vec<usize>,
    diff_ids: Vec<Digest>,
}

/// A planned layer of an image.
pub(super) struct PlannedLayer {
    pub check: Check,
    /// The path of its blob. `None` if it is unknown or if the blob is not to be read.
    pub path: Option<String>,
    pub expected: Expected,
    /// Whether the diff_id cannot be checked, for instance because the layer is encrypted.
    pub opaque: bool,
    /// If the blob may be missing, the reason.
    pub elsewhere: Option<String>,
}

/// The parts of a config with which layers are compared.
#[derive(Debug)]
pub(super) struct Summary {
    pub platform: Platform,
    pub diff_ids: Vec<Digest>,
    /// The number of history lines that created a layer, if there is a history.
    pub made: Option<usize>,
}

impl Summary {
    pub(super) fn new(config: Config) -> Self {
        let made = config.history.iter().filter(|h| !h.empty_layer).count();
        Self {
            platform: config.platform,
            diff_ids: config.diff_ids,
            made: (!config.history.is_empty()).then_some(made),
        }
    }
}

impl Plan {
    /// Adds a completed check and returns its number.
    pub(super) fn push(&mut self, check: Check) -> usize {
        self.checks.push(check);
        self.checks.len() - 1
    }

    /// Adds several completed checks.
    pub(super) fn extend(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.checks.extend(checks);
    }

    /// Adds a check for which a blob has to be read, and returns its number.
    pub(super) fn blob(&mut self, reader: &mut Reader<'_>, layer: PlannedLayer) -> usize {
        let PlannedLayer {
            mut check,
            path,
            mut expected,
            opaque,
            elsewhere,
        } = layer;
        let Some(path) = path else {
            return self.push(check);
        };
        if opaque {
            expected.diff_id = None;
        }
        let source = match reader.find(&path, ProblemId::MissingBlob) {
            Ok(source) => source,
            Err(problem) => {
                match elsewhere.filter(|_| problem.id == ProblemId::MissingBlob) {
                    Some(where_) => check.note = Some(Note::Absent(where_)),
                    None => check.problems.push(problem),
                }
                return self.push(check);
            }
        };
        let job = *self.by_path.entry(path).or_insert_with_key(|path| {
            self.jobs.push(Job {
                path: path.clone(),
                size: source.size(),
                named: expected.digest.clone(),
                diff_ids: Vec::new(),
            });
            self.jobs.len() - 1
        });
        if let (Some(job), Some(diff_id)) = (self.jobs.get_mut(job), &expected.diff_id) {
            let known = job.diff_ids.iter();
            // One digest of each algorithm is enough: only the algorithm is used.
            if known.clone().all(|d| d.algorithm() != diff_id.algorithm()) {
                job.diff_ids.push(diff_id.clone());
            }
        }
        let check = self.push(check);
        self.pending.push(Pending {
            check,
            job,
            expected,
        });
        check
    }

    /// Adds the checks of an image: first its config, then its layers.
    pub(super) fn image(
        &mut self,
        reader: &mut Reader<'_>,
        mut config: Check,
        summary: Option<&Summary>,
        layers: Vec<PlannedLayer>,
    ) {
        if let Some(summary) = summary {
            let count = layers.len();
            let diff_ids = summary.diff_ids.len();
            if diff_ids != count {
                let problem = CheckProblem::differs(ProblemId::LayerCountMismatch, count, diff_ids);
                let detail = "layers in the manifest, compared with diff_ids in the config";
                config.problems.push(problem.with(detail));
            }
            if let Some(made) = summary.made
                && made != count
            {
                let problem = CheckProblem::differs(ProblemId::HistoryMismatch, count, made);
                let detail =
                    "layers in the manifest, compared with history entries that made a layer";
                config.problems.push(problem.with(detail));
            }
        }
        let config = self.push(config);
        let diff_ids = layers.iter().filter_map(|l| l.expected.diff_id.clone());
        let diff_ids = diff_ids.collect();
        let layers = layers.into_iter().map(|l| self.blob(reader, l)).collect();
        self.images.push(Layers {
            config,
            layers,
            diff_ids,
        });
    }

    /// Reads the blobs and completes the checks.
    pub(super) fn run(mut self, files: &Files, progress: &(dyn Fn(Step<'_>) + Sync)) -> Vec<Check> {
        let sizes: Vec<u64> = self.jobs.iter().map(|job| job.size).collect();
        progress(Step::Start(&sizes));
        let mut jobs: Vec<(usize, Job)> = self.jobs.drain(..).enumerate().collect();
        // Largest first, so that no thread starts with a large blob at the end.
        jobs.sort_by_key(|(_, job)| std::cmp::Reverse(job.size));
        let mut results = in_parallel(jobs, |(number, job)| {
            let mut at = |position| {
                progress(Step::At {
                    blob: number,
                    position,
                });
            };
            (true, (number, read(files, &job, &mut at)))
        });
        results.sort_by_key(|(number, _)| *number);
        for pending in &self.pending {
            let check = self.checks.get_mut(pending.check);
            let result = results.get(pending.job);
            if let (Some(check), Some((_, result))) = (check, result) {
                settle(check, &pending.expected, result);
            }
        }
        for image in &self.images {
            if image.is_of_another(&self.checks)
                && let Some(config) = self.checks.get_mut(image.config)
            {
                let detail = "none of its diff_ids matches a layer here: it is the config of another \
                              image";
                let problem = CheckProblem::because(ProblemId::ConfigMismatch, detail);
                config.problems.push(problem);
            }
        }
        self.checks
    }
}

fn read(files: &Files, job: &Job, progress: &mut dyn FnMut(u64)) -> Result<Examined, CheckProblem> {
    let source =
        open_file(files, &job.path).map_err(|a: Absent| a.problem(ProblemId::MissingBlob))?;
    let examined = examine(source, job.named.as_ref(), &job.diff_ids, progress);
    examined.map_err(|error| CheckProblem::because(ProblemId::Unreadable, error.to_string()))
}

/// Compares a blob with its expected properties.
fn settle(check: &mut Check, expected: &Expected, found: &Result<Examined, CheckProblem>) {
    let found = match found {
        Ok(found) => found,
        Err(problem) => {
            check.problems.push(problem.clone());
            return;
        }
    };
    check.size = Some(found.size);
    check.digest = Some(found.digest.clone());
    check.compare(expected.size, expected.digest.as_ref());
    if let Some(claimed) = expected.codec
        && found.codec != Ok(claimed)
    {
        let is = match found.codec {
            Ok(codec) => codec.to_string(),
            Err(name) => name.to_owned(),
        };
        let problem = CheckProblem::differs(ProblemId::MediaTypeMismatch, claimed, is);
        let detail = "its media type, compared with its first bytes";
        check.problems.push(problem.with(detail));
    }
    let Some(diff_id) = &expected.diff_id else {
        return;
    };
    match &found.decoded {
        Err(error) => {
            let problem = CheckProblem::because(ProblemId::Undecodable, error.to_string());
            check.problems.push(problem);
        }
        Ok(digests) => {
            let like = |d: &&Digest| d.algorithm() == diff_id.algorithm();
            check.diff_id = digests.iter().find(like).cloned();
            if let Some(found) = &check.diff_id
                && found != diff_id
            {
                let problem = CheckProblem::differs(ProblemId::DiffIdMismatch, diff_id, found);
                let detail = if check.problems.is_empty() {
                    "the blob is intact: the config is wrong, or belongs to another image"
                } else {
                    "the uncompressed bytes differ too"
                };
                check.problems.push(problem.with(detail));
            }
        }
    }
}

impl Layers {
    /// Returns whether all layers are intact but the config has none of their diff_ids. With a single
    /// layer, the error could be in either of them, so the result is `false`.
    fn is_of_another(&self, checks: &[Check]) -> bool {
        let layers = self.layers.iter().filter_map(|&n| checks.get(n));
        let decoded: Vec<(&Check, &Digest)> = layers
            .filter_map(|check| Some((check, check.diff_id.as_ref()?)))
            .collect();
        let listed: HashSet<&Digest> = self.diff_ids.iter().collect();
        let stranger = |(check, diff_id): &(&Check, &Digest)| {
            let mut problems = check.problems.iter();
            !listed.contains(diff_id) && problems.all(|p| p.id == ProblemId::DiffIdMismatch)
        };
        decoded.len() > 1 && decoded.iter().all(stranger)
    }
}
