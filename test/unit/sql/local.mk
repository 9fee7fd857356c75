## Unit tests of the layer sql.
