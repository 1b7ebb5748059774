//! An allocator that reads each block before it frees it, and a watch that reports which secrets it
//! contained.
//!
//! The kernel reads each block through `/proc/self/mem`, as for a debugger. So the code does not
//! read uninitialized bytes, such as padding, itself.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, RefCell};
use std::alloc::System;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

struct Watched;

/// Blocks are zeroed when they are allocated, so old contents are never found. `realloc` keeps its
/// default: a new block, a copy, and the old block is freed; so the blocks that a growing vector
/// frees are read too.
///
/// SAFETY: all blocks come from the system allocator and return to it unchanged; they are only
/// read.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the same contract.
        let block = unsafe { System.alloc_zeroed(layout) };
        with_watch(|watch| watch.on_alloc(Block { start: block.addr(), len: layout.size() }));
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        with_watch(|watch| watch.on_free(Block { start: block.addr(), len: layout.size() }));
        // SAFETY: the caller upholds the same contract.
        unsafe { System.dealloc(block, layout) }
    }
}

thread_local! {
    /// The secrets that this thread looks for. Blocks of other threads are not read.
    static WATCH: Cell<Option<&'static Watch>> = const { Cell::new(None) };
}

/// Nothing in this block may allocate.
fn with_watch(look: impl FnOnce(&Watch)) {
    if let Ok(Some(watch)) = WATCH.try_with(Cell::get) {
        look(watch);
    }
}

/// While this value exists, this thread's memory is watched for some secrets.
pub(crate) struct Memory(&'static Watch);

struct Watch {
    memory: File,
    /// Every eight bytes of every secret, with the name of the secret; sorted, for the search.
    fragments: Vec<(u64, &'static str)>,
    /// The blocks in use that were allocated under watch.
    blocks: RefCell<Vec<Block>>,
    /// The secrets that freed blocks contained.
    found: RefCell<Vec<Run>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Block {
    start: usize,
    len: usize,
}

const FRAGMENT_LEN: usize = 8;
/// The list of fragments must not be found as a secret itself.
const MASK: u64 = 0xa5c3_7e19_d2f0_486b;

impl Memory {
    /// Looks for these secrets, each of at least eight bytes, and for any eight bytes of them.
    pub(crate) fn watch(secrets: Vec<(&'static str, Vec<u8>)>) -> Self {
        let fragments: BTreeSet<_> =
            secrets.iter().flat_map(|(name, secret)| fragments(name, secret)).collect();
        for (name, _) in &secrets {
            assert!(fragments.iter().any(|(_, other)| other == name), "{name}: nothing to see");
        }
        drop(secrets);
        // The value is never freed, so that the allocator can refer to it.
        let watch: &Watch = Box::leak(Box::new(Watch {
            memory: File::open("/proc/self/mem").expect("/proc is mounted"),
            fragments: fragments.into_iter().collect(),
            blocks: RefCell::new(Vec::with_capacity(4096)),
            found: RefCell::new(Vec::with_capacity(RUNS)),
        }));
        WATCH.set(Some(watch));
        Self(watch)
    }

    /// Whether a block in use contains part of this secret.
    pub(crate) fn holds(&self, secret: &str) -> bool {
        let blocks = self.0.blocks.borrow();
        let mut is_there = false;
        for block in blocks.iter() {
            self.0.search(*block, |name, _| is_there |= name == secret);
        }
        is_there
    }

    /// The secrets in the memory of this value.
    pub(crate) fn runs_in<T>(&self, object: &T) -> Vec<Run> {
        let mut runs = Vec::with_capacity(RUNS);
        let start = core::ptr::from_ref(object).addr();
        self.0.add_runs(Block { start, len: size_of::<T>() }, &mut runs);
        runs
    }

    /// The secrets in blocks that were freed since the last call.
    pub(crate) fn left_behind(&self) -> Vec<Run> {
        self.0.found.replace(Vec::with_capacity(RUNS))
    }
}

/// A sequence of fragments of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) secret: &'static str,
    pub(crate) fragments: usize,
    /// The address of its start.
    pub(crate) start: usize,
}

/// The maximum number that is kept.
const RUNS: usize = 256;

impl Drop for Memory {
    fn drop(&mut self) {
        WATCH.set(None);
    }
}

impl Watch {
    fn on_alloc(&self, block: Block) {
        if let Ok(mut blocks) = self.blocks.try_borrow_mut() {
            if blocks.len() < blocks.capacity() {
                blocks.push(block);
            }
        }
    }

    fn on_free(&self, block: Block) {
        if let Ok(mut blocks) = self.blocks.try_borrow_mut() {
            if let Some(place) = blocks.iter().rposition(|other| *other == block) {
                blocks.swap_remove(place);
            }
        }
        if let Ok(mut found) = self.found.try_borrow_mut() {
            self.add_runs(block, &mut found);
        }
    }

    /// The vector must not grow, because code that frees memory must not allocate.
    fn add_runs(&self, block: Block, runs: &mut Vec<Run>) {
        let first = runs.len();
        self.search(block, |secret, place| {
            let continues =
                |run: &&mut Run| run.secret == secret && run.start + run.fragments == place;
            if let Some(run) = runs.iter_mut().skip(first).find(continues) {
                run.fragments += 1;
            } else if runs.len() < runs.capacity() {
                runs.push(Run { secret, fragments: 1, start: place });
            }
        });
    }

    /// Reads a block piece by piece, and calls `found` for each fragment in it, with its address.
    fn search(&self, block: Block, mut found: impl FnMut(&'static str, usize)) {
        let mut piece = [0; 1024];
        let mut at = 0;
        while at + FRAGMENT_LEN <= block.len {
            let len = piece.len().min(block.len - at);
            let bytes = &mut piece[..len];
            let address = u64::try_from(block.start + at).unwrap_or_default();
            if self.memory.read_exact_at(bytes, address).is_err() {
                found("a block that cannot be read", block.start);
                return;
            }
            for (place, window) in (block.start + at..).zip(bytes.windows(FRAGMENT_LEN)) {
                let fragment = masked(window);
                let start = self.fragments.partition_point(|(other, _)| *other < fragment);
                let rest = self.fragments.get(start..).unwrap_or_default();
                for (_, name) in rest.iter().take_while(|(other, _)| *other == fragment) {
                    found(name, place);
                }
            }
            // A fragment may lie across two pieces.
            at += len - FRAGMENT_LEN + 1;
        }
    }
}

/// All fragments of a secret except those that occur anywhere, such as zeros.
fn fragments(name: &'static str, secret: &[u8]) -> impl Iterator<Item = (u64, &'static str)> {
    let is_telling = |window: &&[u8]| window.iter().collect::<BTreeSet<_>>().len() >= 4;
    secret.windows(FRAGMENT_LEN).filter(is_telling).map(move |window| (masked(window), name))
}

fn masked(window: &[u8]) -> u64 {
    let bytes = window.first_chunk::<FRAGMENT_LEN>().copied().unwrap_or_default();
    u64::from_le_bytes(bytes) ^ MASK
}
