//! A small expert, good but for the flaw that its configuration names.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use drs_plugins_api::{
    Batch, Context, DRAWS, Draws, Error, ErrorKind, Manifest, OPEN, Plugin, argmax,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) const SHAPE: [usize; 3] = [1, 4, 4];
const CLASSES: u32 = 4;
const BATCH: usize = 8;

/// What is wrong with the expert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Flaw {
    None,
    /// No flaw: takes inputs of any shape.
    AnyShape,
    NeverOpens,
    ManifestChanges,
    SigmaZero,
    ForeignShape,
    TwinClasses,
    NoBatch,
    NoFile,
    ToleratesMuch,
    ClassOutOfRange,
    VoteMissing,
    /// Votes otherwise where a batch comes twice in a row.
    RemembersLastBatch,
    /// Votes otherwise after a batch of i16::MAX alone.
    RemembersExtremes,
    /// Votes otherwise from the eleventh call on.
    CountsCalls,
    BatchSize,
    BatchSizeALittle,
    RowsThatCount,
    Padding,
    Place,
    /// Few inputs get another vote in every other place.
    PlaceALittle,
    /// The same, and the manifest declares a tolerance.
    PlaceDeclared,
    NextRow,
    /// Votes otherwise beside an i16::MAX.
    LargestInBatch,
    SharedInstances,
    SharedScratch,
    HighestTie,
    NanAsZero,
    NanAsOtherError,
    PanicsOnExtremes,
    PanicsOnNoRows,
    EchoesShape,
    PanicsOnShape,
    ToleratesFields,
    NamelessFields,
    FieldsAreModelErrors,
    DrawsTheNext,
    DrawsFromZero,
    DrawsWithOneKey,
    DrawsOneInput,
    /// Takes the table's word for values that 64 more bits decide.
    DrawsClosedCells,
    DrawsWithSharedScratch,
    DrawsNot,
}

#[derive(Deserialize)]
pub(super) struct Config {
    flaw: Flaw,
    model: Model,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Model {
    Patterns,
    Ties,
    Nan,
}

pub(super) struct Mock {
    flaw: Flaw,
    model: Model,
    shape: [usize; 3],
    manifests: AtomicUsize,
    calls: AtomicUsize,
    excited: AtomicUsize,
    last: Mutex<Vec<i16>>,
    scratch: Mutex<Vec<i16>>,
}

/// Instances with the flaw [`Flaw::SharedInstances`].
static INSTANCES: AtomicUsize = AtomicUsize::new(0);

impl Plugin for Mock {
    const NAME: &'static str = "mock";
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, Error> {
        let flaw = config.flaw;
        if let Some(field) = config.rest.keys().next() {
            let named = format!("unknown field `{field}`");
            match flaw {
                Flaw::ToleratesFields => {}
                Flaw::NamelessFields => {
                    return Err(Error::new(ErrorKind::Config, "unknown field"));
                }
                Flaw::FieldsAreModelErrors => return Err(Error::new(ErrorKind::Model, named)),
                _ => return Err(Error::new(ErrorKind::Config, named)),
            }
        }
        if flaw == Flaw::NeverOpens {
            return Err(Error::new(ErrorKind::Model, "no such model"));
        }
        let shape = context.shape();
        let any = matches!(flaw, Flaw::AnyShape | Flaw::EchoesShape);
        if flaw == Flaw::PanicsOnShape {
            assert_eq!(shape, SHAPE);
        }
        if shape != SHAPE && !any {
            return Err(Error::new(ErrorKind::Config, format!("{shape:?}, expected {SHAPE:?}")));
        }
        if flaw == Flaw::SharedInstances {
            INSTANCES.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Self {
            flaw,
            model: config.model,
            shape,
            manifests: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            excited: AtomicUsize::new(0),
            last: Mutex::default(),
            scratch: Mutex::default(),
        })
    }

