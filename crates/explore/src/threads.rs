//! The threads of an execution, shared with the states that are remembered of it until they change: a step changes few, and a state is remembered every
//! few steps.

use crate::event::ThreadSet;
use crate::thread::Thread;
use std::ops::{Index, IndexMut};
use std::rc::Rc;

/// See the module.
#[derive(Default)]
pub struct Threads(Vec<Rc<Thread>>);

impl Threads {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, t: usize) -> Option<&Thread> {
        self.0.get(t).map(Rc::as_ref)
    }

    pub fn get_mut(&mut self, t: usize) -> Option<&mut Thread> {
        self.0.get_mut(t).map(Rc::make_mut)
    }

    pub fn first(&self) -> Option<&Thread> {
        self.get(0)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Thread> + ExactSizeIterator + Clone {
        self.0.iter().map(Rc::as_ref)
    }

    /// All, to be changed. Whoever changes few looks for them first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Thread> {
        self.0.iter_mut().map(Rc::make_mut)
    }

    /// Those that wait for readers wait only for these.
    pub fn no_longer_wait(&mut self, readers: ThreadSet) {
        self.0.iter_mut().filter(|thread| thread.waits_for & !readers != 0).for_each(|thread| Rc::make_mut(thread).waits_for &= readers);
    }

    pub fn push(&mut self, thread: Thread) {
        self.0.push(Rc::new(thread));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Clone for Threads {
    fn clone(&self) -> Threads {
        Threads(self.0.clone())
    }

    fn clone_from(&mut self, from: &Threads) {
        self.0.clone_from(&from.0);
    }
}

impl Index<usize> for Threads {
    type Output = Thread;

    #[inline]
    fn index(&self, t: usize) -> &Thread {
        &self.0[t]
    }
}

impl IndexMut<usize> for Threads {
    #[inline]
    fn index_mut(&mut self, t: usize) -> &mut Thread {
        Rc::make_mut(&mut self.0[t])
    }
}
