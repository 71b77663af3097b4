"""The gears of one weight: every ratio on its way to the cost, as text and as a drawing."""