    fn manifest(&self) -> Manifest {
        let classes = (0..CLASSES).map(|class| class.to_string()).collect();
        // Flaws of order would flicker with threads.
        let concurrency = match self.flaw {
            Flaw::RemembersLastBatch | Flaw::CountsCalls => 1,
            _ => 4,
        };
        let mut manifest = Manifest::new(0.25, self.shape, classes, BATCH)
            .concurrency(concurrency)
            .capability(DRAWS);
        match self.flaw {
            Flaw::ManifestChanges => {
                let calls = self.manifests.fetch_add(1, Ordering::SeqCst);
                manifest.classes[0] = format!("name {calls}");
            }
            Flaw::SigmaZero => manifest.sigma = 0.0,
            Flaw::ForeignShape => manifest.shape = [3, 4, 4],
            Flaw::TwinClasses => manifest.classes[1] = "0".to_owned(),
            Flaw::NoBatch => manifest.preferred_batch = 0,
            Flaw::PlaceDeclared => manifest.tolerance = Manifest::MOST_TOLERANCE,
            Flaw::ToleratesMuch => manifest.tolerance = 0.2,
            Flaw::NoFile => manifest.files.push("no such file".into()),
            _ => {}
        }
        manifest
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        if self.flaw == Flaw::SharedScratch {
            let lattice = self.through_scratch(batch.padded());
            return self.answer(&self.batch(&lattice, batch.rows())?, votes);
        }
        self.answer(batch, votes)
    }

