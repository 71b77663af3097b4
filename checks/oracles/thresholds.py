"""Thresholds: every number that enters a verdict, with its derivation or what set it.

A comment and what it stands above are a row of the table in docs/numerics.md. h is the step of a
level of differences, sigma the cost's noise, eps the spacing of numbers at 1.
"""

from __future__ import annotations

import numpy as np

# --- what an error is -----------------------------------------------------------------------------

# Promised: a relative error of this size is caught. A float32 gradient has seven digits, of which
# rounding with SAFETY takes about five.
RTOL = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-2}

# A difference below this part of `rtol`, of the value, is none: two values that are each right to
# half of it can lie no further apart than `rtol`.
NO_ERROR = 0.5

# What evidence has to show at the least, relative to the largest slope of its tensor: three digits,
# where a step of gradient descent cannot tell the two apart. So an audit weighs what is smaller as
# if it were that large, and misses an error once in a thousand times at most; and numbers of one
# array that lie further apart are taken to be of different units.
BLUNT = 1e-3

# --- rounding of the analytic value ---------------------------------------------------------------

# How often the gradient is computed anew with every stored number moved by one or two units in its
# last place. The largest of sixteen falls short by a factor k with a probability of about k^-16.
JITTERS = 16

# Rounding may be this many of those spreads. Measured: 1,000 random networks never exceeded 10.
SAFETY = 32.0

# Nor does it reach the sum over a batch whose terms cancel: one of m terms rounds by sqrt(m / 12)
# units of them, 4.6 for 256. Course networks in float32 were met with 2.2 of the largest slope.
UNITS = 8.0

# Where jitter does not reach what rounds, as in 1 - a next to a = 1, the difference of analytic and
# complex value is followed over POINTS places, this part of the scale apart, for by then it has
# moved by many units. POINTS - 3 third differences leave what is smooth behind.
POINTS = 7
APART = 2.0**-5

# A difference of so many standard deviations of its own scatter is no rounding: with four third
# differences to estimate it from, the tail of a normal error beyond is below 1 in 100, and
# rounding is bounded where a normal error is not.
DEVIATIONS = 4.0

# --- the complex step -----------------------------------------------------------------------------

# Its second-order term is the square of this, relative to the scale on which the cost changes:
# still below eps where that is 2^44 times shorter than the parameter. Smaller would only underflow
# sooner.
COMPLEX_STEP = 2.0**-70

# Lines that put it to the test go through at least so many coordinates of a tensor, and there are
# at most so many of them for each: a few calls of the cost, not one for each coordinate. Policy.
GROUP, GROUPS = 64, 8

# So many suspects of a tensor are looked at one by one, and no more than a quarter of them; where
# all of these are wrong, so is the rest. A failure then costs at most twice what passing does.
LOOKED = 16

# On such a line no slope is weighed up by more than this, for the others hardly move then: the
# root of eps is what a difference that balances noise and truncation still resolves, with margin.
LEAST_SAY = 2.0**-20

# --- levels of differences ------------------------------------------------------------------------

# A step is a power of two times the scale, and neighbouring levels are a factor of 4 apart: a
# smooth line's truncation then falls by 16, and the one in between would be no news.
RATIO = 4

# Levels go out to where a step is some 32 scales of the parameter: weights before training are much
# smaller than what they act on, but still further out every line has crossed its kinks.
REACH = 2.0**5

# The first step balances truncation, h^2 / 4 of the scale, and noise, 2 NOISE_GAIN sigma / h: it is
# (4 NOISE_GAIN sigma / C)^(1/3) scales, and lies between these.
FIRST = 2.0**-20, 2.0**-4

# The extrapolated value (4 d(h/2) - d(h)) / 3 moves by at most 3 sigma / h; three of them.
NOISE_GAIN = 9.0

# Half the step halves the gap between a smooth line's one-sided slopes and leaves that at a kink:
# their ratio is 1/2 or 1, and what is nearer 1/2 is smooth.
SMOOTH = 0.25

# Evidence tells two values apart when it is narrower than this part of their distance.
TELLS = 0.5

# The closest level that can tell two values apart is that whose noise, three standard deviations
# of it, is this part of their distance; a value that far beyond an interval is out of it.
SURE = 2.0**-4

# A kink is at the point when the hull of the one-sided slopes stays, up to this part of its width,
# as the step shrinks by RATIO: one nearby or a bend would change it by that factor.
STAYS = 2.0**-3

# And so many levels inside of the first, that is 2^-16 of it, or it may be several kinks nearby. In
# networks with weights of 1e-4 kinks were met that looked like one six levels inside.
CLOSE = 8

# So many halvings tell a jump, whose rise stays, from a kink, whose rise falls to 2^-24, and from
# a wave, even where there are a thousand periods on the way.
HALVINGS = 24

# --- noise of the cost ----------------------------------------------------------------------------

# Spacings at which it is looked for, relative to the scale: the finest at which the cost moves at
# all counts. From a few units of float64 to a few of float32; wider ones take kinks for noise.
SPACINGS = tuple(2.0**-k for k in range(46, 21, -4))

# Noise is what three orders of differences agree on, up to this factor (Moré and Wild 2011).
AGREE = 4.0

# --- projections --------------------------------------------------------------------------------

# So many culprits are named one by one: policy. Where a bisection finds more, the bug is of many.
CULPRITS = 16

# In a bisection, this share of a difference is left to the rounding of the passes that show it:
# a pass of 2^22 terms rounds to less than 2^-52 x 2^11, and 32 of them are SAFETY.
DROWNED = 2.0**-36

# From so many parameters on, every call of the cost takes about a second: it is called less often,
# and its noise is taken for SAFETY roundings of it. Policy.
MANY = 2**22
