//! Trainings whose networks are kept on the way.

use super::MAX_MEMORY;
use super::image_set::ImageSet;
use crate::experiment::seed_of;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thalweg::Error;
use thalweg_net::{Architecture, Checkpoint, Images, Trainer, Training};

/// A network and all that decides what it becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    pub network: Architecture,
    pub images: ImageSet,
    pub training: Training,
}

/// How often a training is written to disk within an epoch: a kill costs no more.
const PATIENCE: Duration = Duration::from_secs(60);

impl Course {
    /// The network after so many epochs, in f32; none if the loss stopped being a number on the way.
    ///
    /// With a folder it is trained on from what stands there; the bits are those of a training without a break.
    pub fn after(&self, epoch: usize, images: &Images, checkpoints: Option<&Path>) -> Result<Option<Checkpoint>, Error> {
        let folder = checkpoints.map(|folder| folder.join(format!("{}-{:016x}", self.network, seed_of(self))));
        let kept = |epoch: usize| folder.as_ref().map(|folder| folder.join(format!("epoch-{epoch}.safetensors")));
        if let Some(path) = kept(epoch).filter(|path| path.exists()) {
            return Checkpoint::read(&path, None, MAX_MEMORY).map(Some);
        }
        let last = folder.as_ref().map(|folder| folder.join("last.safetensors"));
        let mut trainer = self.trainer(epoch, images, last.as_deref())?;
        if let Some(folder) = folder.as_ref().filter(|_| epoch > 0) {
            std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.clone(), source })?;
        }
        let write = |trainer: &Trainer<'_, f32>, path: Option<PathBuf>, going_on: bool| match path {
            Some(path) => trainer.checkpoint(going_on).write(&path),
            None => Ok(()),
        };
        let mut written = Instant::now();
        while trainer.position().epoch < epoch {
            let ends = trainer.step();
            let position = trainer.position();
            if !position.score().loss.is_finite() {
                return Ok(None);
            }
            if ends && self.is_kept(position.epoch) {
                write(&trainer, kept(position.epoch), false)?;
            }
            if ends || written.elapsed() > PATIENCE {
                write(&trainer, last.clone(), true)?;
                written = Instant::now();
            }
        }
        if let Some(last) = last.filter(|_| trainer.is_done()) {
            // no training goes on from here; that it stays does no harm
            let _ = std::fs::remove_file(last);
        }
        Ok(Some(trainer.checkpoint(false)))
    }

    /// The sixths of a training, where its networks are measured.
    fn is_kept(&self, epoch: usize) -> bool {
        (6 * epoch).is_multiple_of(self.training.epochs)
    }

    /// Where the training stood, if that is not beyond the epoch, or its start.
    fn trainer<'a>(&self, epoch: usize, images: &'a Images, last: Option<&Path>) -> Result<Trainer<'a, f32>, Error> {
        if let Some(last) = last.filter(|last| epoch > 0 && last.exists()) {
            let trainer = Trainer::resume(Checkpoint::read(last, None, MAX_MEMORY)?, images, self.training)?;
            let position = trainer.position();
            let is_beyond = position.epoch > epoch || (position.epoch == epoch && position.seen < images.count());
            if !is_beyond {
                return Ok(trainer);
            }
        }
        Trainer::new(self.network.network(images.shape(), images.classes())?, images, self.training)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Bench, Scale};

    fn course() -> Course {
        let images = ImageSet::of(Scale::Smoke, &Bench::default()).expect("planted images are always there");
        Course { network: "cnn-4".parse().expect("a name"), images, training: Training { epochs: 3, batch: 16, ..Training::default() } }
    }

    fn bits(course: &Course, epoch: usize, images: &Images, folder: Option<&Path>) -> Vec<u64> {
        let Checkpoint { weights, statistics, .. } = course.after(epoch, images, folder).expect("trains").expect("finite");
        weights.iter().chain(&statistics.mean).chain(&statistics.variance).map(|x| x.to_bits()).collect()
    }

    #[test]
    fn breaks_leave_no_trace() {
        let course = course();
        let (images, _) = course.images.open(&Bench::default()).expect("images");
        let folder = tempfile::tempdir().expect("a folder");
        let whole = bits(&course, 3, &images, None);
        // at the end of an epoch, within the next, and from there to the end
        bits(&course, 1, &images, Some(folder.path()));
        let entry = std::fs::read_dir(folder.path()).expect("a folder").next().expect("a course").expect("an entry");
        let last = entry.path().join("last.safetensors");
        let read = Checkpoint::read(&last, None, MAX_MEMORY).expect("reads");
        let mut trainer = Trainer::<f32>::resume(read, &images, course.training).expect("the same training");
        trainer.step();
        trainer.checkpoint(true).write(&last).expect("writes");
        assert_eq!(bits(&course, 3, &images, Some(folder.path())), whole);
        assert!(!last.exists());
        // from its file, and an epoch before it that no file holds
        assert_eq!(bits(&course, 3, &images, Some(folder.path())), whole);
        assert_eq!(bits(&course, 2, &images, Some(folder.path())), bits(&course, 2, &images, None));
    }

    #[test]
    fn a_training_that_breaks_down_has_no_end() {
        let mut course = course();
        course.training.rate = 1e30;
        let (images, _) = course.images.open(&Bench::default()).expect("images");
        assert!(course.after(3, &images, None).expect("no error").is_none());
    }
}