    fn draw(&self, draws: &Draws<'_>, votes: &mut [u32]) -> Result<(), Error> {
        if self.flaw == Flaw::DrawsNot {
            return Err(Error::new(ErrorKind::Other, "the plugin does not draw noise"));
        }
        let mut noisy = Vec::new();
        for segment in draws.segments() {
            let first = &draws.segments()[0];
            let input = if self.flaw == Flaw::DrawsOneInput { first } else { segment }.input;
            let key = if self.flaw == Flaw::DrawsWithOneKey { first } else { segment }.key;
            let start = match self.flaw {
                Flaw::DrawsTheNext => segment.first + 1,
                Flaw::DrawsFromZero => 0,
                _ => segment.first,
            };
            for draw in (start..).take(segment.rows) {
                noisy.extend(self.noisy(draws, input, key, draw));
            }
        }
        noisy.resize(draws.padded_rows() * draws.values(), 0);
        if self.flaw == Flaw::DrawsWithSharedScratch {
            noisy = self.through_scratch(&noisy);
        }
        self.answer(&self.batch(&noisy, draws.rows())?, votes)
    }
}

impl Mock {
    fn batch<'a>(&self, lattice: &'a [i16], rows: usize) -> Result<Batch<'a>, Error> {
        Batch::new(lattice, rows, self.shape, 255)
    }

    fn answer(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        self.classify(batch.lattice(), votes)?;
        if self.is_wrong_call(batch) && self.model == Model::Patterns {
            votes.iter_mut().for_each(|vote| *vote = (*vote + 1) % CLASSES);
        }
        self.spoil_rows(batch, votes);
        Ok(())
    }

    /// The brightest quarter of the input; exact, as sums of small integers are.
    fn classify(&self, lattice: &[i16], votes: &mut [u32]) -> Result<(), Error> {
        let values: usize = match self.flaw {
            // Reads rows of its own size, whatever it was opened for.
            Flaw::EchoesShape => SHAPE.iter().product(),
            _ => self.shape.iter().product(),
        };
        let quarter = values / 4;
        let sum = |part: &[i16]| -> f32 { part.iter().map(|&value| f32::from(value)).sum() };
        let logits =
            lattice.chunks_exact(values).take(votes.len()).flat_map(|input| match self.model {
                Model::Patterns => [0, 1, 2, 3].map(|i| sum(&input[i * quarter..][..quarter])),
                Model::Ties => [-1.0, 1.0, 0.0, 1.0],
                Model::Nan => [0.0, f32::NAN, 1.0, 0.0],
            });
        let logits: Vec<f32> = logits.collect();
        if self.flaw == Flaw::HighestTie && self.model == Model::Ties {
            votes.fill(3);
            return Ok(());
        }
        argmax(&logits, votes).or_else(|error| match (self.flaw, self.model) {
            (Flaw::NanAsZero, Model::Nan) => {
                votes.fill(0);
                Ok(())
            }
            (Flaw::NanAsOtherError, Model::Nan) => Err(Error::new(ErrorKind::Model, "NaN")),
            _ => Err(error),
        })
    }

    /// Flaws of whole calls.
    fn is_wrong_call(&self, batch: &Batch<'_>) -> bool {
        let lattice = batch.lattice();
        let calls = self.calls.fetch_add(1, Ordering::SeqCst);
        let all = |value: i16| !lattice.is_empty() && lattice.iter().all(|&found| found == value);
        match self.flaw {
            Flaw::RemembersLastBatch => {
                let last = std::mem::replace(&mut *locked(&self.last), batch.padded().to_vec());
                last == batch.padded()
            }
            Flaw::RemembersExtremes => {
                let excited = self.excited.load(Ordering::SeqCst) > 0;
                self.excited.fetch_add(usize::from(all(i16::MAX)), Ordering::SeqCst);
                excited
            }
            Flaw::CountsCalls => calls > 10,
            Flaw::BatchSize => batch.padded_rows() != BATCH,
            Flaw::RowsThatCount => batch.rows() < batch.padded_rows(),
            Flaw::Padding => {
                batch.rows() < batch.padded_rows() && batch.padded().last() != Some(&0)
            }
            Flaw::SharedInstances => INSTANCES.load(Ordering::SeqCst) > 1,
            Flaw::PanicsOnExtremes => {
                assert!(!all(i16::MIN), "index out of range");
                false
            }
            Flaw::PanicsOnNoRows => {
                assert!(!lattice.is_empty(), "no rows");
                false
            }
            _ => false,
        }
    }

    /// Flaws of single rows.
    fn spoil_rows(&self, batch: &Batch<'_>, votes: &mut [u32]) {
        let inputs: Vec<&[i16]> = batch.lattice().chunks_exact(batch.values()).collect();
        let sum = |input: &[i16]| input.iter().map(|&value| i64::from(value)).sum::<i64>();
        let rows = inputs.len();
        if self.model != Model::Patterns {
            return;
        }
        for (row, vote) in votes.iter_mut().enumerate() {
            let next = inputs[(row + 1) % rows];
            let other = (*vote + 1) % CLASSES;
            match self.flaw {
                Flaw::ClassOutOfRange if sum(inputs[row]) % 17 == 0 => *vote = CLASSES,
                // As if it had never been written.
                Flaw::VoteMissing if sum(inputs[row]) % 19 == 0 => *vote = u32::MAX,
                Flaw::Place if row == 0 => *vote = other,
                Flaw::PlaceALittle | Flaw::PlaceDeclared
                    if row % 2 == 0 && sum(inputs[row]) % 29 == 0 =>
                {
                    *vote = other;
                }
                Flaw::NextRow if next[0] > 127 => *vote = other,
                Flaw::LargestInBatch if batch.lattice().contains(&i16::MAX) => *vote = other,
                Flaw::BatchSizeALittle
                    if batch.padded_rows() != BATCH && sum(inputs[row]) % 23 == 0 =>
                {
                    *vote = other;
                }
                _ => {}
            }
        }
    }

    /// The values as they come out of scratch that is not locked for the whole call.
    fn through_scratch(&self, lattice: &[i16]) -> Vec<i16> {
        *locked(&self.scratch) = lattice.to_vec();
        std::thread::sleep(Duration::from_millis(1));
        let mut found = locked(&self.scratch).clone();
        found.resize(lattice.len(), 0);
        found
    }

    /// "drs noise v1" from its description.
    fn noisy(&self, draws: &Draws<'_>, input: &[i16], key: [u8; 32], draw: u64) -> Vec<i16> {
        let noise = draws.noise();
        let mut bits = ChaCha12Rng::from_seed(key);
        bits.set_stream(2 * draw);
        let mut rest = ChaCha12Rng::from_seed(key);
        rest.set_stream(2 * draw + 1);
        let mut bytes = vec![0; 2 * input.len()];
        bits.fill_bytes(&mut bytes);
        let pairs = bytes.as_chunks::<2>().0;
        let value = |(input, pair): (&i16, &[u8; 2])| {
            let cell = u16::from_le_bytes(*pair);
            let value = noise.cells[usize::from(cell)];
            if value != OPEN {
                return input + value;
            }
            let u = if self.flaw == Flaw::DrawsClosedCells { 0 } else { rest.next_u64() };
            let thresholds = noise.thresholds_high.iter().zip(noise.thresholds_low);
            let below = thresholds.filter(|&(&high, &low)| (high, low) <= (cell.into(), u)).count();
            input + noise.lowest + i16::try_from(below).unwrap()
        };
        input.iter().zip(pairs).map(value).collect()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if self.flaw == Flaw::SharedInstances {
            INSTANCES.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
