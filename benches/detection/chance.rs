//! Chance: exact intervals, and a generator of numbers.

/// The exact interval for a mean of which so many were seen (Garwood, 1936), by bisection.
pub(crate) fn poisson(k: u64) -> (f64, f64) {
    let at_most = |k: u64, mean: f64| -> f64 {
        let mut term = (-mean).exp();
        let mut sum = term;
        for i in 1..=k {
            term *= mean / i as f64;
            sum += term;
        }
        sum
    };
    let solve = |holds: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0.0, 4.0 * k as f64 + 20.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if holds(middle) { low = middle } else { high = middle }
        }
        low
    };
    let low = if k == 0 { 0.0 } else { solve(&|mean| 1.0 - at_most(k - 1, mean) < 0.025) };
    (low, solve(&|mean| at_most(k, mean) > 0.025))
}

/// The exact interval for a share (Clopper and Pearson, 1934), by bisection.
pub(crate) fn clopper_pearson(k: u64, n: u64) -> (f64, f64) {
    // The probability of k or fewer of n.
    let at_most = |k: u64, p: f64| -> f64 {
        let mut term = n as f64 * (1.0 - p).ln();
        let mut sum = term.exp();
        for i in 1..=k {
            term += ((n - i + 1) as f64 / i as f64).ln() + p.ln() - (1.0 - p).ln();
            sum += term.exp();
        }
        sum
    };
    let solve = |holds: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (1e-12, 1.0 - 1e-12);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if holds(middle) { low = middle } else { high = middle }
        }
        low
    };
    if n == 0 {
        return (0.0, 1.0);
    }
    let low = if k == 0 { 0.0 } else { solve(&|p| 1.0 - at_most(k - 1, p) < 0.025) };
    let high = if k == n { 1.0 } else { solve(&|p| at_most(k, p) > 0.025) };
    (low, high)
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Default)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n.max(1))) >> 64) as u64
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 2_f64.powi(53)
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len() as u64) as usize)
    }
}
