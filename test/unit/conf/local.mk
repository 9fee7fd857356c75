## Unit tests of the layer conf.
