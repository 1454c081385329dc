//! Objects by address space. Each space knows its version, so that going back to a copy leaves alone what has not changed since.

use super::Object;

#[derive(Default)]
struct Space {
    objects: Vec<Object>,
    /// No two contents of a space have one version; 0: unlike all others.
    version: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Spaces {
    spaces: Vec<Space>,
    /// The last version that was given.
    last: u64,
}

impl Spaces {
    pub fn all(&self) -> impl Iterator<Item = &Object> {
        self.spaces.iter().flat_map(|space| &space.objects)
    }

    /// The objects of a space, in the order of their slots.
    #[inline]
    pub fn of(&self, space: usize) -> &[Object] {
        self.spaces.get(space).map_or(&[], |space| &space.objects)
    }

    /// The same, to be changed.
    pub fn change(&mut self, space: usize) -> &mut Vec<Object> {
        if self.spaces.len() <= space {
            self.spaces.resize_with(space + 1, Space::default);
        }
        self.last += 1;
        let space = &mut self.spaces[space];
        space.version = self.last;
        &mut space.objects
    }

    pub fn clear(&mut self) {
        for space in &mut self.spaces {
            space.objects.clear();
            space.version = 0;
        }
    }

    /// Takes over what another has. Versions go on.
    pub fn copy_from(&mut self, from: &Spaces) {
        self.last = self.last.max(from.last);
        self.spaces.resize_with(from.spaces.len(), Space::default);
        for (to, from) in self.spaces.iter_mut().zip(&from.spaces) {
            if from.version == 0 || to.version != from.version {
                to.objects.clone_from(&from.objects);
                to.version = from.version;
            }
        }
    }
}
