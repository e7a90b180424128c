"""Methods that draw what networks represent as points in the plane."""
