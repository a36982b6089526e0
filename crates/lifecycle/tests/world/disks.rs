//! Disks: an instance without spawnd, its later installation, and images of the disk.

use super::books::BudgetBooks;
use super::{LifeWorld, secs};
use lifecycle::tag::ExpiryTag;
use lifecycle::{BootIdentity, ClockReadings, DaemonState, Terms};

impl LifeWorld {
    /// The same without spawnd, whose installation is an act of its own.
    pub(crate) fn launch_without_spawnd(terms: Terms) -> LifeWorld {
        let mut world = LifeWorld::launch(terms);
        (world.counted, world.counted_end) = (Some(world.dead_man), Some(world.dead_man));
        world.installed = false;
        world
    }

    pub(super) fn install(&mut self) {
        if !self.installed {
            self.installed = true;
            self.down_ticks = 1;
        }
    }

    /// The life goes on with another instance, of an image of this one's disk.
    pub(super) fn image(&mut self, terms: Terms) {
        let budget = terms.budget.as_secs();
        self.terms = terms;
        self.instance += 1;
        (self.pending, self.created) = (self.now, self.now);
        self.dead_man_at_boot = budget + self.terms.dead_man_slack().as_secs();
        self.boot_up();
        self.counted = self.counted.map(|_| self.dead_man);
        self.counted_end = self.counted;
        self.taken = false;
        (self.beat_at, self.beat_denied) = (None, false);
        self.waking = false;
        self.completed = false;
        self.foreign = true;
        self.events.clear();
        self.books = BudgetBooks { least: budget, most: budget };
    }

    /// The state of a daemon without a saved one of this instance.
    pub(super) fn first_state(&mut self, clocks: &ClockReadings, boot: &BootIdentity) -> DaemonState {
        let begun = DaemonState::begin(self.terms.clone(), clocks, boot);
        let Some(counted) = self.counted else {
            self.books.either((self.terms.budget.as_secs() - self.mono).max(0));
            return begun;
        };
        let counted = self.counted_end.map_or(counted, |end| end - self.mono);
        let left = counted - self.terms.dead_man_slack().as_secs();
        if std::mem::replace(&mut self.taken, true) {
            self.books.either(left.max(0));
        } else {
            // An overdue end is due when the daemon begins.
            self.books.most = self.books.most.max(0);
            self.foreign &= self.tag_generation() != Some(1);
        }
        begun.take_over(secs(left))
    }

    fn tag_generation(&self) -> Option<u64> {
        Some(ExpiryTag::decode(self.tag.as_deref()?).ok()?.generation)
    }
}
