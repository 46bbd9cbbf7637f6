//! The expert: networks, and which of them votes.

use std::cell::Cell;
use std::path::PathBuf;

use drs_plugins_api::{
    Batch, Context, DRAWS, Draws, Error, ErrorKind, Manifest, NativeRuntime, Plugin, declared,
};
use drs_torch_device::DeviceName;

use crate::config::{BatchSize, Config, Draw};
use crate::model::{Calls, Model, in_file};
use crate::network::Network;
use crate::replica::{Input, Replica};
use crate::{package, tune};

/// Calls at once on one GPU: while one computes, the other's batch is sent.
const CALLS_PER_GPU: usize = 2;

/// Of 20,032 noisy inputs and 64 at edges between classes, none got another vote
/// in batches of another size on a CPU, in f32 or bf16.
pub(crate) const CPU_TOLERANCE: f64 = 0.0;
/// Not measured: CUDA's libraries choose their kernels by batch size.
pub(crate) const CUDA_TOLERANCE: f64 = 0.01;

pub(crate) struct TorchExpert {
    path: PathBuf,
    sigma: f64,
    shape: [usize; 3],
    classes: Vec<String>,
    batch: usize,
    threads: i32,
    draws: bool,
    replicas: Vec<Replica>,
}

impl Plugin for TorchExpert {
    const NAME: &'static str = "torch";
    type Config = Config;

    fn native_runtime() -> Option<NativeRuntime> {
        package::check_inputs();
        Some(NativeRuntime::new("libtorch", "2.11.0"))
    }

    fn files(config: &Config, context: &Context) -> Result<Option<Vec<PathBuf>>, Error> {
        Ok(Some(vec![context.resolve(&config.model)]))
    }

    fn open(config: Config, context: &Context) -> Result<Self, Error> {
        drs_torch_device::prepare();
        let threads = config.threads.unwrap_or(1).max(1).into();
        use_threads(threads);
        let names = config.devices()?;
        let available = |name: &DeviceName| {
            name.available().map_err(|problem| {
                Error::new(ErrorKind::Device, problem)
                    .hint("use device = \"cpu\", or run where the device is")
            })
        };
        let devices = names.iter().map(available).collect::<Result<Vec<_>, _>>()?;
        let path = context.resolve(&config.model);
        let gpu = devices.iter().any(|device| device.is_cuda());
        let at_once = if gpu { CALLS_PER_GPU } else { calls_at_once(threads) };
        let inputs = tune::default_batch(context.shape(), gpu);
        let calls = Calls { at_once, inputs };
        let model = Model::open(&config, path, context.shape(), &devices, &calls)?;
        model.notes.iter().for_each(|note| context.warn(note));
        let outputs = model.networks.first().map(Network::outputs);
        let told = |name: &str| model.metadata.get(name).map(String::as_str);
        let sigma = declared::sigma(told("drs.sigma"), config.sigma)
            .map_err(|error| in_file(&model.path, &error))?;
        let classes = declared::classes(told("drs.classes"), config.classes.as_ref(), outputs)
            .map_err(|error| in_file(&model.path, &error))?;
        if let Some(reason) = model.networks.iter().find_map(Network::unfused) {
            context.info(&format!("runs without fused convolutions: {reason}"));
        }
        let rows = model.networks.first().and_then(Network::rows);
        let input = Input { shape: context.shape(), levels: context.levels() };
        let replicas = model.networks.into_iter().map(|network| Replica::new(network, input));
        let mut expert = Self {
            path: model.path,
            sigma,
            shape: context.shape(),
            classes,
            batch: rows.unwrap_or(inputs),
            threads,
            draws: config.draw == Draw::Device,
            replicas: replicas.collect::<Result<_, _>>()?,
        };
        match config.batch {
            // A package has one size.
            Some(BatchSize::Auto) if rows.is_none() => {
                let on_gpus = devices.iter().all(|device| device.is_cuda());
                expert.batch = tune::measure(&expert, context, on_gpus)?;
                expert.replicas.iter().try_for_each(Replica::rest)?;
            }
            Some(BatchSize::Fixed(batch)) => expert.batch = batch,
            Some(BatchSize::Auto) | None => {}
        }
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let (precision, batch) = (config.dtype, expert.batch);
        context.info(&format!("on {}, {precision:?}, batches of {batch}", names.join(", ")));
        Ok(expert)
    }

    fn manifest(&self) -> Manifest {
        let manifest = Manifest::new(self.sigma, self.shape, self.classes.clone(), self.batch)
            .concurrency(self.concurrency())
            .files(vec![self.path.clone()])
            .tolerance(if self.has_gpu() { CUDA_TOLERANCE } else { CPU_TOLERANCE });
        if self.draws { manifest.capability(DRAWS) } else { manifest }
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        self.least_busy()?.vote(batch, votes)
    }

    fn draw(&self, draws: &Draws<'_>, votes: &mut [u32]) -> Result<(), Error> {
        self.least_busy()?.draw(draws, votes)
    }
}

impl TorchExpert {
    fn least_busy(&self) -> Result<&Replica, Error> {
        use_threads(self.threads);
        let none = || Error::new(ErrorKind::Other, "the expert has no device");
        self.replicas.iter().min_by_key(|replica| replica.calls()).ok_or_else(none)
    }

    /// How many calls the host may make at once; 0 for any number.
    fn concurrency(&self) -> usize {
        if self.has_gpu() {
            return CALLS_PER_GPU * self.replicas.len();
        }
        if self.threads == 1 {
            return 0;
        }
        calls_at_once(self.threads)
    }

    fn has_gpu(&self) -> bool {
        self.replicas.iter().any(|replica| replica.device().is_cuda())
    }
}

/// How many calls of so many threads each keep the cores busy.
fn calls_at_once(threads: i32) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / usize::try_from(threads).unwrap_or(1)).max(1)
}

/// OpenMP keeps the number of threads per calling thread.
fn use_threads(threads: i32) {
    thread_local! {
        static SET: Cell<i32> = const { Cell::new(0) };
    }
    if SET.get() != threads {
        tch::set_num_threads(threads);
        SET.set(threads);
    }
}
