## Unit tests of the layer pool.
