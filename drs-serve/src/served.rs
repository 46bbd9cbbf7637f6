//! The pool that is served, and the models that stand for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use drs_core::certify::{check, name};
use drs_core::protocol::{Method, Protocol};
use drs_router::{Config, Router};

/// The model that stands for the whole pool.
pub(crate) const POOL: &str = "drs";

/// Names that no expert may have: they are in paths of the protocol.
const TAKEN: [&str; 2] = [POOL, "stats"];

/// How often it is looked whether a pool is still in use.
const TURN: Duration = Duration::from_millis(20);

/// The only version: a reload replaces it.
pub(crate) const VERSION: &str = "1";

/// A pool that is open.
pub struct Opened {
    /// What it was opened from.
    pub config: Config,
    /// It.
    pub router: Router,
}

/// A pool as it is served.
pub(crate) struct Pool {
    pub(crate) config: Config,
    pub(crate) router: Router,
    pub(crate) models: Vec<Model>,
    /// Those that work with it, the usual one first.
    pub(crate) methods: Vec<String>,
    /// 1, and one more after each reload.
    pub(crate) generation: u64,
}

/// What a client calls a model: a smoothed classifier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    pub(crate) name: String,
    /// The only method that it answers by; `None` leaves it to the request.
    pub(crate) method: Option<String>,
}

type Open = dyn Fn() -> Result<Opened, String> + Send + Sync;

/// The pool of the moment.
pub(crate) struct Served {
    current: ArcSwap<Pool>,
    open: Box<Open>,
    /// Of the newest; held while another is opened.
    generation: Mutex<u64>,
}

impl Served {
    /// Opens the first one.
    pub(crate) fn new(open: Box<Open>) -> Result<Self, String> {
        let first = Pool::new(open()?, 1)?;
        Ok(Self { current: ArcSwap::from_pointee(first), open, generation: Mutex::new(1) })
    }

    /// The pool. Whoever answers a request takes it once: a reload changes no request under way.
    pub(crate) fn pool(&self) -> Arc<Pool> {
        self.current.load_full()
    }

    /// Opens and checks another, and puts it in the place of the one before; `told` is called then. The one
    /// before is [retired](Pool::retire). If the new one does not open, the old one stays. Blocks.
    pub(crate) fn reload(&self, told: impl FnOnce(&Pool)) -> Result<(), String> {
        // One after the other, to the end: an older pool must not come after a newer one, and no more than
        // two are open.
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = Arc::new(Pool::new((self.open)()?, *generation + 1)?);
        *generation += 1;
        let before = self.current.swap(Arc::clone(&pool));
        told(&pool);
        drop(pool);
        let number = before.generation;
        let retired = before.retire();
        retired.map_err(|problem| {
            format!("nothing holds that generation {number} has certified: {problem}")
        })
    }
}

impl Pool {
    fn new(opened: Opened, generation: u64) -> Result<Self, String> {
        let Opened { config, router } = opened;
        let pool = router.pool();
        let experts = pool.experts.iter().map(|expert| expert.name.clone());
        let mut models = vec![Model { name: POOL.to_owned(), method: None }];
        models.extend(experts.map(|name| Model { method: Some(format!("one:{name}")), name }));
        if let Some(taken) = models[1..].iter().find(|model| TAKEN.contains(&model.name.as_str())) {
            return Err(format!(
                "{}: an expert is called {}, which means something else to clients: give it another name",
                config.path.display(),
                taken.name
            ));
        }
        let protocol = Protocol { split: config.split, ..Protocol::default() };
        let rules = [Method::MaxMin, Method::Set, Method::Dual, Method::Blend, Method::Multiscale];
        let all = rules.into_iter().chain((0..pool.experts.len()).map(Method::One));
        let works = all.filter(|&method| check(pool, method, &protocol).is_ok());
        let methods = works.map(|method| name(pool, method)).collect();
        Ok(Self { config, router, models, methods, generation })
    }

    /// Waits until the last request is answered, and tries the models once more. Blocks.
    ///
    /// # Errors
    /// If a model votes on more than its input: nothing that this pool certified holds.
    pub(crate) fn retire(self: Arc<Self>) -> Result<(), String> {
        let mut pool = self;
        // Its threads are joined when it is dropped: here, where waiting hurts nobody.
        let alone = loop {
            match Arc::try_unwrap(pool) {
                Ok(alone) => break alone,
                Err(shared) => pool = shared,
            }
            std::thread::sleep(TURN);
        };
        alone.router.try_last().map_err(|error| error.to_string())
    }

    pub(crate) fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}
