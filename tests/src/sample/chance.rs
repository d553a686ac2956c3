//! Chance that is the same on every machine and for good: SplitMix64 (Steele, Lea and Flood 2014) and integer weights.

/// A fixed sequence, by its seed.
pub(super) struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is above 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True in `percent` of 100.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several, by weight.
    pub(super) fn weighted<T: Copy>(&mut self, choices: &[(T, u64)]) -> T {
        let mut left = self.below(choices.iter().map(|(_, weight)| weight).sum());
        for (choice, weight) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        choices[0].0
    }

    /// One of several.
    pub(super) fn one<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Up to `most` different ones, at least `least`, in the order of the list.
    pub(super) fn some<'a>(&mut self, choices: &[&'a str], least: u64, most: u64) -> Vec<&'a str> {
        let count = least + self.below(most - least + 1);
        let mut picked: Vec<usize> = Vec::new();
        while (picked.len() as u64) < count.min(choices.len() as u64) {
            let place = self.below(choices.len() as u64) as usize;
            if !picked.contains(&place) {
                picked.push(place);
            }
        }
        picked.sort_unstable();
        picked.into_iter().map(|place| choices[place]).collect()
    }
}
